package satellite

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/jwks"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// keySetPause is the pause after key sets could not be written.
const keySetPause = 5 * time.Second

// knownProvider is an identity provider as the state topic has it at an offset.
type knownProvider struct {
	offset  int64
	deleted bool
	uri     string
}

// keySets brings the key sets of a physical cluster's identity providers up to date: what the state topic says of the
// providers is what counts, so keys rotate while the mothership is away.
func (s *Satellite) keySets(ctx context.Context, now time.Time, p *psc, state []brokers.Record) (next time.Time, err error) {
	next = now.Add(quiet)
	if s.config.Keys == nil {
		return next, nil
	}
	live, seen := map[string]bool{}, map[string]knownProvider{}
	var batch []brokers.Record
	hashes := map[string]string{}
	for _, r := range ofKind(state, tenancy.StateIdentityProvider) {
		id := idOfKey(r.Key)
		provider := p.provider(id, r)
		seen[id] = provider
		if provider.deleted {
			continue
		}
		live[id] = true
		answer, due := s.config.Keys.Look(provider.uri, now)
		next = earlier(next, due)
		have := keySetOf(state, id)
		record, hash, err := newKeySet(id, answer, have)
		if err != nil {
			return next, err
		}
		if record != nil && p.keySetHashes[id] != hash && len(batch) < writeLimit {
			batch, hashes[id] = append(batch, *record), hash
		}
		s.tellKeys(p, id, answer, have, now)
	}
	p.providers = seen
	for _, r := range ofKind(state, tenancy.StateKeySet) {
		if id := idOfKey(r.Key); !live[id] && len(batch) < writeLimit {
			batch = append(batch, brokers.Record{Key: r.Key})
			delete(p.keySetHashes, id)
		}
	}
	if len(batch) == 0 {
		return next, nil
	}
	cluster, _ := p.operator.Cluster()
	if _, err := cluster.WriteState(ctx, brokers.TopicTenants, batch); err != nil {
		p.retry = now.Add(keySetPause)
		return earlier(next, p.retry), fmt.Errorf("satellite: writing the key sets of %s: %w", p.entry.ID, err)
	}
	for id, hash := range hashes {
		p.keySetHashes[id] = hash
	}
	return next, nil
}

// ofKind returns the records of a kind, which are side by side because a state is sorted by key.
func ofKind(state []brokers.Record, kind string) []brokers.Record {
	prefix := tenancy.StateKey(kind, "")
	byKey := func(r brokers.Record, key string) int { return cmp.Compare(r.Key, key) }
	begin, _ := slices.BinarySearchFunc(state, prefix, byKey)
	end := begin
	for end < len(state) && strings.HasPrefix(state[end].Key, prefix) {
		end++
	}
	return state[begin:end]
}

func idOfKey(key string) string {
	_, id, _ := strings.Cut(key, "/")
	return id
}

// provider reads an identity provider from the state, once for each of its records. A damaged one is as if deleted,
// until the mothership's word goes over it.
func (p *psc) provider(id string, r brokers.Record) knownProvider {
	if known, ok := p.providers[id]; ok && known.offset == r.Offset {
		return known
	}
	known := knownProvider{offset: r.Offset, deleted: true}
	var record tenancy.StateRecord
	var provider tenancy.IdentityProvider
	if json.Unmarshal(r.Value, &record) == nil && !record.Deleted && json.Unmarshal(record.Content, &provider) == nil {
		known.deleted, known.uri = false, provider.JWKSURI
	}
	return known
}

// keySetOf returns the record with a provider's keys; the zero record where there is none, or it is damaged.
func keySetOf(state []brokers.Record, id string) (have tenancy.StateRecord) {
	if r, found := find(state, tenancy.StateKey(tenancy.StateKeySet, id)); found {
		_ = json.Unmarshal(r.Value, &have)
	}
	return have
}

// newKeySet returns the record with the keys that were fetched, or nil where the state has them, or none were.
func newKeySet(id string, answer jwks.Answer, have tenancy.StateRecord) (*brokers.Record, string, error) {
	if answer.Document == nil {
		return nil, "", nil
	}
	content, err := json.Marshal(tenancy.KeySet{IdentityProviderID: id, JWKS: answer.Document})
	if err == nil {
		content, err = orrery.CanonicalJSON(content)
	}
	if err != nil {
		return nil, "", fmt.Errorf("satellite: encoding the keys of %s: %w", id, err)
	}
	hash := orrery.Hash(content)
	if have.Hash == hash {
		return nil, hash, nil
	}
	value, err := json.Marshal(tenancy.StateRecord{Version: tenancy.StateVersion, Generation: have.Generation.Next(0), Hash: hash, Content: content})
	if err != nil {
		return nil, "", fmt.Errorf("satellite: encoding the keys of %s: %w", id, err)
	}
	return &brokers.Record{Key: tenancy.StateKey(tenancy.StateKeySet, id), Value: value}, hash, nil
}

// tellKeys reports what is known of a provider's keys, where that is news.
func (s *Satellite) tellKeys(p *psc, id string, answer jwks.Answer, have tenancy.StateRecord, now time.Time) {
	i, known := s.items[orrery.DesiredIdentityProvider+"/"+p.entry.ID+"/"+id]
	if !known || i.deleted || i.forget || !answer.Known() {
		return
	}
	status := &orrery.KeySetStatus{Keys: answer.Keys, Fetched: orrery.Condition{
		Type: orrery.ConditionKeysFetched, Status: orrery.True, Reason: "Fetched", Message: "the keys are those that the server published last", Since: now,
	}}
	if answer.Err != nil {
		status.Fetched.Status, status.Fetched.Reason = orrery.False, "FetchFailed"
		status.Fetched.Message = "the keys cannot be fetched, and those in force stay: " + answer.Err.Error()
	}
	if answer.Document == nil { // since this process started
		status.Keys = keysIn(have)
	}
	if i.keySet != nil && i.keySet.Fetched.Status == status.Fetched.Status {
		status.Fetched.Since = i.keySet.Fetched.Since
	}
	if reflect.DeepEqual(i.keySet, status) {
		return
	}
	i.keySet = status
	s.reports.changed(link.Message{Kind: i.kind, ID: i.id}, i.status())
}

func keysIn(have tenancy.StateRecord) []orrery.PublicKey {
	var set tenancy.KeySet
	var document struct {
		Keys []orrery.PublicKey `json:"keys"`
	}
	if json.Unmarshal(have.Content, &set) != nil || json.Unmarshal(set.JWKS, &document) != nil {
		return nil
	}
	return document.Keys
}
