package satellite

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
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/tenancy"
	"github.com/orrery-kafka/orrery/internal/usage"
)

// defaultMeterPeriod is Config.MeterPeriod where it is 0.
const defaultMeterPeriod = time.Minute

// meter adds up what the gateways of a physical cluster say that tenants used, looks at the tenants' topics, and reports
// both with the tenants' statuses. What it knows of topics is kept beside the gateways' records, so nothing of it is lost
// with a satellite, and what was appended while there was none is in the next look. Who uses nothing is not reported.
func (s *Satellite) meter(ctx context.Context, now time.Time, p *psc, state []brokers.Record) (next time.Time, err error) {
	if due := p.metered.Add(s.config.MeterPeriod); now.Before(due) {
		return due, nil
	}
	cluster, _ := p.operator.Cluster()
	records, ready := cluster.Tail(brokers.TopicGateways)
	if !ready {
		return now.Add(quiet), nil
	}
	p.metered = now
	next = now.Add(s.config.MeterPeriod)
	used, looks := s.readUsage(p, records)
	totals := used.Totals()
	listed, err := cluster.TenantTopics(ctx)
	if err != nil {
		return next, fmt.Errorf("satellite: looking at what tenants store in %s: %w", p.entry.ID, err)
	}
	topics := map[string][]usage.Topic{}
	for _, t := range listed {
		id, _, _ := strings.Cut(t.Name, "_")
		topics[id] = append(topics[id], usage.Topic{ID: t.ID, Partitions: int64(t.Partitions), End: t.End, Bytes: t.Bytes})
		if _, known := totals[id]; !known {
			totals[id] = usage.Total{}
		}
	}
	for id := range looks {
		if _, known := totals[id]; !known {
			totals[id] = usage.Total{}
		}
	}
	var batch []brokers.Record
	for _, id := range slices.Sorted(maps.Keys(totals)) {
		if !p.has(state, id) || len(batch) >= writeLimit {
			continue
		}
		look := looks[id].Look(now.UTC(), totals[id].Usage.ProducedRecords, topics[id])
		if before := looks[id]; look.News(before) {
			value, err := json.Marshal(look)
			if err != nil {
				return next, fmt.Errorf("satellite: encoding what %s stores: %w", id, err)
			}
			batch = append(batch, brokers.Record{Key: storedKey(id), Value: value})
		} else {
			look = before
		}
		s.tellUsage(p, id, orrery.UsageReport{Usage: totals[id].Usage, At: totals[id].At, Stored: look.StoredUsage})
	}
	batch = append(batch, s.unused(p, state, used, looks)...)
	if len(batch) == 0 {
		return next, nil
	}
	if _, err := cluster.WriteState(ctx, brokers.TopicGateways, batch); err != nil {
		return next, fmt.Errorf("satellite: writing what tenants store in %s: %w", p.entry.ID, err)
	}
	return next, nil
}

func storedKey(logicalClusterID string) string { return usage.StoredKind + "/" + logicalClusterID }

// readUsage reads the records for metering. A damaged one is left out, and said to be.
func (s *Satellite) readUsage(p *psc, records []brokers.Record) (usage.State, map[string]usage.Stored) {
	used, looks := usage.State{}, map[string]usage.Stored{}
	for _, r := range records {
		err := used.Apply(r.Key, r.Value)
		if id, ok := strings.CutPrefix(r.Key, usage.StoredKind+"/"); ok {
			var look usage.Stored
			if err = json.Unmarshal(r.Value, &look); err == nil {
				looks[id] = look
			}
		}
		if err != nil {
			s.config.Logger.Error("a record of what a tenant used is damaged and is left out", "physical_cluster", p.entry.ID, "key", r.Key, "error", err)
		}
	}
	return used, looks
}

// has reports whether the state topic has a logical cluster that is not deleted.
func (p *psc) has(state []brokers.Record, logicalClusterID string) bool {
	r, found := find(state, tenancy.StateKey(tenancy.StateTenant, logicalClusterID))
	var record tenancy.StateRecord
	return found && json.Unmarshal(r.Value, &record) == nil && !record.Deleted
}

// unused returns the tombstones of records of logical clusters of which nothing is left: what was used was reported
// before (lastUsage). A gateway may write once more after its last look; that goes the next time.
func (s *Satellite) unused(p *psc, state []brokers.Record, used usage.State, looks map[string]usage.Stored) []brokers.Record {
	over := func(id string) bool {
		i := s.items[orrery.DesiredTenant+"/"+id]
		return !p.has(state, id) && (i == nil || i.gone)
	}
	var tombstones []brokers.Record
	for _, k := range used.Of(over) {
		tombstones = append(tombstones, brokers.Record{Key: k.String()})
	}
	for _, id := range slices.Sorted(maps.Keys(looks)) {
		if over(id) {
			tombstones = append(tombstones, brokers.Record{Key: storedKey(id)})
		}
	}
	return tombstones[:min(len(tombstones), writeLimit)]
}

// tellUsage reports what a logical cluster used, where that is news.
func (s *Satellite) tellUsage(p *psc, id string, report orrery.UsageReport) {
	i, known := s.items[orrery.DesiredTenant+"/"+id]
	if !known || i.physicalClusterID != p.entry.ID || i.forget || i.usage != nil && *i.usage == report {
		return
	}
	i.usage = &report
	s.reports.changed(link.Message{Kind: i.kind, ID: i.id}, i.status())
}

// lastUsage takes what a deleted logical cluster used into its last status, and into the log: after that it is nowhere.
func (s *Satellite) lastUsage(cluster brokers.Cluster, p *psc, i *item) {
	records, _ := cluster.Tail(brokers.TopicGateways)
	used, looks := s.readUsage(p, records)
	total, known := used.Totals()[i.id]
	if look, looked := looks[i.id]; known || looked {
		i.usage = &orrery.UsageReport{Usage: total.Usage, At: total.At, Stored: look.StoredUsage}
		s.config.Logger.Info("the use of a cluster that was deleted", "cluster", i.id, "usage", *i.usage)
	}
}
