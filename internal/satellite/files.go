package satellite

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/orrery-kafka/orrery/internal/durable"
)

// Files is where a satellite keeps its ledger: small files that survive a crash, each replaced as a whole.
type Files interface {
	// Names returns the names of all files, sorted.
	Names() ([]string, error)
	// Read returns the content of a file.
	Read(name string) ([]byte, error)
	// Write replaces a file, or makes it, and returns once that is durable.
	Write(name string, content []byte) error
	// Remove removes a file and returns once that is durable; one that is not there is no error.
	Remove(name string) error
}

// Directory is Files in a directory of the host, which is made where it does not exist.
type Directory string

var _ Files = Directory("")

// Names implements Files.
func (d Directory) Names() ([]string, error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		if !entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// Read implements Files.
func (d Directory) Read(name string) ([]byte, error) { return os.ReadFile(d.path(name)) }

// Write implements Files.
func (d Directory) Write(name string, content []byte) error {
	return durable.WriteFile(d.path(name), content, 0o600)
}

// Remove implements Files.
func (d Directory) Remove(name string) error {
	if err := os.Remove(d.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return durable.SyncDirectory(string(d))
}

func (d Directory) path(name string) string { return filepath.Join(string(d), name) }
