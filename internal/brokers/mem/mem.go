// Package mem is physical clusters in memory, for tests and for a simulation: no goroutine, no clock but the one
// it is given, and every failure on demand.
package mem

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orrery-kafka/orrery/internal/brokers"
)

// maxRemovals bounds the topics, and the groups, of one call of RemoveTenant.
const maxRemovals = 200

// Fleet is the physical clusters by id; one that is asked for and missing is made.
type Fleet struct {
	// Now is the clock of all clusters; nil stands still.
	Now func() time.Time

	mu       sync.Mutex
	clusters map[string]*Brokers
}

// Cluster returns a cluster's brokers, to steer them.
func (f *Fleet) Cluster(id string) *Brokers {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.clusters == nil {
		f.clusters = map[string]*Brokers{}
	}
	if f.clusters[id] == nil {
		f.clusters[id] = New(id, f.Now, 0, 1, 2)
	}
	return f.clusters[id]
}

// Open is a [brokers.Opener].
func (f *Fleet) Open(physicalClusterID string, _ brokers.Access, changed func()) (brokers.Cluster, error) {
	return f.Cluster(physicalClusterID).Open(changed), nil
}

// Brokers is one physical cluster. It is safe for concurrent use.
type Brokers struct {
	id  string
	now func() time.Time

	mu       sync.Mutex
	nodes    map[int32]*node // that were ever registered, and controllers
	quorum   brokers.Quorum
	settings map[int32]map[string]string // that were changed, by node or brokers.ClusterWide
	static   map[string]string
	features []brokers.Feature // by name
	throttle int64
	topics   map[string]*topic
	made     int            // topics, so far
	groups   map[string]int // members by name
	sessions []*session
	failures []error
	away     error
	stalled  bool
}

type topic struct {
	partitions []brokers.Partition
	minInSync  int
	made       int              // is its id
	end, bytes int64            // of a topic of a tenant
	records    []brokers.Record // of a state topic
	next       int64
}

// New makes a physical cluster of these nodes in good health and without topics. The first three brokers are controllers
// too, unless nodes from [orrery.FirstController] on are. now may be nil: then it is always the same time.
func New(id string, now func() time.Time, nodes ...int32) *Brokers {
	if now == nil {
		now = func() time.Time { return time.Unix(0, 0) }
	}
	b := &Brokers{
		id: id, now: now, nodes: map[int32]*node{}, topics: map[string]*topic{}, groups: map[string]int{},
		settings: map[int32]map[string]string{}, static: map[string]string{},
		features: []brokers.Feature{{Name: "metadata.version", Finalized: 1, Min: 1, Max: 1}},
	}
	b.register(nodes)
	return b
}

// FailNext makes the next calls return these errors, one each.
func (b *Brokers) FailNext(errs ...error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = append(b.failures, errs...)
}

// SetAway makes every call return err until it is set to nil, and following stand still.
func (b *Brokers) SetAway(err error) {
	b.mu.Lock()
	b.away = err
	b.mu.Unlock()
	if err == nil {
		b.notify("")
	}
}

// StallTails makes Tail report "not ready" while it is set.
func (b *Brokers) StallTails(stalled bool) {
	b.mu.Lock()
	b.stalled = stalled
	b.mu.Unlock()
	if !stalled {
		b.notify("")
	}
}

// AddTopic adds a topic.
func (b *Brokers) AddTopic(name string, partitions int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addTopic(name, partitions)
}

// RemoveTopic removes a topic.
func (b *Brokers) RemoveTopic(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.topics, name)
}

// SetAppended sets how many records were ever appended to a topic that there is, and how large it is; records of -1 are
// those of a topic without a leader.
func (b *Brokers) SetAppended(name string, records, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.topics[name].end, b.topics[name].bytes = records, bytes
}

// SetGroup adds a group, or sets how many members it has.
func (b *Brokers) SetGroup(name string, members int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.groups[name] = members
}

// Topics returns the names of all topics, sorted.
func (b *Brokers) Topics() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.topics))
}

// Groups returns the names of all groups, sorted.
func (b *Brokers) Groups() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.groups))
}

// notify calls changed of every session that follows the topic, or any with "".
func (b *Brokers) notify(topic string) {
	b.mu.Lock()
	var changed []func()
	for _, s := range b.sessions {
		if s.changed != nil && (s.followed[topic] || topic == "" && len(s.followed) > 0) {
			changed = append(changed, s.changed)
		}
	}
	b.mu.Unlock()
	for _, f := range changed {
		f()
	}
}

// Open returns the cluster seen from inside; changed, which may be nil, is called when a followed topic has new records.
func (b *Brokers) Open(changed func()) brokers.Cluster {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &session{b: b, changed: changed, followed: map[string]bool{}}
	b.sessions = append(b.sessions, s)
	return s
}

// session is a [brokers.Cluster].
type session struct {
	b        *Brokers
	changed  func()
	followed map[string]bool // by topic; b.mu guards it
	closed   bool
}

