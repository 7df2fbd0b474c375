package gauge

import (
	"syscall"

	"github.com/orrery-kafka/orrery/internal/health"
)

// readOnly is ST_RDONLY of statvfs(3).
const readOnly = 1

// disk reads the file system of a directory. One that the kernel has made read-only, as it does after errors of the disk,
// cannot be used any more.
func disk(system *health.System, data string) {
	if data == "" {
		return
	}
	var s syscall.Statfs_t
	switch err := syscall.Statfs(data, &s); {
	case err == syscall.ENOENT: // it has not been made yet, or the operator knows that it is gone
	case err != nil:
		system.StorageError = err.Error()
	case s.Flags&readOnly != 0:
		system.StorageError = "its file system is read-only"
	default:
		system.FreeBytes, system.TotalBytes = int64(s.Bavail)*s.Bsize, int64(s.Blocks)*s.Bsize
	}
}
