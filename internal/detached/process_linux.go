package detached

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const proc = "/proc"

// bootID is the kernel's id of this run of the machine.
var bootID = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile(filepath.Join(proc, "sys/kernel/random/boot_id"))
	return strings.TrimSpace(string(text)), err
})

// identityOf is the identity of the process that has a pid now. It fails with fs.ErrNotExist where none has.
func identityOf(pid int) (Identity, error) {
	boot, err := bootID()
	if err != nil {
		return Identity{}, err
	}
	began, err := startTime(pid)
	return Identity{PID: pid, Began: began, Boot: boot}, err
}

// startTime reads field 22 of /proc/PID/stat (proc_pid_stat(5)). The second field, a name in parentheses, may have
// anything in it, so fields are counted from its end.
func startTime(pid int) (uint64, error) {
	text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
	if errors.Is(err, unix.ESRCH) {
		err = fs.ErrNotExist // it ended between opening and reading
	}
	if err != nil {
		return 0, err
	}
	const afterName, field = 3, 22
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) <= field-afterName {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields after the name", pid, len(fields))
	}
	return strconv.ParseUint(string(fields[field-afterName]), 10, 64)
}

// handle is a file descriptor of a process: it never means another one.
type handle struct {
	mu sync.Mutex
	fd int // -1: closed
	// file is the same for waiting, in the runtime's poller.
	file *os.File
}

// open returns a handle of a process, and nil where it has ended: also of a child that has, where zombies are wanted.
func open(identity Identity, zombies bool) (*handle, error) {
	if identity.PID < 1 {
		return nil, fmt.Errorf("%d is not the id of a process", identity.PID)
	}
	fd, err := unix.PidfdOpen(identity.PID, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening process %d: %w", identity.PID, err)
	}
	// Only now: from here on the descriptor means the process that has the pid, whichever that is.
	now, err := identityOf(identity.PID)
	if err == nil && now == identity {
		var over bool
		if over, err = ended(fd); err == nil && (!over || zombies) {
			return &handle{fd: fd, file: os.NewFile(uintptr(fd), "process")}, nil
		}
	}
	unix.Close(fd)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return nil, err
}

// ended reports whether the process of a descriptor has ended; a zombie has.
func ended(fd int) (bool, error) {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(poll, 0)
		if !errors.Is(err, unix.EINTR) {
			return n > 0, err
		}
	}
}

// wait returns once the process has ended.
func (h *handle) wait() error {
	connection, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = connection.Read(func(fd uintptr) bool {
		over, err := ended(int(fd))
		failed = err
		return over || err != nil
	})
	return errors.Join(err, failed)
}

func (h *handle) signal(signal syscall.Signal) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fd < 0 {
		return nil
	}
	err := unix.PidfdSendSignal(h.fd, signal, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

func (h *handle) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fd = -1
	h.file.Close()
}

// Find returns the processes that were started with a mark that begins with prefix, by mark. Those of other users are
// not looked at. Of several with one mark it returns any.
func Find(prefix string) (map[string]Identity, error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, fmt.Errorf("looking for processes: %w", err)
	}
	found := map[string]Identity{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		identity, err := identityOf(pid)
		if err != nil {
			continue // it has ended
		}
		environment, err := os.ReadFile(filepath.Join(proc, entry.Name(), "environ"))
		if err != nil {
			continue // it has ended, or is somebody else's
		}
		for variable := range bytes.SplitSeq(environment, []byte{0}) {
			if mark, ok := strings.CutPrefix(string(variable), markVariable+"="); ok && strings.HasPrefix(mark, prefix) {
				found[mark] = identity
			}
		}
	}
	return found, nil
}
