package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Process is a running JVM. On Linux it ends with this process, however that ends.
type Process struct {
	command *exec.Cmd
	done    chan struct{}
	err     error // set before done is closed
}

// Start starts a Java program of the installation in a directory, with its output going to log.
func (i Installation) Start(dir string, log *os.File, j JVM, class string, args ...string) (*Process, error) {
	return start(i.Java, dir, log, i.Arguments(j, class, args...))
}

func start(java, dir string, log *os.File, arguments []string) (*Process, error) {
	command := exec.Command(java, arguments...)
	command.Dir, command.Stdout, command.Stderr = dir, log, log
	command.SysProcAttr = endWithParent()
	p := &Process{command: command, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ends the child with the thread that started it, so that thread has to stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			p.err = command.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", java, err)
	}
	return p, nil
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the program ended, nil for success. It may be called once Done is closed.
func (p *Process) Err() error { return p.err }

// Signal sends a signal. A program that has ended gets none, which is no error.
func (p *Process) Signal(signal os.Signal) error {
	if err := p.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal process %d: %w", p.command.Process.Pid, err)
	}
	return nil
}

// Pause freezes the program, and returns once all of its threads are (on Linux; elsewhere a moment before). Stop waits
// in vain for a frozen program.
func (p *Process) Pause() error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return awaitStopped(p.command.Process.Pid)
}

// Resume ends Pause.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// Stop asks the program to end, kills it after grace, and returns once it has ended. Killing is an error.
func (p *Process) Stop(grace time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		return errors.Join(fmt.Errorf("process %d did not end within %v of being asked to, and was killed", p.command.Process.Pid, grace), p.Kill())
	}
}

// Kill ends the program as a crash would, and returns once it has ended.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// PID is the program's process id.
func (p *Process) PID() int { return p.command.Process.Pid }
