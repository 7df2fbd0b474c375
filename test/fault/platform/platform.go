// Package platform runs the whole platform with Apache Kafka through the real program, for tests and measurements that
// break it: one process is the control plane with its satellite, every broker, gateway and balancer is another, and each
// of them can be found by name.
package platform

import (
	"bufio"
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
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/internal/detached"
	"github.com/orrery-kafka/orrery/internal/engine"
)

// Build builds the program into a directory and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "orrery")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "github.com/orrery-kafka/orrery/cmd/orrery")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build, which has to run in the repository: %w\n%s", err, out)
	}
	return binary, nil
}

// Platform is one data directory and, while it is up, the process on it.
type Platform struct {
	// API is the administrator's client of the API.
	API *client.Client
	// CAFile is what Kafka clients have to trust.
	CAFile string

	binary, dir string
	flags       []string
	log         *os.File
	command     *exec.Cmd // nil while it is down
	exited      chan struct{}
}

// Open starts the program and returns once its API answers. Flags are more of `orrery up`. The directory has to exist: its
// data goes to data in it, and what the program says to orrery.log.
func Open(ctx context.Context, binary, dir string, flags ...string) (*Platform, error) {
	log, err := os.OpenFile(filepath.Join(dir, "orrery.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	p := &Platform{binary: binary, dir: filepath.Join(dir, "data"), flags: flags, log: log}
	if err := p.Start(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Log is the last lines of what the program said.
func (p *Platform) Log() string { return engine.Tail(p.log.Name(), 60) }

// Start starts the control plane, which is down, and returns once its API answers.
func (p *Platform) Start(ctx context.Context) error {
	arguments := append([]string{"up", "--engine", "kafka", "--dir", p.dir, "--listen", "127.0.0.1:0", "--kafka-ports", "0-0"}, p.flags...)
	p.command, p.exited = exec.Command(p.binary, arguments...), make(chan struct{})
	p.command.Stdout, p.command.Stderr = p.log, p.log
	p.command.Env = environment()
	if err := p.command.Start(); err != nil {
		p.command = nil
		return err
	}
	go func() {
		_ = p.command.Wait() // how it ended is in its state
		close(p.exited)
	}()
	return p.await(ctx, "the API to answer", func() (bool, error) {
		select {
		case <-p.exited:
			return false, fmt.Errorf("orrery up ended: %v\n%s", p.command.ProcessState, p.Log())
		default:
		}
		return p.readAdmin() == nil && p.ready(ctx), nil
	})
}

// Kill ends the control plane as a crash does. Brokers, gateways and balancers go on.
func (p *Platform) Kill() error {
	if p.command == nil {
		return errors.New("the control plane is down")
	}
	err := p.command.Process.Kill()
	<-p.exited
	p.command = nil
	return err
}

// closing is how long everything may take to end in an orderly way.
const closing = 2 * time.Minute

// Close ends everything: in order where the control plane is up, and what is left of its processes by force. The
// directory stays.
func (p *Platform) Close() error {
	var errs []error
	if p.command != nil {
		errs = append(errs, p.command.Process.Signal(syscall.SIGTERM))
		select {
		case <-p.exited:
			if !p.command.ProcessState.Success() {
				errs = append(errs, fmt.Errorf("orrery up: %v", p.command.ProcessState))
			}
		case <-time.After(closing):
			errs = append(errs, fmt.Errorf("orrery up did not end within %v", closing), p.command.Process.Kill())
			<-p.exited
		}
		p.command = nil
	}
	left, err := p.Processes()
	for name, identity := range left {
		process, adoptErr := detached.Adopt(identity)
		if err = errors.Join(err, adoptErr); process != nil {
			errs = append(errs, fmt.Errorf("%s was still there, and was ended by force", name), process.Kill())
		}
	}
	return errors.Join(append(errs, err, p.log.Close())...)
}

// Clusters is the directory of what Processes names.
func (p *Platform) Clusters() string { return filepath.Join(p.dir, "clusters") }

// PID is the process id of the control plane.
func (p *Platform) PID() int { return p.command.Process.Pid }

// Processes are all brokers, gateways and balancers that were started and not ended on purpose, by their directories below
// the clusters': such as pkc-1/node-0, pkc-1/gateway-0 and pkc-1/balancer. One that crashed is among them until it is
// started again.
func (p *Platform) Processes() (map[string]detached.Identity, error) {
	clusters := p.Clusters()
	notes, err := filepath.Glob(filepath.Join(clusters, "*", "*", "process.json"))
	if err != nil {
		return nil, err
	}
	all := map[string]detached.Identity{}
	for _, path := range notes {
		content, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // removed meanwhile
		}
		var note struct{ Process detached.Identity }
		if err = errors.Join(err, json.Unmarshal(content, &note)); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		name, err := filepath.Rel(clusters, filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		if note.Process.PID != 0 {
			all[name] = note.Process
		}
	}
	return all, nil
}

// Down are the names of those of Processes that have ended, sorted.
func (p *Platform) Down() ([]string, error) {
	all, err := p.Processes()
	if err != nil {
		return nil, err
	}
	var down []string
	for name, identity := range all {
		runs, err := identity.Runs()
		if err != nil {
			return nil, err
		}
		if !runs {
			down = append(down, name)
		}
	}
	slices.Sort(down)
	return down, nil
}

// Signal sends a signal to one of the Processes.
func (p *Platform) Signal(name string, signal syscall.Signal) error {
	all, err := p.Processes()
	if err != nil {
		return err
	}
	identity, ok := all[name]
	if !ok {
		return fmt.Errorf("there is no process %s", name)
	}
	process, err := detached.Adopt(identity)
	if err != nil || process == nil {
		return fmt.Errorf("process %s, %d, has ended (%w)", name, identity.PID, err)
	}
	return process.Signal(signal)
}

// ready reports whether the control plane says that it is.
func (p *Platform) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.API.URL+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

func (p *Platform) readAdmin() error {
	content, err := os.ReadFile(filepath.Join(p.dir, "admin.env"))
	if err != nil {
		return err
	}
	variables := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		variables[name] = value
	}
	p.API = &client.Client{URL: variables["ORRERY_URL"], APIKey: variables["ORRERY_API_KEY"], APISecret: variables["ORRERY_API_SECRET"]}
	p.CAFile = variables["ORRERY_CA_FILE"]
	return nil
}

const interval = 50 * time.Millisecond

// await polls until something holds.
func (p *Platform) await(ctx context.Context, what string, holds func() (bool, error)) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if done, err := holds(); done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w\n%s", what, context.Cause(ctx), p.Log())
		}
	}
}

// environment is this process's without what would steer the program, but for where Apache Kafka is kept.
func environment() []string {
	var clean []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "ORRERY_") || strings.HasPrefix(e, "ORRERY_ENGINE_CACHE=") {
			clean = append(clean, e)
		}
	}
	return clean
}
