package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/quota"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

const (
	sharePeriod = time.Second
	// maxPublished is how many tenants a gateway publishes at most: a record of less than 1 MB. Those that are held back
	// come first; who is left out counts as using nothing elsewhere.
	maxPublished = 2000
	// leaseKey and useKey are the first halves of the keys in _orrery_gateways; the second is the node.
	leaseKey, useKey = "gateway/", "use/"
)

// useRecord is the value of use/NODE in _orrery_gateways: what tenants used at a gateway, written each second while
// several gateways hold a lease.
type useRecord struct {
	Version int                        `json:"version"`
	Node    int32                      `json:"node"`
	Tenants map[string]quota.Published `json:"tenants"` // by lkc-…
}

// shares divides each tenant's quotas over the gateways (Kora's dynamic quotas): each publishes what was used here,
// reads what the others say, and puts its own share in force.
type shares struct {
	gateway  *Gateway
	client   *kgo.Client // reads _orrery_gateways
	pressure int64       // of the broker, in thousandths

	mu       sync.Mutex
	exchange *quota.Exchange
	leases   map[int32]tenancy.GatewayRecord // of the other gateways
	// confirmed is when a record of this gateway's own was read: it writes, and hears. Its lease alone is written more
	// often than quota.Silence.
	confirmed time.Time
}

// newShares opens a connection of its own, so that nothing waits behind the state and no tenant's state behind this.
// What matters of _orrery_gateways is younger than a lease.
func newShares(g *Gateway) (*shares, error) {
	since := time.Now().Add(-2 * tenancy.LeaseDuration).UnixMilli()
	client, err := kgo.NewClient(append(controlOptions(g.config.Control), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topicGateways: {0: kgo.NewOffset().AfterMilli(since)},
	}))...)
	if err != nil {
		return nil, fmt.Errorf("opening the gateway's connection for quotas: %w", err)
	}
	return &shares{
		gateway: g, client: client, pressure: 1000,
		exchange: quota.NewExchange(g.quotas.now(), g.config.Node), leases: map[int32]tenancy.GatewayRecord{},
	}, nil
}

// keep shares until ctx ends.
func (s *shares) keep(ctx context.Context) {
	defer s.client.Close()
	var hearing sync.WaitGroup
	hearing.Go(func() { s.hear(ctx) })
	defer hearing.Wait()
	ticker := time.NewTicker(sharePeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := s.turn(ctx); err != nil && ctx.Err() == nil {
			s.gateway.warn("cannot publish what tenants use; their quotas are split evenly after a while", err)
		}
	}
}

// hear takes what is written to _orrery_gateways until ctx ends.
func (s *shares) hear(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := s.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		fetches.EachRecord(s.take)
		s.mu.Unlock()
		if err := fetches.Err(); err != nil {
			s.gateway.warn("cannot read what tenants use at other gateways; trying again", err)
			if sleep(ctx, followRetry) != nil {
				return
			}
		}
	}
}

// take takes one record; the caller holds the lock. What cannot be understood is of another version: its gateway
// counts as silent.
func (s *shares) take(r *kgo.Record) {
	kind, node, ok := strings.Cut(string(r.Key), "/")
	id, err := strconv.ParseInt(node, 10, 32)
	if err != nil || !ok {
		return
	}
	if kind += "/"; kind == askedKey || kind == toldKey {
		s.gateway.inquiries.hear(kind, int32(id), r.Value, s.journals)
		return
	}
	now := s.gateway.quotas.now()
	if int32(id) == s.gateway.config.Node {
		s.confirmed = s.gateway.config.Now()
		s.exchange.Sent(now)
		return
	}
	switch kind {
	case leaseKey:
		var record tenancy.GatewayRecord
		if json.Unmarshal(r.Value, &record) == nil {
			s.leases[int32(id)] = record
		}
	case useKey:
		var record useRecord
		if json.Unmarshal(r.Value, &record) == nil {
			s.live()
			s.exchange.Heard(now, int32(id), record.Tenants)
		}
	}
}

// journals returns the journals of the other gateways that hold a lease, and their nodes, but for the one that this
// gateway has itself. The caller holds the lock.
func (s *shares) journals() map[string][]int32 {
	others := map[string][]int32{}
	for node, lease := range s.leases {
		if lease.Live(s.gateway.config.Now()) && lease.Journal != s.gateway.config.Journal.id {
			others[lease.Journal] = append(others[lease.Journal], node)
		}
	}
	return others
}

