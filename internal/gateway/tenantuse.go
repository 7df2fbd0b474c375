package gateway

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// maxTenantSeries is how many tenants have metrics of their own at a gateway. The others are counted together.
	maxTenantSeries = 2000
	// tenantSeriesIdle is for how long a tenant without connections keeps them.
	tenantSeriesIdle = time.Hour
)

// tenantUse is what one tenant has used at this gateway. A connection finds it once, when it is authenticated; from
// then on counting is an addition.
type tenantUse struct {
	requestBytes, responseBytes atomic.Int64
	requests                    [kmsg.MaxKey + 2]atomic.Int64 // by API key and 1, so that the first is what is not offered
	errors                      [errorClasses]atomic.Int64    // responses, by the class of their first error
	throttled                   atomic.Int64                  // nanoseconds that clients were told to wait
	named                       bool                          // has metrics of its own; never changes

	// What follows is guarded by tenantUses.mu.
	connections int
	opened      int64 // the sum of when those were opened, in milliseconds after tenantUses.begun
	closed      int64 // how long those that have ended were open, in milliseconds
	idle        time.Time
}

// usage are the counters of a tenantUse, or of several, at one moment.
type usage struct {
	requestBytes, responseBytes, connections int64
	requests                                 [kmsg.MaxKey + 2]int64
	errors                                   [errorClasses]int64
	throttled, connected                     time.Duration
}

// tenantUses are those of all tenants that are connected or were lately.
type tenantUses struct {
	begun time.Time
	now   func() time.Time
	// nobody is what connections use that are not authenticated.
	nobody *tenantUse

	mu    sync.Mutex
	known map[string]*tenantUse // by lkc-…
	named int                   // of them
	// gone are tenants without metrics of their own that were forgotten: what they share never goes down.
	gone usage
}

func newTenantUses(now func() time.Time) *tenantUses {
	return &tenantUses{begun: now(), now: now, nobody: &tenantUse{}, known: map[string]*tenantUse{}}
}

// open counts a connection of a tenant.
func (t *tenantUses) open(logicalClusterID string) (_ *tenantUse, since int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.known[logicalClusterID]
	if u == nil {
		u = &tenantUse{named: t.named < maxTenantSeries}
		if u.named {
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
		if u.named {
			t.named--
		} else {
			t.gone.add(u.usage(0))
		}
		return true
	})
}

// read returns the use of each tenant with metrics of its own, and that of all others together.
func (t *tenantUses) read() (named map[string]usage, others usage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now().Sub(t.begun).Milliseconds()
	named, others = make(map[string]usage, t.named), t.gone
	for id, u := range t.known {
		if u.named {
			named[id] = u.usage(now)
		} else {
			others.add(u.usage(now))
		}
	}
	return named, others
}

// usage reads the counters; now is in milliseconds after tenantUses.begun.
func (u *tenantUse) usage(now int64) usage {
	r := usage{
		requestBytes: u.requestBytes.Load(), responseBytes: u.responseBytes.Load(), connections: int64(u.connections),
		throttled: time.Duration(u.throttled.Load()),
		connected: time.Duration(u.closed+int64(u.connections)*now-u.opened) * time.Millisecond,
	}
	for i := range u.requests {
		r.requests[i] = u.requests[i].Load()
	}
	for i := range u.errors {
		r.errors[i] = u.errors[i].Load()
	}
	return r
}

func (u *usage) add(more usage) {
	u.requestBytes += more.requestBytes
	u.responseBytes += more.responseBytes
	u.connections += more.connections
	u.throttled += more.throttled
	u.connected += more.connected
	for i := range u.requests {
		u.requests[i] += more.requests[i]
	}
	for i := range u.errors {
		u.errors[i] += more.errors[i]
	}
}
