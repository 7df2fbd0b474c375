package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/orrery-kafka/orrery/internal/detached"
	"github.com/orrery-kafka/orrery/internal/durable"
)

const noteFile = "process.json"

// noteFormat is the version of process.json that this program writes. It reads no other.
const noteFormat = 1

// note is process.json: what a process was started with. It is written before the start, and again with who it is after
// it, so that one is found again wherever a crash came.
type note struct {
	Format int `json:"format"`
	// Process is who it is; PID 0: it is not known to have started.
	Process detached.Identity `json:"process"`
	// Version and Configuration are of a broker.
	Version       string            `json:"version,omitempty"`
	Configuration map[string]string `json:"configuration,omitempty"`
}

// readNote returns the note of a directory; none is the zero note.
func readNote(dir string) (note, error) {
	path := filepath.Join(dir, noteFile)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return note{}, nil
	}
	var n note
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(content)).Decode(&n)
	}
	switch {
	case err != nil:
		return note{}, fmt.Errorf("%s says which process runs there and cannot be read (%w); end that process and remove the file", path, err)
	case n.Format != noteFormat:
		return note{}, fmt.Errorf("%s has format %d and this program reads format %d; use the version of orrery that wrote it", path, n.Format, noteFormat)
	}
	return n, nil
}

func (n note) write(dir string) error {
	n.Format = noteFormat
	content, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, noteFile), append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing down which process runs in %s: %w", dir, err)
	}
	return nil
}
