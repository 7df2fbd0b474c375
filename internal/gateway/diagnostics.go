package gateway

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/quota"
)

// Limits of Diagnostics.
const (
	shownConnections = 500
	shownTenants     = 200
	shownRefusals    = 100
	slowestKept      = 32 // of each slowWindow
	slowWindow       = time.Minute
	slowWindows      = 5
)

// Diagnostics is what a gateway is doing at a moment, for whoever runs it: who is connected, what is slow, and what is
// held back and refused. It has names of all tenants and no secret, and is bounded: what is most comes first.
type Diagnostics struct {
	PhysicalClusterID string    `json:"physical_cluster_id"`
	Node              int32     `json:"node"`
	Incarnation       string    `json:"incarnation"`
	At                time.Time `json:"at"`
	Ready             bool      `json:"ready"`
	// Open is how many connections there are, and LoggingIn how many of them have not logged in.
	Open      int `json:"open"`
	LoggingIn int `json:"logging_in"`
	// Connections have the largest number of bytes first.
	Connections []ConnectionState `json:"connections"`
	// Tenants have those first that were told to wait for longest.
	Tenants []TenantState `json:"tenants"`
	// Slow are the slowest requests of the last minutes, without those that wait by design: fetches, and members of groups
	// that wait for each other.
	Slow []SlowRequest `json:"slow"`
	// Refusals are the last ones, of all tenants.
	Refusals []ClusterEntry `json:"refusals"`
}

// ConnectionState is one connection of a client that has logged in.
type ConnectionState struct {
	LogicalClusterID string    `json:"logical_cluster_id"`
	Principal        string    `json:"principal"`
	APIKeyID         string    `json:"api_key_id,omitempty"`
	Address          string    `json:"address"`
	ClientID         string    `json:"client_id"`
	Since            time.Time `json:"since"`
	InFlight         int       `json:"in_flight"`
	LastAPI          string    `json:"last_api"`
	LastAt           time.Time `json:"last_at,omitzero"`
	RequestBytes     int64     `json:"request_bytes"`
	ResponseBytes    int64     `json:"response_bytes"`
	// MutedMillis is for how much longer its client is not read, and MutedBy the quota that it was last held back by.
	MutedMillis int64  `json:"muted_millis,omitempty"`
	MutedBy     string `json:"muted_by,omitempty"`
}

// TenantState is what a tenant uses here, and how its share of each quota was found.
type TenantState struct {
	LogicalClusterID string   `json:"logical_cluster_id"`
	Connections      int64    `json:"connections"`
	Requests         int64    `json:"requests"`
	ThrottledSeconds float64  `json:"throttled_seconds"`
	Shares           []string `json:"shares"`
}

// SlowRequest is one that took long, from its last byte to its response's.
type SlowRequest struct {
	At               time.Time     `json:"at"`
	Took             time.Duration `json:"took_nanoseconds"`
	API              string        `json:"api"`
	LogicalClusterID string        `json:"logical_cluster_id"`
	Principal        string        `json:"principal"`
	ClientID         string        `json:"client_id"`
}

// ClusterEntry is an Entry of a Journal, and the logical cluster that it is of; "" is nobody's.
type ClusterEntry struct {
	LogicalClusterID string `json:"logical_cluster_id"`
	Entry
}

// traits are what Diagnostics tells of a connection that its loops change.
type traits struct {
	since                       time.Time // never changes
	address                     string    // since it is registered; guarded by gateway.mu
	clientID                    atomic.Pointer[string]
	lastAPI                     atomic.Int32
	lastAt                      atomic.Int64 // milliseconds since 1970
	requestBytes, responseBytes atomic.Int64
	heldBy                      atomic.Pointer[string]
}

// Diagnose returns what the gateway is doing now.
func (g *Gateway) Diagnose() Diagnostics {
	d := Diagnostics{
		PhysicalClusterID: g.config.PhysicalClusterID, Node: g.config.Node, Incarnation: g.lease.incarnation, At: g.config.Now().UTC(),
		Slow: g.slow.read(g.config.Now()), Refusals: g.config.Journal.latest(shownRefusals), Connections: []ConnectionState{}, Tenants: []TenantState{},
	}
	select {
	case <-g.ready:
		d.Ready = true
	default:
	}
	g.mu.Lock()
	d.Open = len(g.connections)
	for c := range g.connections {
		if !c.registered {
			d.LoggingIn++
			continue
		}
		d.Connections = append(d.Connections, c.describe())
	}
	g.mu.Unlock()
	slices.SortFunc(d.Connections, func(a, b ConnectionState) int {
		return cmp.Or(cmp.Compare(b.RequestBytes+b.ResponseBytes, a.RequestBytes+a.ResponseBytes), a.Since.Compare(b.Since))
	})
	d.Connections = d.Connections[:min(len(d.Connections), shownConnections)]
	d.Tenants = g.tenantStates()
	return d
}

