// Package placement decides which physical cluster a logical cluster lives on: pure, from a snapshot, by a list of
// named rules whose reasons are kept.
//
// A multi-tenant cluster is filled to 70 % of every dimension of its capacity; beyond that a new one is made, and
// only where none can be made is the rest used. Nothing is ever filled over its capacity. Of the candidates that
// the rules leave, two are drawn and the emptier is taken, so that many placements at once do not all hit the one
// that looked emptiest.
package placement

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/orrery-kafka/orrery"
)

// Snapshot is what is known when a decision is made. Place does not change it.
type Snapshot struct {
	Satellites []Satellite
	Physical   []Physical
}

// Satellite is a satellite with what was asked of it already.
type Satellite struct {
	orrery.Satellite
	// Use is what it runs or was asked to run: brokers, the storage of their volumes, and what is reserved for the
	// logical clusters on them (OnSatellite).
	Use orrery.Capacity
	// Lost says why nothing new may be put there, such as that it is not heard of any more; "" where it may.
	Lost string
}

// Physical is a physical cluster with what is reserved on it.
type Physical struct {
	ID          string
	SatelliteID string
	Type        string // orrery.TypeMultiTenant or orrery.TypeDedicated
	Cloud       string
	Region      string
	Deleted     bool
	Capacity    orrery.Capacity
	Use         orrery.Capacity
}

// Request is a logical cluster to place, with what a new physical cluster for it would take.
type Request struct {
	Cluster orrery.LogicalCluster
	// New is what a new physical cluster for it would take, all brokers together, by the engine of the satellite; an
	// engine that is missing cannot run it.
	New map[string]Footprint
}

// Footprint is what a new physical cluster takes of a satellite.
type Footprint struct {
	Brokers      int
	StorageBytes int64
}

// Reservation returns what one logical cluster of a type is expected to use. It is less than what the type allows:
// most tenants are small, and their quotas keep the others from harm.
func Reservation(clusterType string) orrery.Capacity {
	const mebibyte = 1 << 20
	switch clusterType {
	case orrery.TypeBasic:
		return orrery.Capacity{LogicalClusters: 1, Partitions: 6, Connections: 4,
			IngressBytesPerSecond: 250_000, EgressBytesPerSecond: 750_000, StorageBytes: 4 * mebibyte}
	case orrery.TypeStandard:
		return orrery.Capacity{LogicalClusters: 1, Partitions: 50, Connections: 50,
			IngressBytesPerSecond: 2_500_000, EgressBytesPerSecond: 7_500_000, StorageBytes: 40 * mebibyte}
	default: // a Dedicated cluster has all of its physical cluster
		return orrery.Capacity{LogicalClusters: 1}
	}
}

// OnSatellite returns what a reservation takes of a satellite beside brokers: their volumes are counted as a whole.
func OnSatellite(reservation orrery.Capacity) orrery.Capacity {
	reservation.StorageBytes = 0
	return reservation
}

// Add returns the sum of two amounts.
func Add(a, b orrery.Capacity) orrery.Capacity {
	a.LogicalClusters += b.LogicalClusters
	a.Partitions += b.Partitions
	a.Connections += b.Connections
	a.IngressBytesPerSecond += b.IngressBytesPerSecond
	a.EgressBytesPerSecond += b.EgressBytesPerSecond
	a.StorageBytes += b.StorageBytes
	a.Brokers += b.Brokers
	return a
}

// Times returns an amount n times.
func Times(c orrery.Capacity, n int) orrery.Capacity {
	c.LogicalClusters *= n
	c.Partitions *= n
	c.Connections *= n
	c.IngressBytesPerSecond *= int64(n)
	c.EgressBytesPerSecond *= int64(n)
	c.StorageBytes *= int64(n)
	c.Brokers *= n
	return c
}

// FillPercent is how full a multi-tenant cluster gets before a new one is made.
const FillPercent = 70

// dimension is one part of a capacity, by the name that reasons use.
type dimension struct {
	name string
	of   func(orrery.Capacity) int64
}

var dimensions = []dimension{
	{"logical clusters", func(c orrery.Capacity) int64 { return int64(c.LogicalClusters) }},
	{"partitions", func(c orrery.Capacity) int64 { return int64(c.Partitions) }},
	{"connections", func(c orrery.Capacity) int64 { return int64(c.Connections) }},
	{"ingress", func(c orrery.Capacity) int64 { return c.IngressBytesPerSecond }},
	{"egress", func(c orrery.Capacity) int64 { return c.EgressBytesPerSecond }},
	{"storage", func(c orrery.Capacity) int64 { return c.StorageBytes }},
}

