// Package logfile is a log in a file of bounded size, with a bounded number of older ones beside it.
package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
)

// Limits are how much of a log is kept.
type Limits struct {
	// Bytes is the size of a full file.
	Bytes int64
	// Files is how many there are, the newest included; at least 1.
	Files int
}

// Default is 16 MiB and one older file.
func Default() Limits { return Limits{Bytes: 16 << 20, Files: 2} }

// File is a log that any goroutine may write to.
type File struct {
	path   string
	limits Limits

	mu   sync.Mutex
	file *os.File
	size int64
}

// Open opens a log to append to it, or makes it, for this user only. PATH.1 is the next older file, and so on.
func Open(path string, limits Limits) (*File, error) {
	if limits.Bytes <= 0 || limits.Files < 1 {
		return nil, fmt.Errorf("a log of %d files of %d bytes cannot be", limits.Files, limits.Bytes)
	}
	f := &File{path: path, limits: limits}
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) open() error {
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	status, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.size = file, status.Size()
	return nil
}

// Write appends one line, which is never divided between two files.
func (f *File) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.size > 0 && f.size+int64(len(line)) > f.limits.Bytes {
		if err := f.turn(); err != nil {
			return 0, fmt.Errorf("turning the log %s: %w", f.path, err)
		}
	}
	n, err := f.file.Write(line)
	f.size += int64(n)
	return n, err
}

// turn makes each file the next older one; there is no room for the oldest. Where that fails, the file that is open
// goes on.
func (f *File) turn() error {
	if f.limits.Files == 1 {
		if err := f.file.Truncate(0); err != nil {
			return err
		}
		f.size = 0
		return nil
	}
	for age := f.limits.Files - 1; age > 0; age-- {
		if err := os.Rename(f.aged(age-1), f.aged(age)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	full := f.file
	if err := f.open(); err != nil {
		return err
	}
	return full.Close()
}

// aged is the name of the file that was turned so many times.
func (f *File) aged(age int) string {
	if age == 0 {
		return f.path
	}
	return f.path + "." + strconv.Itoa(age)
}

// Close ends the log.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}
