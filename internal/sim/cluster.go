package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/brokers/mem"
	"github.com/orrery-kafka/orrery/internal/profile"
	"github.com/orrery-kafka/orrery/internal/substrate"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// cluster is a physical cluster as it really is: what a substrate has made, with brokers, gateways and data. It stays
// when its satellite crashes.
type cluster struct {
	site      *site
	id        string
	spec      orrery.PSCSpec
	brokers   []substrate.Broker
	gateways  []*gateway
	balancer  substrate.Balancer
	endpoints orrery.Endpoints
	issued    time.Time // the gateways' certificate; zero: none
	topics    map[string]*stateTopic
	// data is how many topics and groups each tenant has, by its prefix.
	data map[string]int
	// kafka is what Kafka knows of itself: who is alive and has what. What is in the state topics is in topics.
	kafka    *mem.Brokers
	started  map[int]time.Time // brokers that are not in sync yet
	sessions []*session
	// lives counts the starts and ends of each broker, so that what was begun before one has no effect after it.
	lives   map[int]int
	copying bool // partitions are being moved
}

// gateway is the gateway beside one broker.
type gateway struct {
	substrate.Gateway
	incarnation int
	// renewed is when it renewed its lease last, where it does not any more (it hangs, or it has ended); zero: it
	// renews, or it never had one.
	renewed time.Time
	leased  bool
	// hung: it neither renews its lease nor applies anything, and looks well from outside.
	hung    bool
	applied int64
}

// stateTopic is one state topic: the newest record of each key, sorted, and the offset of the next.
type stateTopic struct {
	records []brokers.Record // never changed in place: who was given it keeps it
	next    int64
}

// certificateLife is how long a gateways' certificate is good.
const certificateLife = 9 * 24 * time.Hour

func newCluster(s *site, id string, spec orrery.PSCSpec) *cluster {
	c := &cluster{site: s, id: id, spec: spec, topics: map[string]*stateTopic{}, data: map[string]int{}, started: map[int]time.Time{}, lives: map[int]int{}}
	var nodes []int32
	for node := range int32(spec.Brokers) {
		c.brokers = append(c.brokers, substrate.Broker{Node: node, Message: "it was not started yet"})
		nodes = append(nodes, node)
	}
	c.kafka = mem.New(id, func() time.Time { return s.world.clock.now }, nodes...)
	for _, node := range nodes {
		c.kafka.SetAlive(node, false)
	}
	if levels := profile.FeatureLevels(spec.Version); c.versioned() {
		for _, name := range slices.Sorted(maps.Keys(levels)) {
			c.kafka.SetFeature(brokers.Feature{Name: name, Finalized: levels[name], Max: levels[name]})
		}
	}
	if !spec.Gateways {
		return c
	}
	c.balancer.Message = "it was not started yet"
	c.endpoints.Bootstrap, c.endpoints.REST = id+".sim:9092", id+".sim:443"
	for node := range int32(spec.Brokers) {
		c.gateways = append(c.gateways, &gateway{Gateway: substrate.Gateway{Node: node, Message: "it was not started yet"}})
		c.endpoints.Brokers = append(c.endpoints.Brokers, orrery.BrokerEndpoint{Node: node, Host: fmt.Sprintf("b%d-%s.sim", node, id), Port: 9092})
	}
	return c
}

func (c *cluster) observe() substrate.Observed {
	o := substrate.Observed{
		Created: true, Spec: c.spec, Brokers: slices.Clone(c.brokers), Balancer: c.balancer, Endpoints: c.endpoints, CertificateIssued: c.issued,
	}
	if !c.issued.IsZero() {
		o.CertificateExpires = c.issued.Add(certificateLife)
	}
	for _, g := range c.gateways {
		o.Gateways = append(o.Gateways, g.Gateway)
	}
	return o
}

// running is how many brokers run.
func (c *cluster) running() (n int) {
	for _, b := range c.brokers {
		if b.Running {
			n++
		}
	}
	return n
}

// catchUpTime is how long a broker that has started copies what it missed.
const catchUpTime = 2 * time.Second

// catchUpWithLeaders brings brokers in sync that have run for long enough. None of them is done before all are: what one
// lacks may have had no leader when it was asked.
func (c *cluster) catchUpWithLeaders() {
	done := c.running() == len(c.brokers)
	for _, node := range slices.Sorted(maps.Keys(c.started)) {
		if c.site.world.clock.now.Sub(c.started[node]) < catchUpTime {
			done = false
			continue
		}
		c.kafka.CatchUp(int32(node))
	}
	if !done {
		return
	}
	for _, node := range slices.Sorted(maps.Keys(c.started)) {
		c.kafka.CatchUp(int32(node))
	}
	clear(c.started)
}

