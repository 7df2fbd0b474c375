//go:build linux

package engine

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// parentEnv makes TestParent the parent of a program instead of a test.
const parentEnv = "ORRERY_ENGINE_TEST_PARENT"

// TestParent starts a program, says its process id, and waits to be killed.
func TestParent(t *testing.T) {
	program := os.Getenv(parentEnv)
	if program == "" {
		t.Skip("for TestProcessEndsWithParent")
	}
	p, err := start(program, "", os.Stderr, []string{"600"})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("child", p.command.Process.Pid)
	<-p.Done()
}

func TestProcessEndsWithParent(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(os.Args[0], "-test.run=^TestParent$", "-test.timeout=60s")
	parent.Env = append(os.Environ(), parentEnv+"="+sleep)
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	defer parent.Wait()
	defer parent.Process.Kill()
	var child int
	for lines := bufio.NewScanner(output); child == 0 && lines.Scan(); {
		fmt.Sscanf(lines.Text(), "child %d", &child)
	}
	if child == 0 || !alive(child) {
		t.Fatalf("the child %d does not run", child)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); alive(child); {
		if time.Now().After(deadline) {
			unix.Kill(child, unix.SIGKILL)
			t.Fatal("the child outlives its parent")
		}
		<-time.After(10 * time.Millisecond)
	}
}

// alive says whether a process runs; one that has ended and that nobody waits for (a zombie) does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "stat"))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

func TestStop(t *testing.T) {
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for name, c := range map[string]struct {
		script string
		killed bool
	}{
		"ends when asked": {"trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done", false},
		"does not listen": {"trap '' TERM; echo ready; while :; do sleep 0.05; done", true},
	} {
		if err := log.Truncate(0); err != nil {
			t.Fatal(err)
		}
		p, err := start("/bin/sh", dir, log, []string{"-c", c.script})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		for ctx.Err() == nil && !strings.Contains(Tail(log.Name(), 5), "ready") {
			<-time.After(10 * time.Millisecond)
		}
		cancel()
		grace := time.Minute
		if c.killed {
			grace = 200 * time.Millisecond
		}
		if err := p.Stop(grace); (err != nil) != c.killed {
			t.Errorf("%s: %v", name, err)
		}
		select {
		case <-p.Done():
		default:
			t.Errorf("%s: Stop returned before the end", name)
		}
		if err := p.Kill(); err != nil {
			t.Errorf("%s: kill what has ended: %v", name, err)
		}
	}
	if _, err := start("/nonexistent/java", dir, log, nil); err == nil {
		t.Error("a program that does not exist: no error")
	}
}
