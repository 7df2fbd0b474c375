package satellite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// settle moves every pending item on: into the state topic of its physical cluster, through the gateways, and,
// deleted, to its end. It returns when the next look is due by itself.
func (s *Satellite) settle(ctx context.Context, now time.Time) (next time.Time, err error) {
	next = now.Add(quiet)
	byCluster := map[string][]*item{}
	for _, key := range slices.Sorted(maps.Keys(s.pending)) {
		i := s.items[key]
		byCluster[i.physicalClusterID] = append(byCluster[i.physicalClusterID], i)
	}
	s.findTenants(byCluster)
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(s.pscs)) {
		due, err := s.settleCluster(ctx, now, s.pscs[id], byCluster[id])
		next = earlier(next, due)
		errs = append(errs, err)
		delete(byCluster, id)
	}
	for _, id := range slices.Sorted(maps.Keys(byCluster)) {
		for _, i := range byCluster[id] {
			s.settleNowhere(ctx, i)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.pending)) {
		i := s.items[key]
		if !i.forget {
			s.reports.changed(link.Message{Kind: i.kind, ID: i.id}, i.status())
		}
		if i.settled() {
			delete(s.pending, key)
			i.content = nil
		}
	}
	return next, errors.Join(errs...)
}

// findTenants finds the physical cluster of tombstones of tenants that this process never knew: their key does
// not have it, so every state topic is looked through. While one of them cannot be read, those not found wait.
func (s *Satellite) findTenants(byCluster map[string][]*item) {
	if len(byCluster[""]) == 0 {
		return
	}
	all := true
	for _, id := range slices.Sorted(maps.Keys(s.pscs)) {
		p := s.pscs[id]
		state, ready := s.state(p)
		all = all && (ready || !p.spec.Gateways || p.status.Gone)
		for _, i := range byCluster[""] {
			if _, found := find(state, i.stateKey); found {
				i.physicalClusterID = id
				byCluster[id] = append(byCluster[id], i)
			}
		}
		byCluster[""] = slices.DeleteFunc(byCluster[""], func(i *item) bool { return i.physicalClusterID != "" })
	}
	if !all {
		delete(byCluster, "")
	}
}

// settleNowhere is for items of a physical cluster that this satellite does not know. One that is deleted has
// nothing left; any other waits for its cluster.
func (s *Satellite) settleNowhere(ctx context.Context, i *item) {
	if i.forget {
		s.drop(i)
		return
	}
	i.reason = fmt.Sprintf("waiting for the physical cluster %s, which this satellite does not know yet", i.physicalClusterID)
	if !i.deleted {
		return
	}
	observed, err := s.config.Substrate.Observe(ctx, i.physicalClusterID)
	if err == nil && !observed.Created {
		i.applied, i.gone, i.reason = true, true, ""
	}
}

// state returns the records of a physical cluster's _orrery_tenants as far as they are known without waiting.
func (s *Satellite) state(p *psc) ([]brokers.Record, bool) {
	cluster, open := p.operator.Cluster()
	if !open || !p.operator.StateTopics() {
		return nil, false
	}
	return cluster.Tail(brokers.TopicTenants)
}

func find(records []brokers.Record, key string) (brokers.Record, bool) {
	at, found := slices.BinarySearchFunc(records, key, func(r brokers.Record, key string) int { return cmp.Compare(r.Key, key) })
	if !found {
		return brokers.Record{}, false
	}
	return records[at], true
}

// settleCluster moves the items of one physical cluster on.
func (s *Satellite) settleCluster(ctx context.Context, now time.Time, p *psc, items []*item) (next time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	next = now.Add(quiet)
	if p.status.Gone {
		for _, i := range items {
			s.settleNowhere(ctx, i)
		}
		return next, nil
	}
	state, ready := s.state(p)
	if !ready || !p.anyBrokerRuns() {
		p.wait(items)
		return next, nil
	}
	if now.Before(p.retry) {
		return p.retry, nil
	}
	more, err := s.write(ctx, p, state, items)
	if err != nil {
		p.wait(items)
		p.retry = now.Add(min(firstWritePause<<min(p.attempts, 10), lastWritePause))
		p.attempts++
		return p.retry, err
	}
	p.attempts = 0
	if more {
		next = now
	}
	cluster, _ := p.operator.Cluster()
	due := acknowledge(cluster, p.entry.ID, items, now)
	next = earlier(next, due)
	due, finishErr := s.finish(ctx, now, p, cluster, items)
	next = earlier(next, due)
	due, keysErr := s.keySets(ctx, now, p, state)
	next = earlier(next, due)
	due, probeErr := s.probe(ctx, now, p, state)
	next = earlier(next, due)
	due, meterErr := s.meter(ctx, now, p, state)
	return earlier(next, due), errors.Join(finishErr, keysErr, probeErr, meterErr)
}