// stopBroker ends a broker, and the gateway that stands beside it.
func (c *cluster) stopBroker(node int, why string) {
	c.kafka.SetAlive(int32(node), false)
	delete(c.started, node)
	c.lives[node]++
	b := &c.brokers[node]
	b.Running, b.Starting, b.Stopping, b.Message = false, false, false, why
	if node < len(c.gateways) {
		c.stopGateway(node, "its broker does not run")
	}
	c.nodeChanged()
}

// stopGateway ends a gateway, whose lease runs on until it ends by itself.
func (c *cluster) stopGateway(node int, why string) {
	g := c.gateways[node]
	if g.Running {
		g.stopRenewing(c.site.world.clock.now)
	}
	g.Running, g.Serving, g.Message, g.hung = false, false, why, false
	g.incarnation++
	c.site.changed()
}

func (g *gateway) stopRenewing(now time.Time) {
	if g.leased && g.renewed.IsZero() {
		g.renewed = now
	}
}

// startGateway starts a gateway, which reads its state, takes its lease and then serves.
func (c *cluster) startGateway(node int) {
	g := c.gateways[node]
	g.Running, g.Serving, g.Message, g.hung = true, false, "", false
	g.incarnation++
	life := g.incarnation
	w := c.site.world
	w.clock.after(w.clock.between(20*time.Millisecond, 2*time.Second), func() {
		if g.incarnation == life {
			g.Serving = true
			c.catchUp(g)
		}
	})
}

// catchUp has a gateway apply everything and hold its lease.
func (c *cluster) catchUp(g *gateway) {
	g.leased, g.renewed, g.hung = true, time.Time{}, false
	if t := c.topics[brokers.TopicTenants]; t != nil {
		g.applied = t.next
	}
	c.site.changed()
	c.notify(brokers.TopicGateways)
}

// applySoon has each gateway apply what was written, each in its time.
func (c *cluster) applySoon() {
	w := c.site.world
	for _, g := range c.gateways {
		life := g.incarnation
		w.clock.after(w.clock.between(time.Millisecond, 200*time.Millisecond), func() {
			if g.incarnation == life && g.Serving && !g.hung {
				c.catchUp(g)
			}
		})
	}
}

// live reports whether a gateway counts: it holds its lease.
func (g *gateway) live(now time.Time) bool {
	return g.leased && (g.renewed.IsZero() || now.Sub(g.renewed) < tenancy.LeaseDuration)
}

// leases are the records of the gateways in _orrery_gateways.
func (c *cluster) leases() []tenancy.GatewayRecord {
	var leases []tenancy.GatewayRecord
	for _, g := range c.gateways {
		if !g.leased {
			continue
		}
		renewed := g.renewed
		if renewed.IsZero() {
			renewed = c.site.world.clock.now // it renews it every three seconds
		}
		leases = append(leases, tenancy.GatewayRecord{
			Version: tenancy.StateVersion, Node: g.Node, Incarnation: fmt.Sprint(g.incarnation), RenewedAt: renewed, Applied: g.applied,
		})
	}
	return leases
}

// notify tells everyone who follows a state topic that it has new records.
func (c *cluster) notify(topic string) {
	for _, s := range c.sessions {
		if s.following[topic] {
			s.changed()
		}
	}
}

// record returns the newest record of a key.
func (t *stateTopic) record(key string) (brokers.Record, bool) {
	if t == nil {
		return brokers.Record{}, false
	}
	i, found := t.find(key)
	if !found {
		return brokers.Record{}, false
	}
	return t.records[i], true
}

func (t *stateTopic) find(key string) (int, bool) {
	return slices.BinarySearchFunc(t.records, key, func(r brokers.Record, key string) int { return cmp.Compare(r.Key, key) })
}

// tenantRecords are those that the gateways read.
func (c *cluster) tenantRecords() []brokers.Record {
	if t := c.topics[brokers.TopicTenants]; t != nil {
		return t.records
	}
	return nil
}

// write appends records.
func (t *stateTopic) write(records []brokers.Record) {
	t.records = slices.Clone(t.records)
	for _, r := range records {
		r.Offset = t.next
		t.next++
		i, found := t.find(r.Key)
		switch {
		case r.Value == nil && found:
			t.records = slices.Delete(t.records, i, i+1)
		case r.Value == nil:
		case found:
			t.records[i] = r
		default:
			t.records = slices.Insert(t.records, i, r)
		}
	}
}