// begin locks the cluster and returns why the call cannot be served, if so.
func (s *session) begin(ctx context.Context, what string) (err error) {
	s.b.mu.Lock()
	switch {
	case s.closed:
		err = errors.New("closed")
	case ctx.Err() != nil:
		err = ctx.Err()
	case s.b.away != nil:
		err = s.b.away
	case len(s.b.failures) > 0:
		err, s.b.failures = s.b.failures[0], s.b.failures[1:]
	}
	if err != nil {
		return fmt.Errorf("cluster %s: %s: %w", s.b.id, what, err)
	}
	return nil
}

// PrepareStateTopics makes the state topics that are missing.
func (s *session) PrepareStateTopics(ctx context.Context) error {
	err := s.begin(ctx, "creating the state topics")
	defer s.b.mu.Unlock()
	if err != nil {
		return err
	}
	for _, name := range brokers.StateTopics {
		if s.b.topics[name] == nil {
			s.b.addTopic(name, 1)
		}
	}
	return nil
}

// ReadState returns the newest record of each key.
func (s *session) ReadState(ctx context.Context, name string) ([]brokers.Record, error) {
	err := s.begin(ctx, "reading topic "+name)
	defer s.b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	t := s.b.topics[name]
	if t == nil {
		return nil, s.unknown("reading", name)
	}
	return t.state(), nil
}

func (s *session) unknown(doing, name string) error {
	return fmt.Errorf("cluster %s: %s topic %s: it does not exist", s.b.id, doing, name)
}

func (t *topic) state() []brokers.Record {
	newest := map[string]brokers.Record{}
	for _, r := range t.records {
		newest[r.Key] = r
	}
	state := make([]brokers.Record, 0, len(newest))
	for _, key := range slices.Sorted(maps.Keys(newest)) {
		if r := newest[key]; r.Value != nil {
			r.Value = slices.Clone(r.Value)
			state = append(state, r)
		}
	}
	return state
}

// WriteState appends records.
func (s *session) WriteState(ctx context.Context, name string, records []brokers.Record) (end int64, err error) {
	if end, err = s.write(ctx, name, records); err == nil && len(records) > 0 {
		s.b.notify(name)
	}
	return end, err
}

func (s *session) write(ctx context.Context, name string, records []brokers.Record) (end int64, err error) {
	err = s.begin(ctx, "writing to topic "+name)
	defer s.b.mu.Unlock()
	if err != nil {
		return 0, err
	}
	t := s.b.topics[name]
	if t == nil {
		return 0, s.unknown("writing to", name)
	}
	for _, r := range records {
		t.records = append(t.records, brokers.Record{Key: r.Key, Value: slices.Clone(r.Value), Offset: t.next})
		t.next++
	}
	t.compact()
	return t.next, nil
}

// compact keeps the log of a long run short: the newest of each key.
func (t *topic) compact() {
	newest := map[string]int64{}
	for _, r := range t.records {
		newest[r.Key] = r.Offset
	}
	if len(t.records) > 64 && len(t.records) > 2*len(newest) {
		t.records = slices.DeleteFunc(t.records, func(r brokers.Record) bool { return newest[r.Key] != r.Offset })
	}
}

// Tail returns the newest record of each key. The first call for a topic only starts the following.
func (s *session) Tail(name string) (records []brokers.Record, ready bool) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.closed {
		return nil, false
	}
	t, before := s.b.topics[name], s.followed[name]
	s.followed[name] = true
	if !before || t == nil || s.b.stalled || s.b.away != nil {
		return nil, false
	}
	return t.state(), true
}

// TenantTopics returns what AddTopic and SetAppended said.
func (s *session) TenantTopics(ctx context.Context) ([]brokers.TenantTopic, error) {
	err := s.begin(ctx, "listing the tenants' topics")
	defer s.b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var topics []brokers.TenantTopic
	for _, name := range slices.Sorted(maps.Keys(s.b.topics)) {
		if t := s.b.topics[name]; strings.HasPrefix(name, brokers.PrefixTenants) && !brokers.IsProbe(name) {
			topics = append(topics, brokers.TenantTopic{Name: name, ID: fmt.Sprint(t.made), Partitions: len(t.partitions), End: t.end, Bytes: t.bytes})
		}
	}
	return topics, nil
}

// RemoveTenant deletes topics, and groups that have no members.
func (s *session) RemoveTenant(ctx context.Context, prefix string) (left int, err error) {
	if err := brokers.CheckTenantPrefix(prefix); err != nil {
		return 0, err
	}
	err = s.begin(ctx, "deleting the tenant "+prefix)
	defer s.b.mu.Unlock()
	if err != nil {
		return 0, err
	}
	topics, groups := 0, 0
	for _, name := range slices.Sorted(maps.Keys(s.b.topics)) {
		switch {
		case !strings.HasPrefix(name, prefix):
		case topics == maxRemovals:
			left++
		default:
			topics++
			delete(s.b.topics, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.b.groups)) {
		switch {
		case !strings.HasPrefix(name, prefix):
		case groups == maxRemovals || s.b.groups[name] > 0:
			left++
		default:
			groups++
			delete(s.b.groups, name)
		}
	}
	return left, nil
}

// Close ends the session.
func (s *session) Close() {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.closed = true
	s.b.sessions = slices.DeleteFunc(s.b.sessions, func(other *session) bool { return other == s })
}