// Pauses while a state topic cannot be written: each try may take clusterTimeout, and other clusters wait for it.
const (
	firstWritePause = 250 * time.Millisecond
	lastWritePause  = 30 * time.Second
)

// wait says of the items that are not written yet what they wait for.
func (p *psc) wait(items []*item) {
	why := "its state topics cannot be used yet"
	if c, ok := orrery.FindCondition(p.status.Conditions, orrery.ConditionReady); ok && c.Status != orrery.True {
		why = c.Message
	}
	for _, i := range items {
		if !i.applied {
			i.reason = fmt.Sprintf("waiting for the physical cluster %s: %s", p.entry.ID, why)
		}
	}
}

func (p *psc) anyBrokerRuns() bool {
	return slices.ContainsFunc(p.status.Brokers, func(b orrery.BrokerStatus) bool { return b.State == "running" })
}

// write puts what is not in the state topic yet into it: the addresses first, for a tenant is no use without.
func (s *Satellite) write(ctx context.Context, p *psc, state []brokers.Record, items []*item) (more bool, err error) {
	var batch []brokers.Record
	endpoints, err := p.endpointsRecord(state)
	if err != nil {
		return false, err
	}
	if endpoints != nil {
		batch = append(batch, *endpoints)
	}
	var written []*item
	for _, i := range items {
		if len(batch) >= writeLimit {
			more = true
			break
		}
		if i.end > 0 && !i.forget || i.refused != "" {
			continue
		}
		record, err := s.compare(i, state)
		if err != nil {
			return false, err
		}
		if record != nil {
			batch, written = append(batch, *record), append(written, i)
		}
	}
	if len(batch) == 0 {
		return more, nil
	}
	cluster, _ := p.operator.Cluster()
	end, err := cluster.WriteState(ctx, brokers.TopicTenants, batch)
	if err != nil {
		return false, fmt.Errorf("satellite: writing the state of %s: %w", p.entry.ID, err)
	}
	if endpoints != nil {
		p.endpoints.written = p.endpoints.hash
	}
	for _, i := range written {
		if i.forget {
			s.drop(i)
			continue
		}
		i.end = end
	}
	return more, nil
}

// compare decides what becomes of an item that is not written: nothing where the state topic has it, refusal
// where the state topic has a newer generation or the same with other content, else a record to write.
func (s *Satellite) compare(i *item, state []brokers.Record) (*brokers.Record, error) {
	existing, found := find(state, i.stateKey)
	var have tenancy.StateRecord
	if found {
		if err := json.Unmarshal(existing.Value, &have); err != nil {
			// Nothing can be known of its generation, so what the link says, which is the truth, goes over it.
			s.config.Logger.Error("a state record is damaged and is replaced", "physical_cluster", i.physicalClusterID, "key", i.stateKey, "error", err)
			found = false
		}
	}
	if i.forget {
		if !found || !have.Deleted {
			if found {
				s.config.Logger.Warn("a tombstone came for something that is not deleted; it is ignored", "physical_cluster", i.physicalClusterID, "key", i.stateKey)
			}
			s.drop(i)
			return nil, nil
		}
		return &brokers.Record{Key: i.stateKey}, nil
	}
	if found {
		order := i.generation.Compare(have.Generation)
		switch {
		case order == 0 && i.hash == have.Hash && i.deleted == have.Deleted:
			i.end = existing.Offset + 1
			return nil, nil
		case order == 0:
			i.refused = sameGeneration(i.generation)
			return nil, nil
		case order < 0:
			i.refused = fmt.Sprintf("generation %s is older than %s, which is in force", i.generation, have.Generation)
			return nil, nil
		}
	}
	value, err := i.record()
	if err != nil {
		return nil, fmt.Errorf("satellite: encoding %s: %w", i.stateKey, err)
	}
	return &brokers.Record{Key: i.stateKey, Value: value}, nil
}
