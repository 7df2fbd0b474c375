// Package book is what the substrates of this host keep of their physical clusters besides data: one directory for each
// cluster with its record, locked while a substrate has it open, and addresses that are chosen once.
//
//	DIR/.lock
//	DIR/<id>/cluster.json
package book

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/durable"
)

// Book is the directory of a substrate.
type Book struct {
	dir  string
	lock *os.File
}

// validID keeps an id from being a path: pkc-xxxxxx, pkc-control.
var validID = regexp.MustCompile(`^[a-z]+-[a-z0-9]{1,32}$`)

// CheckID returns an Invalid error unless id can be that of a physical cluster, and so the name of its directory.
func CheckID(id string) error {
	if !validID.MatchString(id) {
		return orrery.Errorf(orrery.Invalid, "%q is not the id of a physical cluster", id)
	}
	return nil
}

// deletedPrefix marks a directory whose cluster was deleted and whose files are being removed.
const deletedPrefix = ".deleted-"

// Open makes the directory where there is none, locks it, and removes what is left of deleted clusters. It fails where
// another process has the directory open.
func Open(dir string) (*Book, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of the clusters: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock file: %w", err)
	}
	b := &Book{dir: dir, lock: lock}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		b.Close()
		return nil, orrery.Errorf(orrery.Conflict, "another process has %s open; stop it first, or use another directory", dir)
	}
	left, err := filepath.Glob(filepath.Join(dir, deletedPrefix+"*"))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("removing what is left of a deleted cluster: %w", err)
	}
	return b, nil
}

// Close gives the lock up.
func (b *Book) Close() error { return b.lock.Close() }

// Dir is the directory of one cluster.
func (b *Book) Dir(id string) string { return filepath.Join(b.dir, id) }

// IDs returns the clusters that there are, sorted. One whose directory has no record and nothing that is named was not
// made to its end, and does not count: making it comes again.
func (b *Book) IDs(named ...string) ([]string, error) {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return nil, fmt.Errorf("reading the directory of the clusters: %w", err)
	}
	var ids []string
	for _, entry := range entries {
		if entry.IsDir() && validID.MatchString(entry.Name()) && b.hasAny(entry.Name(), append([]string{recordFile}, named...)) {
			ids = append(ids, entry.Name())
		}
	}
	return ids, nil
}

func (b *Book) hasAny(id string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, err := os.Lstat(filepath.Join(b.Dir(id), name))
		return !errors.Is(err, os.ErrNotExist)
	})
}

// Add makes the directory of a cluster, then its record, in that order: what has no record does not exist.
func (b *Book) Add(id string, record any) error {
	if err := os.MkdirAll(b.Dir(id), 0o700); err != nil {
		return fmt.Errorf("making the directory of %s: %w", id, err)
	}
	return errors.Join(b.Write(id, record), durable.SyncDirectory(b.dir))
}

// Remove removes the directory of a cluster, which first gets another name: a crash leaves either the cluster or
// rubbish, never half a cluster.
func (b *Book) Remove(id string) error {
	rubbish := filepath.Join(b.dir, deletedPrefix+id)
	err := os.RemoveAll(rubbish)
	if err == nil {
		err = os.Rename(b.Dir(id), rubbish)
	}
	if err == nil {
		err = errors.Join(durable.SyncDirectory(b.dir), os.RemoveAll(rubbish))
	}
	if err != nil {
		return fmt.Errorf("removing the data of %s: %w", id, err)
	}
	return nil
}