// Fullest returns the dimension that is nearest to its capacity and how full it is, in thousandths.
func Fullest(use, capacity orrery.Capacity) (name string, permille int64) {
	for i, d := range dimensions {
		used, room := d.of(use), d.of(capacity)
		full := int64(0)
		switch {
		case room <= 0 && used > 0:
			full = 1 << 30
		case room > 0:
			full = int64(float64(used) / float64(room) * 1000)
		}
		if i == 0 || full > permille {
			name, permille = d.name, full
		}
	}
	return name, permille
}

// fits reports whether use stays within percent of capacity in every dimension, and the first in which it does not.
func fits(use, capacity orrery.Capacity, percent int64) (string, bool) {
	for _, d := range dimensions {
		if used, room := d.of(use), d.of(capacity); used > room/100*percent+room%100*percent/100 {
			return d.name, false
		}
	}
	return "", true
}

// Fits reports whether a use is within the whole capacity, and the dimension in which it is not.
func Fits(use, capacity orrery.Capacity) (string, bool) { return fits(use, capacity, 100) }

// Place decides. A cluster that has its physical cluster keeps it. A decision without a SatelliteID is "nowhere
// for now", and Wait says why; one with NewPhysicalCluster has no PhysicalClusterID yet: the caller makes one on the
// satellite. DecidedAt is the caller's.
func Place(s Snapshot, r Request, seed uint64) orrery.PlacementDecision {
	p := &placing{snapshot: s, request: r, seed: seed, decision: orrery.PlacementDecision{
		LogicalClusterID: r.Cluster.ID, OrganizationID: r.Cluster.OrganizationID,
	}}
	for _, step := range steps {
		if step(p) {
			break
		}
	}
	if p.omitted > 0 {
		p.decision.Reasons = append(p.decision.Reasons, orrery.PlacementReason{
			Rule: "bounded", Verdict: accepted, Message: fmt.Sprintf("%d more reasons were not kept", p.omitted),
		})
	}
	return p.decision
}

// placing is one decision on its way.
type placing struct {
	snapshot Snapshot
	request  Request
	seed     uint64
	decision orrery.PlacementDecision
	serving  int // satellites of the cloud and region
	heard    int // those of them that may take this cluster, and are heard of
	omitted  int // reasons beyond maxReasons
}

// Verdicts of a rule.
const (
	accepted = "accepted"
	rejected = "rejected"
	chosen   = "chosen"
)

// maxReasons bounds the reasons that are kept; in a large fleet most candidates are rejected for the same few.
const maxReasons = 64

func (p *placing) because(rule, candidate, verdict, format string, args ...any) {
	if len(p.decision.Reasons) >= maxReasons && verdict != chosen && rule != ruleNowhere {
		p.omitted++
		return
	}
	p.decision.Reasons = append(p.decision.Reasons, orrery.PlacementReason{
		Rule: rule, Candidate: candidate, Verdict: verdict, Message: fmt.Sprintf(format, args...),
	})
}

// draw returns a number below n from the seed (splitmix64).
func (p *placing) draw(n int) int {
	p.seed += 0x9e3779b97f4a7c15
	z := p.seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(n))
}

// twoChoices draws two different candidates and returns the one of less load, the first drawn on a tie.
func twoChoices[T any](p *placing, candidates []T, id func(T) string, load func(T) int64) T {
	candidates = slices.SortedFunc(slices.Values(candidates), func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	if len(candidates) == 1 {
		p.because("power-of-two-choices", id(candidates[0]), chosen, "the only candidate, %s full", percent(load(candidates[0])))
		return candidates[0]
	}
	first := p.draw(len(candidates))
	second := p.draw(len(candidates) - 1)
	if second >= first {
		second++
	}
	a, b := candidates[first], candidates[second]
	if load(b) < load(a) {
		a, b = b, a
	}
	p.because("power-of-two-choices", id(a), chosen, "%s full; the other of the two that were drawn, %s, is %s full", percent(load(a)), id(b), percent(load(b)))
	return a
}

func percent(permille int64) string { return fmt.Sprintf("%d.%d %%", permille/10, permille%10) }
