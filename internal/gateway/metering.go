package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/tenancy"
	"github.com/orrery-kafka/orrery/internal/usage"
)

const (
	meterPeriod = time.Second
	// idlePeriod is how often it is written for how long connections were open on which nothing happens.
	idlePeriod = 10 * time.Second
	// foldAfter is how old a gateway is when it folds what its predecessors wrote: none of them has a lease any more.
	foldAfter = tenancy.LeaseDuration + time.Second
)

// metering writes what tenants have used since the gateway began into _orrery_gateways, each second what has changed;
// see package usage. What cannot be written is in what is written next. It is used by one goroutine at a time.
type metering struct {
	gateway  *Gateway
	sequence int64
	written  map[string]meterWrite // by lkc-…, as the topic has it
}

type meterWrite struct {
	usage orrery.Usage
	at    time.Time
}

func newMetering(g *Gateway) *metering {
	return &metering{gateway: g, sequence: g.config.Now().UnixMilli(), written: map[string]meterWrite{}}
}

// keep writes until ctx ends. What is used later is for the last flush, see Close.
func (m *metering) keep(ctx context.Context) {
	ticker := time.NewTicker(meterPeriod)
	defer ticker.Stop()
	folding := time.NewTimer(foldAfter)
	defer folding.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.gateway.slow.turn(m.gateway.config.Now())
			err = m.flush(ctx)
		case <-folding.C:
			if err = m.fold(ctx); err != nil {
				folding.Reset(meterPeriod)
			}
		}
		if err != nil && ctx.Err() == nil {
			m.gateway.metrics.meterFailures.Inc()
			m.gateway.warn("cannot write what tenants used; it is counted on and written later", err)
		}
	}
}

// flush writes what has changed, and returns when it is durable.
func (m *metering) flush(ctx context.Context) error {
	g, now := m.gateway, m.gateway.config.Now().UTC()
	present := g.metrics.tenants.present
	g.uses.forget(present)
	all := g.uses.metered()
	var changed []usage.Written
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if m.news(id, all[id], now) {
			record := usage.Record{Version: usage.Version, Sequence: m.sequence, At: now, Usage: all[id]}
			key := usage.Key{Node: g.config.Node, LogicalClusterID: id, Incarnation: g.lease.incarnation}
			changed = append(changed, usage.Written{Key: key, Record: &record})
		}
	}
	err := m.write(ctx, changed)
	for id, used := range all {
		if m.written[id].usage == used && !present(id) {
			g.uses.drop(id)
			delete(m.written, id)
		}
	}
	return err
}

// news reports whether what a tenant used is to be written. What probes use is nobody's.
func (m *metering) news(id string, used orrery.Usage, now time.Time) bool {
	if id == orrery.ProbeCluster {
		return false
	}
	before := m.written[id]
	if now.Sub(before.at) < idlePeriod {
		before.usage.ConnectionMillis = used.ConnectionMillis
	}
	return before.usage != used
}

// write appends records and returns when they are durable, or some of them are not.
func (m *metering) write(ctx context.Context, changed []usage.Written) error {
	if len(changed) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	records := make([]*kgo.Record, len(changed))
	for i, w := range changed {
		records[i] = &kgo.Record{Topic: topicGateways, Key: []byte(w.Key.String())}
		if w.Record == nil {
			continue
		}
		var err error
		if records[i].Value, err = json.Marshal(w.Record); err != nil {
			return fmt.Errorf("encoding what a tenant used: %w", err)
		}
	}
	if err := m.gateway.control.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("writing to %s: %w", topicGateways, err)
	}
	for _, w := range changed {
		if w.Record != nil && w.Key.Incarnation == m.gateway.lease.incarnation {
			m.written[w.Key.LogicalClusterID] = meterWrite{w.Record.Usage, w.Record.At}
		}
	}
	return nil
}

// fold makes one record of what earlier incarnations at this node wrote of each tenant.
func (m *metering) fold(ctx context.Context) error {
	g := m.gateway
	state := usage.State{}
	err := readState(ctx, g.config.Control, topicGateways, func(r *kgo.Record) {
		if err := state.Apply(string(r.Key), r.Value); err != nil {
			g.metrics.malformed.Inc()
			g.config.Logger.Error("ignoring a malformed record of what a tenant used", "error", err)
		}
	})
	if err != nil {
		return fmt.Errorf("reading what earlier gateways wrote: %w", err)
	}
	if sequence := state.Sequence(g.config.Node, m.sequence); sequence != m.sequence {
		m.sequence = sequence // the clock went back
		clear(m.written)
	}
	folds, tombstones := state.Fold(g.config.Node, m.sequence)
	if err := m.write(ctx, folds); err != nil {
		return err
	}
	return m.write(ctx, tombstones)
}

// readState reads a topic of one partition from its beginning to where it ends now, with a connection of its own.
func readState(ctx context.Context, control Control, topic string, apply func(*kgo.Record)) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client, err := kgo.NewClient(append(controlOptions(control), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {0: kgo.NewOffset().AtStart()},
	}))...)
	if err != nil {
		return err
	}
	defer client.Close()
	start, end, err := listBounds(ctx, kadm.NewClient(client), topic)
	if err != nil {
		return err
	}
	for position := start; position < end; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			position = r.Offset + 1
			if !r.Attrs.IsControl() {
				apply(r)
			}
		})
	}
	return nil
}
