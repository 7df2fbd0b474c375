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
	kafka     brokers.Cluster // of cluster.kafka
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
		opened := &session{cluster: c, kafka: c.kafka.Open(nil), process: p, nudge: changed, following: map[string]bool{}, asked: map[string]bool{}}
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

// ask reads what Kafka knows of itself.
func ask[T any](s *session, read func() (T, error)) (T, error) {
	if err := s.reach(); err != nil {
		var none T
		return none, err
	}
	s.cluster.catchUpWithLeaders()
	return read()
}

// command has Kafka change something, which the process that asks for it may not live to hear of.
func (s *session) command(do func() error) error {
	if err := s.reach(); err != nil {
		return err
	}
	s.cluster.catchUpWithLeaders()
	return s.process.effect(do)
}

// View implements brokers.Cluster.
func (s *session) View(ctx context.Context) (brokers.View, error) {
	return ask(s, func() (brokers.View, error) { return s.kafka.View(ctx) })
}

// Partitions implements brokers.Cluster.
func (s *session) Partitions(ctx context.Context) ([]brokers.Partition, error) {
	return ask(s, func() ([]brokers.Partition, error) { return s.kafka.Partitions(ctx) })
}

// Configuration implements brokers.Cluster.
func (s *session) Configuration(ctx context.Context, node int32) ([]brokers.Setting, error) {
	return ask(s, func() ([]brokers.Setting, error) { return s.kafka.Configuration(ctx, node) })
}

// Features implements brokers.Cluster.
func (s *session) Features(ctx context.Context) ([]brokers.Feature, error) {
	return ask(s, func() ([]brokers.Feature, error) { return s.kafka.Features(ctx) })
}

// Reassign implements brokers.Cluster.
func (s *session) Reassign(ctx context.Context, moves []brokers.Move, bytesPerSecond int64) error {
	return s.command(func() error {
		defer s.cluster.copySoon()
		return s.kafka.Reassign(ctx, moves, bytesPerSecond)
	})
}

// EndReassignment implements brokers.Cluster.
func (s *session) EndReassignment(ctx context.Context) (left int, err error) {
	err = s.command(func() (err error) { left, err = s.kafka.EndReassignment(ctx); return err })
	return left, err
}

// ElectPreferredLeaders implements brokers.Cluster.
func (s *session) ElectPreferredLeaders(ctx context.Context) (left int, err error) {
	err = s.command(func() (err error) { left, err = s.kafka.ElectPreferredLeaders(ctx); return err })
	return left, err
}

// AlterConfiguration implements brokers.Cluster.
func (s *session) AlterConfiguration(ctx context.Context, node int32, changes map[string]*string) error {
	return s.command(func() error { return s.kafka.AlterConfiguration(ctx, node, changes) })
}

// FinalizeFeatures implements brokers.Cluster.
func (s *session) FinalizeFeatures(ctx context.Context, levels map[string]int16) error {
	return s.command(func() error { return s.kafka.FinalizeFeatures(ctx, levels) })
}

// RemoveVoter implements brokers.Cluster.
func (s *session) RemoveVoter(ctx context.Context, node int32, directory string) error {
	return s.command(func() error { return s.kafka.RemoveVoter(ctx, node, directory) })
}

// AddVoter implements brokers.Cluster.
func (s *session) AddVoter(ctx context.Context, node int32, directory string) error {
	return s.command(func() error { return s.kafka.AddVoter(ctx, node, directory) })
}

// Unregister implements brokers.Cluster.
func (s *session) Unregister(ctx context.Context, node int32) error {
	return s.command(func() error { return s.kafka.Unregister(ctx, node) })
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
				s.cluster.kafka.AddTopic(name, 1)
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

// Each tenant has a topic of this name, behind its prefix, with so many partitions, besides those that are only counted.
const (
	tenantTopic      = "orders"
	tenantPartitions = 6
)

// TenantTopics implements brokers.Cluster. Nobody appends to a tenant's topics after they were made.
func (s *session) TenantTopics(context.Context) ([]brokers.TenantTopic, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	var topics []brokers.TenantTopic
	for _, prefix := range slices.Sorted(maps.Keys(s.cluster.data)) {
		topics = append(topics, brokers.TenantTopic{Name: prefix + tenantTopic, ID: prefix, Partitions: tenantPartitions, End: 1000, Bytes: 1 << 20})
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
			c.kafka.RemoveTopic(prefix + tenantTopic)
		}
		return nil
	})
	return left, err
}

// Close implements brokers.Cluster.
func (s *session) Close() {
	s.kafka.Close()
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
			c.kafka.AddTopic(prefix+tenantTopic, tenantPartitions)
		}
	}
}
