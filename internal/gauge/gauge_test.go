package gauge

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/poll"
)

func TestParseStat(t *testing.T) {
	for text, want := range map[string]stat{
		"7 (java) S 1 7 7 0 -1 4194304 1 0 0 0 500 25 0 0 20 0 90 0 1234 1 1 1 1 1 1 1 1 1 1 1 1 0 0 0 17 1 0 0 33 0 0": {'S', 525, 33},
		"7 (a) R (b) T 1 7 7 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 90 0 1234 1 1 1 1 1 1 1 1 1 1 1 1 0 0 0 17 1 0 0 0 0 0":  {'T', 3, 0},
	} {
		if got, ok := parseStat(text); !ok || got != want {
			t.Errorf("%q is %+v, %t", text, got, ok)
		}
	}
	for _, text := range []string{"", "7 (java) S", "7 java S 1", "7 (java) S 1 7 7 0 -1 4194304 1 0 0 0 x 25 0 0 20 0 90 0 1234 1 1 1 1 1 1 1 1 1 1 1 1 0 0 0 17 1 0 0 33"} {
		if got, ok := parseStat(text); ok {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

// A real process that is stopped, goes on and ends.
func TestProcess(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc here:", err)
	}
	command := exec.Command("sleep", "600")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = command.Process.Kill()
			_ = command.Wait()
		}
	})
	pid, dir := command.Process.Pid, t.TempDir()
	var g Gauge
	state := func() byte { return g.Look(time.Now(), pid, dir).State }
	poll.Until(t, "the process to sleep", func() bool { return state() == 'S' })
	if err := command.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	poll.Until(t, "the process to be stopped", func() bool { return state() == 'T' })
	if err := command.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	poll.Until(t, "the process to go on", func() bool { return state() == 'S' })
	seen := g.Look(time.Now(), pid, dir)
	if seen.TotalBytes <= 0 || seen.FreeBytes <= 0 || seen.StorageError != "" || seen.OpenFilesLimit <= 0 {
		t.Errorf("%+v", seen)
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
	ended = true
	if seen := g.Look(time.Now(), pid, dir); seen.State != 0 || seen.TotalBytes <= 0 {
		t.Errorf("a process that has ended: %+v", seen)
	}
	if seen := g.Look(time.Now(), 0, ""); !seen.At.IsZero() {
		t.Errorf("of nothing there is %+v", seen)
	}
}

// What a process used is told of the time between two looks.
func TestProcessors(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc here:", err)
	}
	var g Gauge
	now := time.Now()
	if first := g.Look(now, os.Getpid(), ""); first.Processors != 0 {
		t.Errorf("the first look says %+v", first)
	}
	before := g.last
	poll.Until(t, "the process to use a processor", func() bool {
		for n := range 1 << 20 {
			_ = n * n
		}
		seen, _ := readStat("/proc/self/stat")
		return seen.ticks >= before.ticks+10
	})
	if seen := g.Look(now.Add(time.Second), os.Getpid(), ""); seen.Processors < 0.09 {
		t.Errorf("%+v", seen)
	}
}
