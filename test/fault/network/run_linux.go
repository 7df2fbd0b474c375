package network

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// goodbye is what the process gets to say why it did not end in time.
const goodbye = 5 * time.Second

// Run runs tests of this test binary in a process that is alone in a network namespace, with an environment variable
// set that says so. Where the machine does not allow it, the test is skipped with the reason.
func Run(t *testing.T, variable, tests string) {
	t.Helper()
	if reason := impossible(); reason != nil {
		t.Skip("no network namespaces on this machine:", reason)
	}
	arguments := []string{"-test.run=" + tests, "-test.v", "-test.count=1"}
	if deadline, ok := t.Deadline(); ok {
		arguments = append(arguments, fmt.Sprintf("-test.timeout=%v", time.Until(deadline)-goodbye)) // so that it says itself where it was
	}
	command := exec.CommandContext(t.Context(), os.Args[0], arguments...)
	command.Env = append(os.Environ(), variable+"=1")
	Isolated(command)
	command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = goodbye
	out := &lines{t: t}
	command.Stdout, command.Stderr = out, out
	if err := command.Run(); err != nil || !out.passed {
		t.Fatalf("in the namespace: %v", err)
	}
}

// lines logs what a process says, line by line, while it says it.
type lines struct {
	t      *testing.T
	rest   []byte
	passed bool // it said that a test passed
}

// Write takes a piece of the text.
func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		l.t.Logf("%s", line)
		l.passed = l.passed || bytes.HasPrefix(line, []byte("--- PASS"))
		l.rest = rest
	}
}

// impossible is why there can be no network, nil where there can.
func impossible() error {
	trial := exec.Command("true")
	Isolated(trial)
	_, missing := exec.LookPath("nsenter")
	device, closed := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if closed == nil {
		closed = device.Close()
	}
	return errors.Join(trial.Run(), missing, closed)
}
