package gateway

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/quota"
)

const (
	// maxTenantSeries is how many tenants have metrics of their own at a gateway. The others are counted together.
	maxTenantSeries = 2000
	// tenantSeriesIdle is for how long a tenant without connections keeps them.
	tenantSeriesIdle = time.Hour
)

// throttleCause is what a client was held back by: a dimension of its tenant's quotas, or beyond those a dimension of its
// own client quotas.
type throttleCause int

const throttleCauses = 2 * throttleCause(quota.Dimensions)

func causeOf(v quota.Verdict) throttleCause {
	if v.Client != nil {
		return throttleCause(quota.Dimensions + v.Dimension)
	}
	return throttleCause(v.Dimension)
}

// String names the quota, as metrics have it: "ingress", or of a client quota its key.
func (c throttleCause) String() string {
	if d := quota.Dimension(c); d < quota.Dimensions {
		return d.String()
	}
	return quota.ClientKey(quota.Dimension(c) - quota.Dimensions)
}

// tenantUse is what one tenant has used at this gateway. A connection finds it once, when it is authenticated; from
// then on counting is an addition.
type tenantUse struct {
	requestBytes, responseBytes atomic.Int64
	fetchBytes                  atomic.Int64                  // of responseBytes, those of fetches
	produced                    [2]atomic.Int64               // records, bytes
	requests                    [kmsg.MaxKey + 2]atomic.Int64 // by API key and 1, so that the first is what is not offered
	errors                      [errorClasses]atomic.Int64    // responses, by the class of their first error
	throttled                   [throttleCauses]atomic.Int64  // nanoseconds that clients were held back and told to wait
	latency                     [latencyClasses]latency
	named                       bool // has metrics of its own; never changes
	// requestMemory and responseMemory are its parts of the gateway's budgets.
	requestMemory, responseMemory *budget

	// What follows is guarded by tenantUses.mu.
	connections int
	opened      int64 // the sum of when those were opened, in milliseconds after tenantUses.begun
	closed      int64 // how long those that have ended were open, in milliseconds
	idle        time.Time
}

// useCounts are the counters of a tenantUse, or of several, at one moment.
type useCounts struct {
	requestBytes, responseBytes, connections int64
	fetchBytes, records, recordBytes         int64
	latency                                  [latencyClasses]latencyCounts
	requests                                 [kmsg.MaxKey + 2]int64
	errors                                   [errorClasses]int64
	throttled                                [throttleCauses]time.Duration
	connected                                time.Duration
}

// tenantUses are those of all tenants that are connected or were lately.
type tenantUses struct {
	begun time.Time
	now   func() time.Time
	// requests and responses are the gateway's budgets.
	requests, responses *budget
	// nobody is what connections use that are not authenticated.
	nobody *tenantUse

	mu    sync.Mutex
	known map[string]*tenantUse // by lkc-…
	named int                   // of them
	// gone are tenants without metrics of their own that were forgotten: what they share never goes down.
	gone useCounts
	// unmetered is what tenants that are present had used when they were forgotten.
	unmetered map[string]orrery.Usage
}

func newTenantUses(now func() time.Time, requests, responses *budget) *tenantUses {
	t := &tenantUses{begun: now(), now: now, requests: requests, responses: responses, known: map[string]*tenantUse{}, unmetered: map[string]orrery.Usage{}}
	t.nobody = t.newUse()
	return t
}

func (t *tenantUses) newUse() *tenantUse {
	return &tenantUse{requestMemory: t.requests.part(), responseMemory: t.responses.part()}
}

// open counts a connection of a tenant.
func (t *tenantUses) open(logicalClusterID string) (_ *tenantUse, since int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.known[logicalClusterID]
	if u == nil {
		u = t.newUse()
		if u.named = t.named < maxTenantSeries; u.named {
			t.named++
		}
		t.known[logicalClusterID] = u
	}
	since = t.now().Sub(t.begun).Milliseconds()
	u.connections++
	u.opened += since
	return u, since
}

// close counts the end of a connection that was opened at since.
func (t *tenantUses) close(u *tenantUse, since int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	u.connections--
	u.opened -= since
	u.closed += now.Sub(t.begun).Milliseconds() - since
	u.idle = now
}

// forget drops what nobody uses any more: of tenants that are not present, and of those idle for long.
func (t *tenantUses) forget(present func(logicalClusterID string) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	maps.DeleteFunc(t.known, func(id string, u *tenantUse) bool {
		if u.connections > 0 || present(id) && now.Sub(u.idle) < tenantSeriesIdle {
			return false
		}
		t.unmetered[id] = t.unmetered[id].Add(u.counts(0).metered())
		if u.named {
			t.named--
		} else {
			t.gone.add(u.counts(0))
		}
		return true
	})
}

// metered returns what each tenant has used since the gateway began.
func (t *tenantUses) metered() map[string]orrery.Usage {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now().Sub(t.begun).Milliseconds()
	all := maps.Clone(t.unmetered)
	for id, u := range t.known {
		all[id] = all[id].Add(u.counts(now).metered())
	}
	return all
}

// drop forgets what a tenant used that is gone and has no connections.
func (t *tenantUses) drop(logicalClusterID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known[logicalClusterID] == nil {
		delete(t.unmetered, logicalClusterID)
	}
}

// metered is what of the counters goes into the metering.
func (u useCounts) metered() orrery.Usage {
	m := orrery.Usage{
		IngressBytes: u.requestBytes, EgressBytes: u.responseBytes, FetchedBytes: u.fetchBytes,
		ProducedRecords: u.records, ProducedBytes: u.recordBytes, ConnectionMillis: u.connected.Milliseconds(),
	}
	for _, n := range u.requests {
		m.Requests += n
	}
	return m
}

// read returns the use of each tenant with metrics of its own, and that of all others together.
func (t *tenantUses) read() (named map[string]useCounts, others useCounts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now().Sub(t.begun).Milliseconds()
	named, others = make(map[string]useCounts, t.named), t.gone
	for id, u := range t.known {
		if u.named {
			named[id] = u.counts(now)
		} else {
			others.add(u.counts(now))
		}
	}
	return named, others
}

// counts reads the counters; now is in milliseconds after tenantUses.begun.
func (u *tenantUse) counts(now int64) useCounts {
	r := useCounts{
		requestBytes: u.requestBytes.Load(), responseBytes: u.responseBytes.Load(), connections: int64(u.connections),
		fetchBytes: u.fetchBytes.Load(), records: u.produced[0].Load(), recordBytes: u.produced[1].Load(),
		connected: time.Duration(u.closed+int64(u.connections)*now-u.opened) * time.Millisecond,
	}
	for i := range u.requests {
		r.requests[i] = u.requests[i].Load()
	}
	for i := range u.errors {
		r.errors[i] = u.errors[i].Load()
	}
	for i := range u.latency {
		r.latency[i] = u.latency[i].counts()
	}
	for i := range u.throttled {
		r.throttled[i] = time.Duration(u.throttled[i].Load())
	}
	return r
}

func (u *useCounts) add(more useCounts) {
	u.requestBytes += more.requestBytes
	u.responseBytes += more.responseBytes
	u.connections += more.connections
	u.fetchBytes += more.fetchBytes
	u.records += more.records
	u.recordBytes += more.recordBytes
	u.connected += more.connected
	for i := range u.requests {
		u.requests[i] += more.requests[i]
	}
	for i := range u.errors {
		u.errors[i] += more.errors[i]
	}
	for i := range u.latency {
		u.latency[i].add(more.latency[i])
	}
	for i := range u.throttled {
		u.throttled[i] += more.throttled[i]
	}
}
