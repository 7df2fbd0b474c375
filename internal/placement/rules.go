package placement

import (
	"fmt"

	"github.com/orrery-kafka/orrery"
)

// step is one way to end a placement. It reports whether it did.
type step func(*placing) bool

// The ways, in the order in which they are tried.
var steps = []step{
	keep,       // a placed cluster stays
	share,      // an existing multi-tenant cluster with room
	build,      // a new physical cluster on a satellite
	shareTight, // an existing one beyond 70 %, because no new one can be made
	nowhere,    // wait, and say why
}

// satelliteRule says whether a satellite can take a new physical cluster for a request, and why not or why.
type satelliteRule struct {
	name string
	ask  func(*placing, Satellite) (string, bool)
}

const (
	ruleRegion = "satellite-region"
	ruleLease  = "satellite-lease"
)

// The rules about satellites: the first that rejects ends the questions. Adding one is adding a line.
var satelliteRules = []satelliteRule{
	{ruleRegion, satelliteRegion},               // it serves the cloud and region
	{"satellite-isolation", satelliteIsolation}, // it is not kept for others, and no other one is kept for this cluster
	{ruleLease, satelliteLease},                 // it is heard of
	{"satellite-engine", satelliteEngine},       // its engine can run the cluster
	{"satellite-capacity", satelliteCapacity},   // brokers, storage and what tenants use are left
}

// The rules about existing physical clusters, but for their capacity. They give no reasons: nearly all of a large
// fleet is somewhere else.
var physicalRules = []func(*placing, Physical) bool{
	physicalType,   // shared, and staying
	physicalRegion, // in the cloud and region that were asked for
	physicalServed, // its satellite is known
}

func keep(p *placing) bool {
	id := p.request.Cluster.PhysicalClusterID
	if id == "" {
		return false
	}
	p.decision.PhysicalClusterID = id
	for _, c := range p.snapshot.Physical {
		if c.ID == id {
			p.decision.SatelliteID = c.SatelliteID
		}
	}
	p.because("placed-before", id, chosen, "the cluster is there already, and is never moved by placement")
	return true
}

func share(p *placing) bool { return shareUpTo(p, "physical-cluster-capacity", FillPercent) }

func shareTight(p *placing) bool { return shareUpTo(p, "physical-cluster-full-capacity", 100) }

func shareUpTo(p *placing, rule string, most int64) bool {
	if p.request.Cluster.Dedicated() {
		if most == FillPercent {
			p.because("dedicated", "", accepted, "a Dedicated cluster gets a physical cluster of its own")
		}
		return false
	}
	need := Reservation(p.request.Cluster.Type)
	var candidates []Physical
	for _, c := range p.snapshot.Physical {
		if !askPhysical(p, c) {
			continue
		}
		if name, ok := fits(Add(c.Use, need), c.Capacity, most); !ok {
			p.because(rule, c.ID, rejected, "with this cluster its %s would be over %d %%", name, most)
			continue
		}
		if !askCarrier(p, p.satellite(c.SatelliteID)) {
			continue
		}
		name, full := Fullest(c.Use, c.Capacity)
		p.because(rule, c.ID, accepted, "under %d %% everywhere; fullest in %s, %s", most, name, percent(full))
		candidates = append(candidates, c)
	}
	if len(candidates) == 0 {
		return false
	}
	best := twoChoices(p, candidates, func(c Physical) string { return c.ID },
		func(c Physical) int64 { _, full := Fullest(c.Use, c.Capacity); return full })
	p.decision.PhysicalClusterID, p.decision.SatelliteID = best.ID, best.SatelliteID
	return true
}

func askPhysical(p *placing, c Physical) bool {
	for _, may := range physicalRules {
		if !may(p, c) {
			return false
		}
	}
	return true
}

func physicalType(_ *placing, c Physical) bool {
	return c.Type == orrery.TypeMultiTenant && !c.Deleted
}

func physicalRegion(p *placing, c Physical) bool {
	return c.Cloud == p.request.Cluster.Cloud && c.Region == p.request.Cluster.Region
}

func physicalServed(p *placing, c Physical) bool { return p.satellite(c.SatelliteID).ID != "" }

// satellite returns a satellite of the snapshot; the zero Satellite where it is not known.
func (p *placing) satellite(id string) Satellite {
	for _, s := range p.snapshot.Satellites {
		if s.ID == id {
			return s
		}
	}
	return Satellite{}
}

// satelliteCarries reports whether a satellite has room for one more logical cluster, wherever on it.
func satelliteCarries(p *placing, s Satellite) (string, bool) {
	name, ok := Fits(Add(s.Use, OnSatellite(Reservation(p.request.Cluster.Type))), s.Capacity)
	if !ok {
		return fmt.Sprintf("with this cluster its %s would be over its capacity", name), false
	}
	return "it has room for one more", true
}

func build(p *placing) bool {
	var candidates []Satellite
	for _, s := range p.snapshot.Satellites {
		if askSatellite(p, s) {
			candidates = append(candidates, s)
		}
	}
	if len(candidates) == 0 {
		return false
	}
	best := twoChoices(p, candidates, func(s Satellite) string { return s.ID }, satelliteLoad)
	p.because("new-physical-cluster", best.ID, chosen, "a new one of %d brokers", p.request.New[best.Engine].Brokers)
	p.decision.SatelliteID, p.decision.NewPhysicalCluster = best.ID, true
	return true
}

