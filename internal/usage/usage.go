// Package usage is the arithmetic of metering: what gateways write about the use of their tenants, how the records of
// gateways that are gone are folded, and what all of them come to. It is pure: no effects, no clock.
//
// A gateway counts from zero when it starts: an incarnation. Each second it writes the counters that have changed into
// _orrery_gateways, one record for each tenant, so who kills it loses at most a second. The counters only rise, so a
// record that is written twice, or comes twice, counts once. Of one node, later incarnations have a higher sequence.
//
// The incarnation that runs folds those before it: one record for each tenant of the node with their sum, and with the
// sequence up to which it has them. Whatever an incarnation writes that is already in a fold counts no more. So between
// the fold and the tombstones of what is in it nothing counts twice, and a gateway that was taken for dead, and is not,
// can lose some of its counters but never add what was added before.
package usage

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
)

// Version is the version of the records that this program writes.
//
//   - 1 (2026-11-22): first.
const Version = 1

// Kind and StoredKind are the first parts of the keys of this package's records in _orrery_gateways:
// usage/NODE/lkc-…/INCARNATION and, of a fold, usage/NODE/lkc-…, written by the node's gateway; stored/lkc-…, written by
// the satellite.
const (
	Kind       = "usage"
	StoredKind = "stored"
)

// Key says whose a record is.
type Key struct {
	Node             int32
	LogicalClusterID string
	Incarnation      string // "" is the fold of those before
}

// String returns the key of the record in its topic.
func (k Key) String() string {
	s := Kind + "/" + strconv.Itoa(int(k.Node)) + "/" + k.LogicalClusterID
	if k.Incarnation != "" {
		s += "/" + k.Incarnation
	}
	return s
}

// ParseKey reads a key; ok is false where it is of something else.
func ParseKey(key string) (k Key, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) < 3 || len(parts) > 4 || parts[0] != Kind || parts[2] == "" {
		return Key{}, false
	}
	node, err := strconv.ParseInt(parts[1], 10, 32)
	if err != nil || node < 0 {
		return Key{}, false
	}
	k = Key{Node: int32(node), LogicalClusterID: parts[2]}
	if len(parts) == 4 {
		k.Incarnation = parts[3]
		return k, k.Incarnation != ""
	}
	return k, true
}

// Record is the value of a record.
type Record struct {
	Version int `json:"version"`
	// Sequence orders the incarnations of a node: milliseconds since 1970 when it began, or more where a clock went back.
	// A fold has those of its node up to it.
	Sequence int64 `json:"sequence"`
	// At is when the counters were read.
	At    time.Time    `json:"at"`
	Usage orrery.Usage `json:"usage"`
}

// State is the records of a topic by key. Those of other kinds are not in it.
type State map[Key]Record

// Apply takes in one record as it is read; nil is a tombstone. A key of another kind changes nothing.
func (s State) Apply(key string, value []byte) error {
	k, ok := ParseKey(key)
	if !ok {
		return nil
	}
	if value == nil {
		delete(s, k)
		return nil
	}
	var r Record
	if err := json.Unmarshal(value, &r); err != nil {
		return fmt.Errorf("usage record %q: %w", key, err)
	}
	s[k] = r
	return nil
}

// folded returns up to which sequence the incarnations of a key's node and tenant are in their fold.
func (s State) folded(k Key) int64 {
	k.Incarnation = ""
	return s[k].Sequence
}

// counts reports whether a record is to be added: a fold, or what is in none.
func (s State) counts(k Key, r Record) bool { return k.Incarnation == "" || r.Sequence > s.folded(k) }

// Total is what a tenant used at all gateways, and when one of them last said something new.
type Total struct {
	Usage orrery.Usage
	At    time.Time
}

// Totals adds up each tenant's use.
func (s State) Totals() map[string]Total {
	totals := map[string]Total{}
	for k, r := range s {
		if !s.counts(k, r) {
			continue
		}
		t := totals[k.LogicalClusterID]
		t.Usage = t.Usage.Add(r.Usage)
		if r.At.After(t.At) {
			t.At = r.At
		}
		totals[k.LogicalClusterID] = t
	}
	return totals
}

// Sequence returns the sequence of an incarnation of a node that would like to have one: more, where a fold has that
// already.
func (s State) Sequence(node int32, wanted int64) int64 {
	for k, r := range s {
		if k.Node == node && k.Incarnation == "" {
			wanted = max(wanted, r.Sequence+1)
		}
	}
	return wanted
}

// Written is a record to be written; one without Record is a tombstone.
type Written struct {
	Key    Key
	Record *Record
}

// Fold returns what folds the incarnations of a node before a sequence: first all the folds, then the tombstones, which
// must be written when the folds are. Nothing is left to fold: nothing is returned.
func (s State) Fold(node int32, before int64) (folds, tombstones []Written) {
	byTenant := map[string][]Key{}
	for k, r := range s {
		if k.Node == node && k.Incarnation != "" && r.Sequence < before {
			byTenant[k.LogicalClusterID] = append(byTenant[k.LogicalClusterID], k)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(byTenant)) {
		keys := byTenant[id]
		slices.SortFunc(keys, func(a, b Key) int { return cmp.Compare(a.Incarnation, b.Incarnation) })
		key := Key{Node: node, LogicalClusterID: id}
		fold, changed := s[key], false
		for _, k := range keys {
			if r := s[k]; s.counts(k, r) {
				fold.Usage, changed = fold.Usage.Add(r.Usage), true
				if r.At.After(fold.At) {
					fold.At = r.At
				}
			}
			tombstones = append(tombstones, Written{Key: k})
		}
		if changed {
			fold.Version, fold.Sequence = Version, before-1
			folds = append(folds, Written{key, &fold})
		}
	}
	return folds, tombstones
}

// Of returns the keys of tenants' records, sorted, for whom it asks.
func (s State) Of(wanted func(logicalClusterID string) bool) []Key {
	var keys []Key
	for k := range s {
		if wanted(k.LogicalClusterID) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Compare(a.String(), b.String()) })
	return keys
}