// describe says what a connection does. The caller holds gateway.mu.
func (c *connection) describe() ConnectionState {
	t := &c.traits
	s := ConnectionState{
		LogicalClusterID: c.identity.LogicalClusterID, Principal: principalOf(c.identity), APIKeyID: c.identity.APIKeyID, Address: t.address,
		Since: t.since.UTC(), InFlight: c.waiting.size(), RequestBytes: t.requestBytes.Load(), ResponseBytes: t.responseBytes.Load(),
	}
	if id := t.clientID.Load(); id != nil {
		s.ClientID = shortened(*id)
	}
	if at := t.lastAt.Load(); at > 0 {
		s.LastAPI, s.LastAt = apiLabel(int16(t.lastAPI.Load())), time.UnixMilli(at).UTC()
	}
	if left := time.Duration(c.mutedUntil.Load() - c.gateway.quotas.now()); left > 0 {
		s.MutedMillis = left.Milliseconds()
		if by := t.heldBy.Load(); by != nil {
			s.MutedBy = *by
		}
	}
	return s
}

func (g *Gateway) tenantStates() []TenantState {
	named, _ := g.uses.read()
	states := make([]TenantState, 0, len(named))
	for id, u := range named {
		s := TenantState{LogicalClusterID: id, Connections: u.connections}
		for _, n := range u.requests {
			s.Requests += n
		}
		for _, d := range u.throttled {
			s.ThrottledSeconds += d.Seconds()
		}
		states = append(states, s)
	}
	slices.SortFunc(states, func(a, b TenantState) int {
		return cmp.Or(cmp.Compare(b.ThrottledSeconds, a.ThrottledSeconds), cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.LogicalClusterID, b.LogicalClusterID))
	})
	states = states[:min(len(states), shownTenants)]
	for i := range states {
		states[i].Shares = g.decided.of(states[i].LogicalClusterID)
	}
	return states
}

// decided keeps how the shares of tenants' quotas were found last. The zero value is ready.
type decided struct {
	mu       sync.Mutex
	byTenant map[string][]quota.Decision
}

func (d *decided) set(byTenant map[string][]quota.Decision) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.byTenant = byTenant
}

// of returns the decisions about a tenant's quotas that there are.
func (d *decided) of(logicalClusterID string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	texts := []string{}
	for _, decision := range d.byTenant[logicalClusterID] {
		if decision.Rule != quota.ShareUnlimited {
			texts = append(texts, decision.String())
		}
	}
	return texts
}

// slowRequests are the slowest of the last few minutes. The zero value is ready.
type slowRequests struct {
	// least is what a request has to take to be among them, in nanoseconds.
	least   atomic.Int64
	mu      sync.Mutex
	windows map[int64][]SlowRequest // by minute
}

// waits reports whether requests of an API wait by design.
func waits(key int16) bool {
	switch kmsg.Key(key) {
	case kmsg.Fetch, kmsg.ShareFetch, kmsg.JoinGroup, kmsg.SyncGroup:
		return true
	}
	return false
}

// add takes note of a request that was answered at now.
func (r *slowRequests) add(s *slot, took time.Duration, now time.Time) {
	if int64(took) <= r.least.Load() || waits(s.entry.key) {
		return
	}
	request := SlowRequest{At: now.UTC(), Took: took, API: apiLabel(s.entry.key)}
	if s.session != nil {
		request.LogicalClusterID, request.Principal, request.ClientID = s.session.LogicalClusterID, principalOf(s.session.Identity), shortened(s.session.clientID)
	}
	window := now.UnixNano() / int64(slowWindow)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.windows == nil {
		r.windows = map[int64][]SlowRequest{}
	}
	r.expire(window)
	at, _ := slices.BinarySearchFunc(r.windows[window], took, func(other SlowRequest, took time.Duration) int { return cmp.Compare(took, other.Took) })
	kept := slices.Insert(r.windows[window], at, request)
	kept = kept[:min(len(kept), slowestKept)]
	r.windows[window] = kept
	r.least.Store(0)
	if len(kept) == slowestKept {
		r.least.Store(int64(kept[slowestKept-1].Took))
	}
}

// expire forgets windows that are over for long. The caller holds the lock.
func (r *slowRequests) expire(window int64) {
	maps.DeleteFunc(r.windows, func(w int64, _ []SlowRequest) bool { return w <= window-slowWindows })
}

// turn lets the next window begin, which has no slow request yet.
func (r *slowRequests) turn(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	window := now.UnixNano() / int64(slowWindow)
	r.expire(window)
	if len(r.windows[window]) < slowestKept {
		r.least.Store(0)
	}
}

// read returns them, the slowest first.
func (r *slowRequests) read(now time.Time) []SlowRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now.UnixNano() / int64(slowWindow))
	all := []SlowRequest{}
	for _, window := range r.windows {
		all = append(all, window...)
	}
	slices.SortFunc(all, func(a, b SlowRequest) int { return cmp.Or(cmp.Compare(b.Took, a.Took), a.At.Compare(b.At)) })
	return all
}

// latest returns the last entries of all logical clusters.
func (j *Journal) latest(most int) []ClusterEntry {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := []ClusterEntry{}
	for id, c := range j.byCluster {
		for e, n := c.order.Front(), 0; e != nil && n < most; e, n = e.Next(), n+1 {
			all = append(all, ClusterEntry{id, e.Value.(*journaled).Entry})
		}
	}
	slices.SortFunc(all, func(a, b ClusterEntry) int {
		return cmp.Or(b.Last.Compare(a.Last), strings.Compare(a.LogicalClusterID, b.LogicalClusterID))
	})
	return all[:min(len(all), most)]
}