func askSatellite(p *placing, s Satellite) bool {
	for _, r := range satelliteRules {
		message, ok := r.ask(p, s)
		if !ok {
			p.because(r.name, s.ID, rejected, "%s", message)
			return false
		}
		p.because(r.name, s.ID, accepted, "%s", message)
		switch r.name {
		case ruleRegion:
			p.serving++
		case ruleLease:
			p.heard++
		}
	}
	return true
}

func satelliteRegion(p *placing, s Satellite) (string, bool) {
	c := p.request.Cluster
	if !s.Serves(c.Cloud, c.Region) {
		return fmt.Sprintf("it serves %s/%s, not %s/%s", s.Cloud, s.Region, c.Cloud, c.Region), false
	}
	return fmt.Sprintf("it serves %s/%s", c.Cloud, c.Region), true
}

// askCarrier asks whether a satellite can take one more logical cluster on what runs there.
func askCarrier(p *placing, s Satellite) bool {
	for _, r := range []satelliteRule{{"satellite-isolation", satelliteIsolation}, {ruleLease, satelliteLease}, {"satellite-capacity", satelliteCarries}} {
		if message, ok := r.ask(p, s); !ok {
			p.because(r.name, s.ID, rejected, "%s", message)
			return false
		}
	}
	return true
}

func satelliteLease(_ *placing, s Satellite) (string, bool) {
	if s.Lost != "" {
		return s.Lost, false
	}
	return "it is heard of", true
}

// keptFor reports whether a satellite is kept for certain clusters, and whether this one is among them.
func keptFor(s Satellite, c orrery.LogicalCluster) (kept, forThis bool, label string) {
	for _, l := range []struct{ name, id string }{{orrery.LabelOrganization, c.OrganizationID}, {orrery.LabelEnvironment, c.EnvironmentID}} {
		value, ok := s.Labels[l.name]
		switch {
		case !ok:
		case value != l.id:
			return true, false, l.name + "=" + value
		default:
			kept, forThis, label = true, true, l.name+"="+value
		}
	}
	return kept, forThis, label
}

// satelliteIsolation keeps clusters to the satellites that are kept for them, and all others from those.
func satelliteIsolation(p *placing, s Satellite) (string, bool) {
	c := p.request.Cluster
	switch kept, forThis, label := keptFor(s, c); {
	case forThis:
		return "it is kept for this cluster by its label " + label, true
	case kept:
		return "it is kept for others by its label " + label, false
	}
	for _, other := range p.snapshot.Satellites {
		if _, forThis, label := keptFor(other, c); forThis && other.Serves(c.Cloud, c.Region) {
			return "the cluster has to be where the label is " + label, false
		}
	}
	return "it is for everybody", true
}

func satelliteEngine(p *placing, s Satellite) (string, bool) {
	if _, ok := p.request.New[s.Engine]; !ok {
		return fmt.Sprintf("its engine %q cannot run such a cluster", s.Engine), false
	}
	return fmt.Sprintf("its engine is %q", s.Engine), true
}

func satelliteCapacity(p *placing, s Satellite) (string, bool) {
	need := p.request.New[s.Engine]
	if s.Use.Brokers+need.Brokers > s.Capacity.Brokers {
		return fmt.Sprintf("%d of its %d brokers are taken, and %d are needed", s.Use.Brokers, s.Capacity.Brokers, need.Brokers), false
	}
	if message, ok := satelliteCarries(p, s); !ok {
		return message, false
	}
	if s.Use.StorageBytes+need.StorageBytes > s.Capacity.StorageBytes {
		return fmt.Sprintf("%d of its %d bytes of storage are taken, and %d are needed", s.Use.StorageBytes, s.Capacity.StorageBytes, need.StorageBytes), false
	}
	return fmt.Sprintf("%d of its %d brokers are taken, and %d are needed", s.Use.Brokers, s.Capacity.Brokers, need.Brokers), true
}

func satelliteLoad(s Satellite) int64 {
	if s.Capacity.Brokers <= 0 {
		return 0
	}
	return int64(s.Use.Brokers) * 1000 / int64(s.Capacity.Brokers)
}

// ruleNowhere is the rule of the reason that sums up why a cluster has to wait.
const ruleNowhere = "nowhere"

func nowhere(p *placing) bool {
	p.because(ruleNowhere, "", rejected, "%s", p.wait())
	return true
}

// Wait returns, in one line for a user, why a decision put a cluster nowhere yet; "" where it put it somewhere.
func Wait(d orrery.PlacementDecision) string {
	for _, r := range d.Reasons {
		if r.Rule == ruleNowhere {
			return r.Message
		}
	}
	return ""
}

// wait is read by tenants, so it says nothing about who else is there.
func (p *placing) wait() string {
	c := p.request.Cluster
	switch {
	case p.serving == 0:
		return fmt.Sprintf("waiting for placement: no satellite serves %s/%s", c.Cloud, c.Region)
	case p.heard == 0:
		return fmt.Sprintf("waiting for placement: no satellite that serves %s/%s can take new clusters at the moment", c.Cloud, c.Region)
	case p.serving == 1:
		return fmt.Sprintf("waiting for placement: the satellite that serves %s/%s has no room for a %s cluster", c.Cloud, c.Region, c.Type)
	}
	return fmt.Sprintf("waiting for placement: none of the %d satellites that serve %s/%s has room for a %s cluster", p.serving, c.Cloud, c.Region, c.Type)
}
