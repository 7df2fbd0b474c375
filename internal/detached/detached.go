// Package detached starts processes that outlive whoever started them, and finds them again: a process is known by its
// pid together with when it began, so that a pid that the system has given to somebody else is never signalled.
//
// It needs Linux (/proc, pidfd_open); elsewhere every call returns an error.
package detached

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Identity is what tells a process from every other one, before and after it.
type Identity struct {
	PID int `json:"pid"`
	// Began is when it started, in ticks of the kernel's clock since Boot (field 22 of /proc/PID/stat).
	Began uint64 `json:"began"`
	// Boot is the kernel's id of this run of the machine.
	Boot string `json:"boot"`
}

// Command is what to start.
type Command struct {
	Path      string
	Arguments []string
	// Dir is the working directory.
	Dir string
	// Environment is NAME=VALUE; nothing of this process's is passed on, where a secret may be. See Environment.
	Environment []string
	// Output takes standard output and error; it is emptied first. Standard input is empty.
	Output string
	// Mark is a text by which Find finds the process, also where a crash came before its identity was written down.
	Mark string
}

// markVariable is the variable of a process's environment with its mark.
const markVariable = "ORRERY_PROCESS"

// Environment is what a process needs of this one's environment: where programs and temporary files are, the language
// and the time zone, and further variables by name.
func Environment(further ...string) []string {
	var environment []string
	for _, name := range append([]string{"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "JAVA_HOME"}, further...) {
		if value, ok := os.LookupEnv(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

// Process is a detached process, started here or adopted. It may be used from any goroutine.
type Process struct {
	identity Identity
	handle   *handle
	done     chan struct{}
	how      string // set before done is closed

	stopping sync.Once
}

// Start starts a process in a session of its own.
func Start(c Command) (*Process, error) {
	if c.Mark == "" || strings.ContainsRune(c.Mark, 0) {
		return nil, errors.New("a detached process needs a mark")
	}
	output, err := os.OpenFile(c.Output, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	defer output.Close() // the process has a handle of its own
	command := exec.Command(c.Path, c.Arguments...)
	command.Dir, command.Stdout, command.Stderr = c.Dir, output, output
	command.Env = append(append([]string{}, c.Environment...), markVariable+"="+c.Mark)
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	ended := make(chan string, 1)
	identity, err := identityOf(command.Process.Pid) // it cannot be another one's before it is waited for
	var h *handle
	if err == nil {
		h, err = open(identity, true)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", c.Path, err), command.Process.Kill(), command.Wait())
	}
	go func() { // as long as this process lives, which may be longer than anybody cares
		_ = command.Wait() // how it ended is in the state
		ended <- command.ProcessState.String()
	}()
	return watch(identity, h, ended), nil
}

// Adopt finds a process that another one started. It returns nil where it has ended; one that nobody has waited for has
// ended too.
func Adopt(identity Identity) (*Process, error) {
	h, err := open(identity, false)
	if err != nil || h == nil {
		return nil, err
	}
	return watch(identity, h, nil), nil
}

// Runs reports whether the process has not ended. It does not watch it, so it costs nothing later.
func (i Identity) Runs() (bool, error) {
	h, err := open(i, false)
	if err != nil || h == nil {
		return false, err
	}
	h.close()
	return true, nil
}

// watch closes done once the process has ended. ended says how, of a child of this process.
func watch(identity Identity, h *handle, ended <-chan string) *Process {
	p := &Process{identity: identity, handle: h, done: make(chan struct{})}
	go func() {
		p.how = "it ended"
		if ended != nil {
			p.how = "it ended: " + <-ended
		} else if err := h.wait(); err != nil {
			p.how = "it cannot be watched any more: " + err.Error()
		}
		h.close()
		close(p.done)
	}()
	return p
}

// Identity is what to write down, for Adopt.
func (p *Process) Identity() Identity { return p.identity }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended says how the process ended, as far as that is known; "" while it has not.
func (p *Process) Ended() string {
	select {
	case <-p.done:
		return p.how
	default:
		return ""
	}
}

// Signal sends a signal. A process that has ended gets none, which is no error.
func (p *Process) Signal(signal syscall.Signal) error {
	if err := p.handle.signal(signal); err != nil {
		return fmt.Errorf("signal process %d: %w", p.identity.PID, err)
	}
	return nil
}

// Stop asks the process to end, and ends it by force after grace, without waiting for either: Done says when. Further
// calls do nothing.
func (p *Process) Stop(grace time.Duration) error {
	var err error
	p.stopping.Do(func() {
		if err = p.Signal(syscall.SIGTERM); err != nil {
			return
		}
		timer := time.NewTimer(grace)
		go func() {
			defer timer.Stop()
			select {
			case <-p.done:
			case <-timer.C:
				_ = p.Signal(syscall.SIGKILL) // nothing is left to try; it is seen not to end
			}
		}()
	})
	return err
}

// Kill ends the process as a crash would, and returns once it has ended.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}
