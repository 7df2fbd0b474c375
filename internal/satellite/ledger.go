package satellite

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/orrery-kafka/orrery"
)

// ledgerFormat is the version of a ledger entry that this program writes. It reads no other.
const ledgerFormat = 1

// entry is what the satellite has agreed to make real: one file of the ledger for each physical cluster.
type entry struct {
	Format     int               `json:"format"`
	ID         string            `json:"id"`
	Generation orrery.Generation `json:"generation"`
	Deleted    bool              `json:"deleted,omitempty"`
	// Local is true for one that comes from the satellite's configuration.
	Local bool `json:"local,omitempty"`
	// Hash is orrery.Hash of Content.
	Hash string `json:"hash"`
	// Content is the canonical JSON of the spec, with fields that this program does not know.
	Content json.RawMessage `json:"content"`
}

func (e entry) spec() (orrery.PSCSpec, error) {
	var spec orrery.PSCSpec
	err := json.Unmarshal(e.Content, &spec)
	return spec, err
}

var errFormat = errors.New("use the version of orrery that wrote it")

// ledger is a set of entries, each a file that is replaced as a whole.
type ledger struct{ files Files }

const entrySuffix = ".json"

// read returns all entries, sorted by id, and an error for each file that is damaged. An entry of another format
// stops it: going on would overwrite what another version of the program wrote.
func (l ledger) read() (entries []entry, damaged []error, err error) {
	names, err := l.files.Names()
	if err != nil {
		return nil, nil, fmt.Errorf("satellite: reading the ledger: %w", err)
	}
	for _, name := range names {
		id, ok := strings.CutSuffix(name, entrySuffix)
		if !ok {
			continue
		}
		e, err := l.readEntry(id)
		if errors.Is(err, errFormat) {
			return nil, nil, err
		}
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		entries = append(entries, e)
	}
	return entries, damaged, nil
}

func (l ledger) readEntry(id string) (entry, error) {
	name := id + entrySuffix
	content, err := l.files.Read(name)
	if err != nil {
		return entry{}, fmt.Errorf("satellite: reading the ledger: %w", err)
	}
	var e entry
	if err := json.Unmarshal(content, &e); err != nil {
		return entry{}, fmt.Errorf("satellite: %s of the ledger is damaged: %w", name, err)
	}
	if e.Format != ledgerFormat {
		return entry{}, fmt.Errorf("satellite: %s of the ledger has format %d and this program reads format %d: %w", name, e.Format, ledgerFormat, errFormat)
	}
	canonical, err := orrery.CanonicalJSON(e.Content)
	if err != nil || e.ID != id || orrery.Hash(canonical) != e.Hash {
		return entry{}, fmt.Errorf("satellite: %s of the ledger is damaged: its content does not have its hash, or it belongs to another cluster", name)
	}
	if _, err := e.spec(); err != nil {
		return entry{}, fmt.Errorf("satellite: %s of the ledger is damaged: %w", name, err)
	}
	e.Content = canonical
	return e, nil
}

// write notes an entry durably.
func (l ledger) write(e entry) error {
	e.Format = ledgerFormat
	content, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("satellite: encoding the ledger entry of %s: %w", e.ID, err)
	}
	if err := l.files.Write(e.ID+entrySuffix, append(content, '\n')); err != nil {
		return fmt.Errorf("satellite: writing the ledger entry of %s: %w", e.ID, err)
	}
	return nil
}

// forget removes an entry.
func (l ledger) forget(id string) error {
	if err := l.files.Remove(id + entrySuffix); err != nil {
		return fmt.Errorf("satellite: removing the ledger entry of %s: %w", id, err)
	}
	return nil
}
