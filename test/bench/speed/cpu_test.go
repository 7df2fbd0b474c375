package speed

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	got, err := parseStat("4711 (a ) b) S 1 2 3 4 5 6 7 8 9 10 1200 34 15 16 17 18\n")
	if err != nil || got != 12340*time.Millisecond {
		t.Errorf("%v, %v instead of 12.34 s", got, err)
	}
	for _, bad := range []string{"", "1 (x) S 1", "no parentheses 1 2 3 4 5 6 7 8 9 10 11 12 13 14", "1 (x) S 1 2 3 4 5 6 7 8 9 10 a b 15"} {
		if got, err := parseStat(bad); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

func TestParseIO(t *testing.T) {
	read, written, err := parseIO("rchar: 12\nwchar: 345\nsyscr: 1\nsyscw: 2\n")
	if err != nil || read != 12 || written != 345 {
		t.Errorf("%d, %d, %v", read, written, err)
	}
	for _, bad := range []string{"", "rchar: 1\n", "rchar: 1\nwchar: x\n"} {
		if _, _, err := parseIO(bad); err == nil {
			t.Errorf("%q has both", bad)
		}
	}
}

func TestParseMachine(t *testing.T) {
	got, err := parseMachine("cpu  100 1 20 800 50 3 4 22 7 7\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
	want := machineUse{busy: 1280 * time.Millisecond, stolen: 220 * time.Millisecond, total: 10 * time.Second}
	if err != nil || got != want {
		t.Errorf("%+v, %v instead of %+v", got, err, want)
	}
	for _, bad := range []string{"", "intr 1 2 3", "cpu 1 2 3", "cpu 1 2 3 4 5 6 7 x"} {
		if got, err := parseMachine(bad); err == nil {
			t.Errorf("%q is %+v", bad, got)
		}
	}
}

// What threads have used counts, also once they have ended: a JVM has many of both. The kernel says the same by
// another way, getrusage(2).
func TestUsageCountsAllThreads(t *testing.T) {
	var threads sync.WaitGroup
	for range 4 {
		threads.Go(func() {
			runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
			for began := threadTime(t); threadTime(t)-began < 50*time.Millisecond; {
				continue
			}
		})
	}
	threads.Wait()
	before := processTime(t)
	got, err := usage(os.Getpid())
	after := processTime(t)
	if err != nil {
		t.Fatal(err)
	}
	if got.cpu < 200*time.Millisecond-tick {
		t.Errorf("%v, although four threads used 50 ms each", got.cpu)
	}
	if got.cpu < before-2*tick || got.cpu > after+2*tick {
		t.Errorf("%v is not between %v and %v, which getrusage says", got.cpu, before, after)
	}
}

func TestUsageCountsBytes(t *testing.T) {
	before, err := usage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const size = 1 << 20
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		defer w.Close()
		if _, err := w.Write(make([]byte, size)); err != nil {
			t.Error(err)
		}
	}()
	for buffer := make([]byte, size); ; {
		if _, err := r.Read(buffer); err != nil {
			break
		}
	}
	after, err := usage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if d := after.since(before); d.read < size || d.written < size {
		t.Errorf("%d read and %d written, of %d", d.read, d.written, size)
	}
}

func processTime(t *testing.T) time.Duration { return rusage(t, syscall.RUSAGE_SELF) }

func threadTime(t *testing.T) time.Duration {
	const thread = 1 // RUSAGE_THREAD
	return rusage(t, thread)
}

func rusage(t *testing.T, who int) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(who, &r); err != nil {
		t.Error(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
