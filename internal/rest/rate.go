package rest

import (
	"container/list"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The default rate of one API key, in requests: how fast its bucket fills, and a full one. It is far above what
// the public clients send when they poll, and bounds what one client's loop can cost the others.
const (
	DefaultRequestsPerSecond = 500
	DefaultBurst             = 2000
)

// maxBuckets bounds the memory of rates; beyond it, the bucket that was idle longest is forgotten.
const maxBuckets = 10_000

// rates holds a token bucket for each API key, and for each address that does not authenticate.
type rates struct {
	perSecond, burst float64
	now              func() time.Time

	mu      sync.Mutex
	buckets map[string]*list.Element // of *bucket
	recent  *list.List               // most recently used first
}

type bucket struct {
	key    string
	tokens float64
	at     time.Time
}

// rate is what taking a token came to, and what the headers say about it.
type rate struct {
	allowed    bool
	perSecond  int
	limit      int
	remaining  int
	reset      int // seconds until the bucket is full
	retryAfter int // seconds until there is a token
}

func newRates(perSecond, burst int, now func() time.Time) *rates {
	return &rates{perSecond: float64(perSecond), burst: float64(burst), now: now, buckets: map[string]*list.Element{}, recent: list.New()}
}

// take takes a token out of the key's bucket.
func (r *rates) take(key string) rate {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	element, ok := r.buckets[key]
	if !ok {
		if r.recent.Len() >= maxBuckets {
			delete(r.buckets, r.recent.Remove(r.recent.Back()).(*bucket).key)
		}
		element = r.recent.PushFront(&bucket{key: key, tokens: r.burst, at: now})
		r.buckets[key] = element
	}
	r.recent.MoveToFront(element)
	b := element.Value.(*bucket)
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens = min(r.burst, b.tokens+passed.Seconds()*r.perSecond)
		b.at = now
	}
	out := rate{perSecond: int(r.perSecond), limit: int(r.burst), allowed: b.tokens >= 1}
	if out.allowed {
		b.tokens--
	}
	out.remaining = int(b.tokens)
	out.reset = int(math.Ceil((r.burst - b.tokens) / r.perSecond))
	out.retryAfter = max(1, int(math.Ceil((1-b.tokens)/r.perSecond)))
	return out
}

// write sets the rate-limit headers.
func (r rate) write(h http.Header) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(r.limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(r.remaining))
	h.Set("X-RateLimit-Reset", strconv.Itoa(r.reset))
	if !r.allowed {
		h.Set("Retry-After", strconv.Itoa(r.retryAfter))
	}
}
