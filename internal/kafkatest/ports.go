package kafkatest

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Ranges of ports that the system gives to nobody by itself.
const (
	rangePorts, firstRangePort, ranges = 100, 12_000, 190
)

// PortRange takes a hundred ports that no other test process has until the end of the test, for what chooses its ports by
// itself and has to find them free again later.
func PortRange(t testing.TB) (from, to int) {
	t.Helper()
	dir := filepath.Join(os.TempDir(), "orrery-test-ports")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range ranges {
		n := (os.Getpid() + i) % ranges
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(n)), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			f.Close()
			continue
		}
		t.Cleanup(func() { f.Close() })
		return firstRangePort + n*rangePorts, firstRangePort + n*rangePorts + rangePorts - 1
	}
	t.Fatal("no range of ports is free")
	return 0, 0
}
