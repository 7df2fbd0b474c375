package book

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/durable"
)

// Format is the version of the records that this program writes. It reads no other.
const Format = 1

const recordFile = "cluster.json"

// Record is what every substrate keeps of a physical cluster; what else one keeps is beside it, in a struct that has
// Record embedded.
type Record struct {
	Format    int              `json:"format"`
	ID        string           `json:"id"`
	Spec      orrery.PSCSpec   `json:"spec"`
	Endpoints orrery.Endpoints `json:"endpoints"`
	CreatedAt time.Time        `json:"created_at"`
}

// Read reads the record of a cluster into a pointer to a struct that has Record embedded. Its errors say what to do.
func (b *Book) Read(id string, record any) error {
	path := filepath.Join(b.Dir(id), recordFile)
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the record of %s: %w; restore it from a backup", id, err)
	}
	var header struct {
		Format int    `json:"format"`
		ID     string `json:"id"`
	}
	if err := json.Unmarshal(content, &header); err != nil {
		return fmt.Errorf("%s is damaged (%w); restore it from a backup: it holds the addresses of %s", path, err, id)
	}
	if header.Format != Format {
		return fmt.Errorf("%s has format %d and this program reads format %d; use the version of orrery that wrote it", path, header.Format, Format)
	}
	if err := json.NewDecoder(bytes.NewReader(content)).Decode(record); err != nil {
		return fmt.Errorf("%s is damaged (%w); restore it from a backup: it holds the addresses of %s", path, err, id)
	}
	if header.ID != id {
		return fmt.Errorf("%s belongs to %q, not to %s; put the directories back where they were", path, header.ID, id)
	}
	return nil
}

// Damaged is the error about a record that was read and makes no sense.
func (b *Book) Damaged(id, why string) error {
	return fmt.Errorf("%s is damaged (%s); restore it from a backup", filepath.Join(b.Dir(id), recordFile), why)
}

// Write replaces the record of a cluster so that a crash leaves the old or the new one.
func (b *Book) Write(id string, record any) error {
	content, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the record of %s: %w", id, err)
	}
	if err := durable.WriteFile(filepath.Join(b.Dir(id), recordFile), append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the record of %s: %w", id, err)
	}
	return nil
}
