package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// session is one satellite's view of a physical cluster from inside: a brokers.Cluster.
type session struct {
	cluster   *cluster
	process   *process
	nudge     func()
	following map[string]bool
	asked     map[string]bool // Tail was called, and the first read is on its way
}

var _ brokers.Cluster = (*session)(nil)

// open is a brokers.Opener for one life of a satellite.
func (s *site) open(p *process) brokers.Opener {
	return func(id string, _ brokers.Access, changed func()) (brokers.Cluster, error) {
		c := s.clusters[id]
		if p.dead || c == nil {
			return nil, orrery.Errorf(orrery.Unavailable, "the brokers of %s cannot be reached", id)
		}
		opened := &session{cluster: c, process: p, nudge: changed, following: map[string]bool{}, asked: map[string]bool{}}
		c.sessions = append(c.sessions, opened)
		return opened, nil
	}
}

// changed tells the satellite that something it follows has changed.
func (s *session) changed() {
	if !s.process.dead {
		s.nudge()
	}
}

// reach returns why a call cannot be served.
func (s *session) reach() error {
	switch {
	case s.process.dead:
		return errCrashed
	case s.cluster.gone():
		return orrery.Errorf(orrery.Unavailable, "the brokers of %s are gone", s.cluster.id)
	case s.cluster.running() == 0:
		return orrery.Errorf(orrery.Unavailable, "no broker of %s runs", s.cluster.id)
	}
	return nil
}

// gone reports whether the cluster was deleted.
func (c *cluster) gone() bool { return c.site.clusters[c.id] != c }

// writable returns why nothing can be written: two of three copies are needed, and room for them.
func (s *session) writable() error {
	if err := s.reach(); err != nil {
		return err
	}
	if n, all := s.cluster.running(), len(s.cluster.brokers); n < min(2, all) {
		return orrery.Errorf(orrery.Unavailable, "NOT_ENOUGH_REPLICAS: %d of %d brokers run", n, all)
	}
	if s.cluster.site.faults.full {
		return orrery.Errorf(orrery.Unavailable, "the disks are full")
	}
	return nil
}

// View implements brokers.Cluster.
func (s *session) View(context.Context) (brokers.View, error) {
	if err := s.reach(); err != nil {
		return brokers.View{}, err
	}
	v := brokers.View{Topics: len(s.cluster.topics), At: s.cluster.site.world.clock.now}
	for _, b := range s.cluster.brokers {
		if b.Running {
			v.Brokers = append(v.Brokers, b.Node)
		}
	}
	for _, n := range s.cluster.data {
		v.Topics += n
	}
	v.Partitions = v.Topics
	return v, nil
}

// PrepareStateTopics implements brokers.Cluster.
func (s *session) PrepareStateTopics(context.Context) error {
	if err := s.writable(); err != nil {
		return err
	}
	return s.process.effect(func() error {
		for _, name := range brokers.StateTopics {
			if s.cluster.topics[name] == nil {
				s.cluster.topics[name] = &stateTopic{}
			}
		}
		return nil
	})
}

// topic returns a state topic, which must exist.
func (s *session) topic(name string) (*stateTopic, error) {
	t := s.cluster.topics[name]
	if t == nil {
		return nil, fmt.Errorf("the topic %s of %s does not exist", name, s.cluster.id)
	}
	return t, nil
}

// ReadState implements brokers.Cluster.
func (s *session) ReadState(_ context.Context, name string) ([]brokers.Record, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	t, err := s.topic(name)
	if err != nil {
		return nil, err
	}
	return t.records, nil
}

// WriteState implements brokers.Cluster.
func (s *session) WriteState(_ context.Context, name string, records []brokers.Record) (end int64, err error) {
	if err := s.writable(); err != nil {
		return 0, err
	}
	t, err := s.topic(name)
	if err != nil {
		return 0, err
	}
	err = s.process.effect(func() error {
		c := s.cluster
		w := c.site.world
		w.counts.StateWrites += len(records)
		if name == brokers.TopicTenants {
			w.checkState(c, records)
		}
		t.write(records)
		end = t.next
		c.applySoon()
		w.clock.after(w.clock.between(time.Millisecond, 20*time.Millisecond), func() { c.notify(name) })
		w.tenantsArrive(c, records)
		return nil
	})
	return end, err
}

// Tail implements brokers.Cluster. The topic is known a while after the first call.
func (s *session) Tail(name string) (records []brokers.Record, ready bool) {
	if s.process.dead || s.cluster.gone() {
		return nil, false
	}
	t := s.cluster.topics[name]
	if !s.following[name] {
		if !s.asked[name] && t != nil {
			s.asked[name] = true
			w := s.cluster.site.world
			w.clock.after(w.clock.between(time.Millisecond, 50*time.Millisecond), func() {
				s.following[name] = true
				s.changed()
			})
		}
		return nil, false
	}
	if name != brokers.TopicGateways {
		return t.records, true
	}
	for _, lease := range s.cluster.leases() {
		value, err := json.Marshal(lease)
		if err != nil {
			continue // it is made of numbers and strings
		}
		records = append(records, brokers.Record{Key: fmt.Sprintf("gateway/%d", lease.Node), Value: value})
	}
	return append(records, t.records...), true // all of these are written by satellites, and sorted behind the leases
}

// TenantTopics implements brokers.Cluster. Nobody appends to a tenant's topics after they were made.
func (s *session) TenantTopics(context.Context) ([]brokers.TenantTopic, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	var topics []brokers.TenantTopic
	for _, prefix := range slices.Sorted(maps.Keys(s.cluster.data)) {
		topics = append(topics, brokers.TenantTopic{Name: prefix + "orders", ID: prefix, Partitions: 6, End: 1000, Bytes: 1 << 20})
	}
	return topics, nil
}

// mostRemovals bounds what one call of RemoveTenant removes.
const mostRemovals = 100

// RemoveTenant implements brokers.Cluster.
func (s *session) RemoveTenant(_ context.Context, prefix string) (left int, err error) {
	if err := brokers.CheckTenantPrefix(prefix); err != nil {
		return 0, err
	}
	if err := s.writable(); err != nil {
		return 0, err
	}
	err = s.process.effect(func() error {
		c := s.cluster
		c.site.world.checkRemoval(c, strings.TrimSuffix(prefix, "_"))
		c.data[prefix] -= min(c.data[prefix], mostRemovals)
		if left = c.data[prefix]; left == 0 {
			delete(c.data, prefix)
		}
		return nil
	})
	return left, err
}

// Close implements brokers.Cluster.
func (s *session) Close() {
	for i, other := range s.cluster.sessions {
		if other == s {
			s.cluster.sessions = append(s.cluster.sessions[:i:i], s.cluster.sessions[i+1:]...)
			return
		}
	}
}

// tenantsArrive has the users of tenants that came into force make topics and groups.
func (w *World) tenantsArrive(c *cluster, records []brokers.Record) {
	for _, r := range records {
		kind, id, err := tenancy.ParseStateKey(r.Key)
		if err != nil || kind != tenancy.StateTenant || r.Value == nil {
			continue
		}
		var record tenancy.StateRecord
		prefix := string(tenancy.PrefixOf(id))
		if json.Unmarshal(r.Value, &record) == nil && !record.Deleted && c.data[prefix] == 0 {
			c.data[prefix] = 1 + w.random.IntN(20*mostRemovals)
		}
	}
}