// live tells the exchange who holds a lease. One that hears nothing takes nobody for gone, and every broker to have a
// gateway, so that all of them together still have no more than the quota. The caller holds the lock.
func (s *shares) live() {
	g, nodes := s.gateway, []int32{}
	now := g.config.Now()
	hears := now.Sub(s.confirmed) <= quota.Silence
	if !hears {
		for _, broker := range g.state.Load().endpoints.Brokers {
			nodes = append(nodes, broker.Node)
		}
	}
	for node, lease := range s.leases {
		if !hears || lease.Live(now) {
			nodes = append(nodes, node)
		}
	}
	s.exchange.SetGateways(g.quotas.now(), nodes)
}

// turn ends a period: it puts shares in force and publishes what was used. A gateway that is alone publishes nothing.
func (s *shares) turn(ctx context.Context) error {
	g := s.gateway
	s.pressure = g.broker.pressure(s.pressure)
	published := s.decide()
	s.mu.Lock()
	alone := s.exchange.Gateways() == 1
	s.mu.Unlock()
	if alone {
		return nil
	}
	return s.publish(ctx, published)
}

// decide puts this gateway's shares in force and returns what to publish.
func (s *shares) decide() map[string]quota.Published {
	g, published := s.gateway, map[string]quota.Published{}
	st := g.state.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live()
	all := map[string][]quota.Decision{}
	for id, t := range g.quotas.all(st) {
		tenant, _ := st.tenant(id)
		g.quotas.change(t, tenant, s.exchange.Gateways())
		t.mu.Lock()
		t.clients.Sweep(g.quotas.now())
		decisions, use := s.exchange.Decide(g.quotas.now(), id, t.limits, s.pressure)
		t.mu.Unlock()
		if use != nil {
			published[id] = use
		}
		all[id] = decisions
	}
	g.decided.set(all)
	return published
}

func (s *shares) publish(ctx context.Context, tenants map[string]quota.Published) error {
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	node := s.gateway.config.Node
	value, err := json.Marshal(useRecord{Version: tenancy.StateVersion, Node: node, Tenants: bounded(tenants)})
	if err != nil {
		return fmt.Errorf("encoding what tenants use: %w", err)
	}
	record := &kgo.Record{Topic: topicGateways, Key: []byte(useKey + strconv.Itoa(int(node))), Value: value}
	if err := s.gateway.control.client.ProduceSync(ctx, record).FirstErr(); err != nil {
		return fmt.Errorf("writing to %s: %w", topicGateways, err)
	}
	return nil
}

// bounded leaves out tenants beyond maxPublished, those first of which nothing is held back.
func bounded(tenants map[string]quota.Published) map[string]quota.Published {
	if len(tenants) <= maxPublished {
		return tenants
	}
	type wanting struct {
		id     string
		wanted int64
	}
	order := make([]wanting, 0, len(tenants))
	for id, published := range tenants {
		w := wanting{id: id}
		for _, use := range published {
			w.wanted = max(w.wanted, use.Wanted)
		}
		order = append(order, w)
	}
	slices.SortFunc(order, func(a, b wanting) int { return cmp.Or(cmp.Compare(b.wanted, a.wanted), cmp.Compare(a.id, b.id)) })
	kept := make(map[string]quota.Published, maxPublished)
	for _, w := range order[:maxPublished] {
		kept[w.id] = tenants[w.id]
	}
	return kept
}

// brokerTime measures how long the broker takes to answer Produce requests, which is what grows when its disks,
// processors or replicas cannot follow. Reads are no measure: a fetch waits for records. The zero value is ready.
type brokerTime struct{ requests, nanoseconds atomic.Int64 }

const (
	// overloaded is the mean time above which a broker has more to do than it can.
	overloaded = 500 * time.Millisecond
	// leastProduces is how many requests in a period say anything.
	leastProduces = 20
)

func (b *brokerTime) add(took time.Duration) {
	b.requests.Add(1)
	b.nanoseconds.Add(int64(took))
}

// pressure ends a period and returns by how much all shares are shrunk, from what they were (quota.BackPressure).
func (b *brokerTime) pressure(before int64) int64 {
	requests, nanoseconds := b.requests.Swap(0), b.nanoseconds.Swap(0)
	mean := int64(0)
	if requests >= leastProduces {
		mean = nanoseconds / requests
	}
	return quota.BackPressure(before, mean, int64(overloaded))
}
