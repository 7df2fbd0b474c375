package embedded

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// maxAuditLog bounds the audit log; a full one becomes the older one, of which there is one.
const maxAuditLog = 16 << 20

// auditLog is the gateways' audit log: JSON lines in a file of the data directory.
type auditLog struct {
	path string
	most int64

	mu   sync.Mutex
	file *os.File
	size int64
}

func openAuditLog(path string) (*auditLog, error) {
	a := &auditLog{path: path, most: maxAuditLog}
	return a, a.open()
}

func (a *auditLog) open() error {
	file, err := os.OpenFile(a.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	status, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	a.file, a.size = file, status.Size()
	return nil
}

// Write appends one line.
func (a *auditLog) Write(line []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.size > 0 && a.size+int64(len(line)) > a.most {
		if err := a.turn(); err != nil {
			return 0, fmt.Errorf("turning the audit log: %w", err)
		}
	}
	n, err := a.file.Write(line)
	a.size += int64(n)
	return n, err
}

// turn makes the file the older one. Where that fails, the file that is open goes on.
func (a *auditLog) turn() error {
	full := a.file
	if err := os.Rename(a.path, a.path+".1"); err != nil {
		return err
	}
	if err := a.open(); err != nil {
		return err
	}
	return full.Close()
}

// Close ends the log.
func (a *auditLog) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.file.Close()
}
