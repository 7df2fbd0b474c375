package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/orrery-kafka/orrery/internal/poll"
)

// deadline bounds every wait of these tests; nothing that works comes near it.
const deadline = 60 * time.Second

// portTaken is what the program says of a port that somebody else listens on.
const portTaken = "is taken by another program"

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "orrery-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "orrery")
	build := exec.Command("go", "build", "-o", binary, "../../cmd/orrery")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building the program under test:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// server is one run of `orrery up`, or of another role.
type server struct {
	t       *testing.T
	dir     string
	command *exec.Cmd
	output  *output
	exited  chan error
	env     map[string]string // of admin.env
	flags   []string
	// patient says that brokers are JVMs, which take a machine that has much to do minutes.
	patient bool
}

// until waits until holds returns true; what completes "waited for ...".
func (s *server) until(what string, holds func() bool) {
	s.t.Helper()
	if !s.patient {
		poll.Until(s.t, what, holds)
		return
	}
	poll.Patiently(s.t, func() error {
		if !holds() {
			return fmt.Errorf("waited for %s", what)
		}
		return nil
	})
}

// start runs `orrery up` on dir with ports that the system chooses, and waits until its API answers. A directory keeps
// its port, which the system may have given to another test since the server ended: then it is tried again.
func start(t *testing.T, dir string, flags ...string) *server {
	t.Helper()
	var s *server
	poll.Until(t, "the API's port to be free", func() bool {
		s = launch(t, dir, flags...)
		return s.waitReady()
	})
	return s
}

// launch runs `orrery up` on dir without waiting.
func launch(t *testing.T, dir string, flags ...string) *server {
	t.Helper()
	s := launchRole(t, dir, append([]string{"up", "--dir", dir, "--listen", "127.0.0.1:0", "--kafka-ports", "0-0"}, flags...))
	s.flags, s.patient = flags, slices.Contains(flags, engineKafka)
	return s
}

// launchRole runs a role of the program on dir without waiting.
func launchRole(t *testing.T, dir string, arguments []string, environ ...string) *server {
	t.Helper()
	s := &server{t: t, dir: dir, command: exec.Command(binary, arguments...), output: &output{}, exited: make(chan error, 1)}
	s.command.Stdout, s.command.Stderr = s.output, s.output
	s.command.Env = append(cleanEnvironment(), environ...)
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.exited <- s.command.Wait() }()
	t.Cleanup(func() {
		s.command.Process.Kill()
		<-s.exited
		if t.Failed() {
			t.Logf("output of orrery %s:\n%s", arguments[0], s.output)
		}
	})
	return s
}

// waitReady returns false where the server has ended because its port was taken.
func (s *server) waitReady() (ready bool) {
	s.t.Helper()
	taken := false
	s.until("the API to answer", func() bool {
		select {
		case err := <-s.exited:
			s.exited <- err
			if taken = strings.Contains(s.output.String(), portTaken); taken {
				return true
			}
			s.t.Fatalf("orrery up ended: %v\n%s", err, s.output)
		default:
		}
		return s.readAdmin() == nil && s.answers()
	})
	return !taken
}

func (s *server) answers() bool {
	httpClient := http.Client{Timeout: time.Second}
	response, err := httpClient.Get(s.env["ORRERY_URL"] + "/readyz")
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (s *server) readAdmin() error {
	content, err := os.ReadFile(filepath.Join(s.dir, "admin.env"))
	if err != nil {
		return err
	}
	s.env = map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		s.env[name] = value
	}
	return nil
}

// stop ends the server with a signal and returns its exit code, -1 for one that died of the signal.
func (s *server) stop(signal os.Signal) int {
	s.t.Helper()
	patience := deadline
	if s.patient {
		patience *= 5
	}
	if err := s.command.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
	select {
	case err := <-s.exited:
		s.exited <- err
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		return 0
	case <-time.After(patience):
		s.t.Fatalf("orrery up did not end within %s of %v\n%s", patience, signal, s.output)
		return -1
	}
}

// restart ends the server with a signal and starts it again on the same directory.
func (s *server) restart(signal syscall.Signal) *server {
	s.t.Helper()
	code := s.stop(signal)
	if signal == syscall.SIGTERM && code != 0 {
		s.t.Fatalf("exit code %d after SIGTERM\n%s", code, s.output)
	}
	return start(s.t, s.dir, s.flags...)
}

// caPool is the CA that clients are told to trust.
func (s *server) caPool() *x509.CertPool {
	s.t.Helper()
	pem, err := os.ReadFile(s.env["ORRERY_CA_FILE"])
	if err != nil {
		s.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		s.t.Fatal("no certificate in the CA file")
	}
	return pool
}

// kafka opens a franz-go client with an API key.
func (s *server) kafka(bootstrap string, key apiKey, options ...kgo.Opt) *kgo.Client {
	s.t.Helper()
	options = append([]kgo.Opt{
		kgo.SeedBrokers(bootstrap),
		kgo.DialTLSConfig(&tls.Config{RootCAs: s.caPool(), MinVersion: tls.VersionTLS12}),
		kgo.SASL(plain.Auth{User: key.id, Pass: key.secret}.AsMechanism()),
	}, options...)
	kafka, err := kgo.NewClient(options...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(kafka.Close)
	return kafka
}

// apiKey is an API key with its secret.
type apiKey struct{ id, secret string }

// cleanEnvironment is this process's environment without what would steer the program.
func cleanEnvironment() []string {
	var clean []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "ORRERY_") {
			clean = append(clean, e)
		}
	}
	return clean
}

// output collects what a program prints while it runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
