package detached

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/poll"
)

const patience = time.Minute

// shell starts a script, which says "ready" where others wait for it.
func shell(t *testing.T, script string) (*Process, Command) {
	t.Helper()
	dir := t.TempDir()
	c := Command{
		Path: "/bin/sh", Arguments: []string{"-c", script}, Dir: dir, Environment: Environment(), Output: filepath.Join(dir, "out"), Mark: dir,
	}
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill() })
	return p, c
}

func awaitOutput(t *testing.T, c Command, want string) {
	t.Helper()
	poll.Until(t, fmt.Sprintf("the output %q", want), func() bool {
		text, err := os.ReadFile(c.Output)
		return err == nil && strings.Contains(string(text), want)
	})
}

func awaitDone(t *testing.T, p *Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(patience):
		t.Fatal("it did not end")
	}
}

func TestOutputDirectoryAndEnvironment(t *testing.T) {
	t.Setenv("ORRERY_SECRET", "hunter2")
	p, c := shell(t, `pwd; echo "secret=$ORRERY_SECRET path=$PATH"; read line; echo "input ended"; exit 3`)
	awaitDone(t, p)
	text, err := os.ReadFile(c.Output)
	if want := c.Dir + "\nsecret= path=" + os.Getenv("PATH") + "\ninput ended\n"; err != nil || string(text) != want {
		t.Errorf("%q, %v; want %q", text, err, want)
	}
	if p.Ended() != "it ended: exit status 3" {
		t.Error(p.Ended())
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("signalling what has ended: %v", err)
	}
}

// It is in a session of its own: what ends this one's does not reach it.
func TestSession(t *testing.T) {
	p, c := shell(t, "echo ready; exec sleep 1000")
	awaitOutput(t, c, "ready")
	session, err := syscall.Getpgid(p.Identity().PID)
	if err != nil || session != p.Identity().PID {
		t.Errorf("its process group is %d, %v", session, err)
	}
}

func TestStop(t *testing.T) {
	orderly, c := shell(t, `trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done`)
	awaitOutput(t, c, "ready")
	if orderly.Ended() != "" {
		t.Error("it has not ended")
	}
	for range 2 {
		if err := orderly.Stop(patience); err != nil {
			t.Fatal(err)
		}
	}
	awaitDone(t, orderly)
	awaitOutput(t, c, "bye")
	deaf, c := shell(t, `trap '' TERM; echo ready; while :; do sleep 0.05; done`)
	awaitOutput(t, c, "ready")
	if err := deaf.Stop(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	awaitDone(t, deaf)
	if !strings.Contains(deaf.Ended(), "killed") {
		t.Error(deaf.Ended())
	}
}

func TestAdopt(t *testing.T) {
	p, c := shell(t, "echo ready; exec sleep 1000")
	awaitOutput(t, c, "ready")
	poll.Success(t, func() error { // while it becomes another program it has no environment
		found, err := Find(c.Mark)
		if err == nil && (len(found) != 1 || found[c.Mark] != p.Identity()) {
			err = fmt.Errorf("found %v, want %v", found, p.Identity())
		}
		return err
	})
	adopted, err := Adopt(p.Identity())
	if err != nil || adopted == nil {
		t.Fatal(adopted, err)
	}
	if runs, err := p.Identity().Runs(); err != nil || !runs {
		t.Errorf("it runs: %v, %v", runs, err)
	}
	for name, change := range map[string]func(*Identity){
		"began at another time":  func(i *Identity) { i.Began++ },
		"in another run":         func(i *Identity) { i.Boot = "x" },
		"a pid that nobody has":  func(i *Identity) { i.PID = 1 << 22 },
		"somebody else, with 1":  func(i *Identity) { i.PID = 1 },
		"the process that tests": func(i *Identity) { i.PID = os.Getpid() },
	} {
		other := p.Identity()
		change(&other)
		if stranger, err := Adopt(other); err != nil || stranger != nil {
			t.Errorf("%s: %v, %v", name, stranger, err)
		}
		if runs, err := other.Runs(); err != nil || runs {
			t.Errorf("%s: it runs: %v, %v", name, runs, err)
		}
	}
	if _, err := Adopt(Identity{}); err == nil {
		t.Error("nothing was adopted")
	}
	if err := adopted.Kill(); err != nil {
		t.Fatal(err)
	}
	awaitDone(t, p)
	if adopted.Ended() != "it ended" {
		t.Error(adopted.Ended())
	}
	if again, err := Adopt(p.Identity()); err != nil || again != nil {
		t.Errorf("what has ended was adopted: %v, %v", again, err)
	}
	if runs, err := p.Identity().Runs(); err != nil || runs {
		t.Errorf("what has ended runs: %v, %v", runs, err)
	}
	if found, err := Find(c.Mark); err != nil || len(found) != 0 {
		t.Errorf("what has ended was found: %v, %v", found, err)
	}
}

// A process that has ended and that nobody has waited for is none: it holds nothing and does nothing.
func TestZombie(t *testing.T) {
	// The shell's child ends while the shell, which became sleep, never waits.
	p, c := shell(t, `sleep 1000 & echo "child=$!."; exec sleep 1000`)
	awaitOutput(t, c, ".")
	text, err := os.ReadFile(c.Output)
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscanf(string(text), "child=%d.", &pid); err != nil {
		t.Fatal(err)
	}
	identity, err := identityOf(pid)
	if err != nil {
		t.Fatal(err)
	}
	child, err := Adopt(identity)
	if err != nil || child == nil {
		t.Fatal(child, err)
	}
	if err := child.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := identityOf(pid); errors.Is(err, fs.ErrNotExist) {
		t.Skip("somebody waited for the child: there is no zombie to look at")
	}
	if again, err := Adopt(identity); err != nil || again != nil {
		t.Errorf("a zombie was adopted: %v, %v", again, err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
}

func TestStartFails(t *testing.T) {
	dir := t.TempDir()
	good := Command{Path: "/bin/true", Dir: dir, Output: filepath.Join(dir, "out"), Mark: dir}
	for name, change := range map[string]func(*Command){
		"no program": func(c *Command) { c.Path = "/nonexistent/java" },
		"no mark":    func(c *Command) { c.Mark = "" },
		"no output":  func(c *Command) { c.Output = filepath.Join(dir, "none", "out") },
		"no dir":     func(c *Command) { c.Dir = filepath.Join(dir, "none") },
	} {
		c := good
		change(&c)
		if _, err := Start(c); err == nil {
			t.Errorf("%s: it started", name)
		}
	}
}
