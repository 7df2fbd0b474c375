package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is one run of the program.
type server struct {
	dir     string
	command *exec.Cmd
	env     map[string]string
	// began is when the binary was started, ready how long it took from then until the API answered.
	began time.Time
	ready time.Duration
}

func start(ctx context.Context, binary, dir string) (*server, error) {
	s := &server{dir: dir, command: exec.CommandContext(ctx, binary, "up", "--dir", dir, "--listen", "127.0.0.1:0", "--kafka-ports", "0-0", "--log-level", "warn")}
	s.command.Stderr = os.Stderr
	s.began = time.Now()
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for ; time.Since(s.began) < time.Minute; <-tick.C {
		if s.readAdmin() == nil && s.answers() {
			s.ready = time.Since(s.began)
			return s, nil
		}
	}
	return nil, errors.Join(errors.New("the API did not answer within a minute"), s.stop())
}

func (s *server) stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.command.Wait()
}

func (s *server) readAdmin() error {
	content, err := os.ReadFile(filepath.Join(s.dir, "admin.env"))
	if err != nil {
		return err
	}
	s.env = map[string]string{}
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		s.env[name] = value
	}
	return nil
}

func (s *server) answers() bool {
	response, err := http.Get(s.env["ORRERY_URL"] + "/readyz")
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// residentBytes is the memory that the process holds (VmRSS of proc_pid_status(5)).
func (s *server) residentBytes() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kibibytes, err := strconv.ParseInt(fields[1], 10, 64)
			return kibibytes << 10, err
		}
	}
	return 0, errors.New("no VmRSS")
}

// api makes a request with the admin key and decodes the answer, which must have the status.
func (s *server) api(ctx context.Context, want int, method, path string, body, answer any) error {
	var content io.Reader
	if body != nil {
		document, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(document)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.env["ORRERY_URL"]+path, content)
	if err != nil {
		return err
	}
	request.SetBasicAuth(s.env["ORRERY_API_KEY"], s.env["ORRERY_API_SECRET"])
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != want {
		return fmt.Errorf("%s %s answered %d: %s", method, path, response.StatusCode, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
