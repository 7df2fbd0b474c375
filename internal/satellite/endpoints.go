package satellite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// knownEndpoints are the addresses of a physical cluster as they are written, kept because they are compared in every
// step and hardly ever change.
type knownEndpoints struct {
	endpoints orrery.Endpoints
	content   json.RawMessage
	hash      string
	// written is the hash of those that were written last, while the tail does not show them yet.
	written string
	// have is the record that the state topic has, from seen; both are empty where there is none.
	have tenancy.StateRecord
	seen []byte
}

// know takes the addresses.
func (k *knownEndpoints) know(endpoints orrery.Endpoints) error {
	if k.hash != "" && reflect.DeepEqual(k.endpoints, endpoints) {
		return nil
	}
	encoded, err := json.Marshal(endpoints)
	if err != nil {
		return err
	}
	content, err := orrery.CanonicalJSON(encoded)
	if err != nil {
		return err
	}
	k.endpoints, k.content, k.hash = endpoints, content, orrery.Hash(content)
	return nil
}

// read takes what the state topic has. A damaged record has no hash and is replaced.
func (k *knownEndpoints) read(state []brokers.Record, key string) {
	existing, _ := find(state, key)
	if bytes.Equal(existing.Value, k.seen) {
		return
	}
	k.have, k.seen = tenancy.StateRecord{}, existing.Value
	if len(k.seen) > 0 {
		_ = json.Unmarshal(k.seen, &k.have)
	}
}

// endpointsRecord is the record with the cluster's addresses, or nil where the state topic has it.
func (p *psc) endpointsRecord(state []brokers.Record) (*brokers.Record, error) {
	if p.status.Endpoints.Bootstrap == "" {
		return nil, nil
	}
	k := &p.endpoints
	if err := k.know(p.status.Endpoints); err != nil {
		return nil, fmt.Errorf("satellite: encoding the addresses of %s: %w", p.entry.ID, err)
	}
	key := tenancy.StateKey(tenancy.StateEndpoints, p.entry.ID)
	k.read(state, key)
	if k.have.Hash == k.hash || k.written == k.hash {
		return nil, nil
	}
	value, err := json.Marshal(tenancy.StateRecord{
		Version: tenancy.StateVersion, Generation: k.have.Generation.Next(0), Hash: k.hash, Content: k.content,
	})
	if err != nil {
		return nil, fmt.Errorf("satellite: encoding the addresses of %s: %w", p.entry.ID, err)
	}
	return &brokers.Record{Key: key, Value: value}, nil
}
