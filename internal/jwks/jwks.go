// Package jwks fetches the public keys of identity providers (RFC 7517) over HTTPS, for the satellite. Users say where
// the keys are, so nothing is trusted: size, time, redirects and addresses are bounded, and what failed is said without
// what it says about our network.
package jwks

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/orrery-kafka/orrery"
)

const (
	// fetchTimeout bounds one fetch, redirects included; fetches, how many run at once.
	fetchTimeout = 10 * time.Second
	fetches      = 16
	// maxRedirects bounds how often a fetch is sent elsewhere, always over HTTPS.
	maxRedirects = 3
	// Keys are fetched again when Cache-Control says so, within these bounds; without it, after usualRefresh.
	leastRefresh, usualRefresh, mostRefresh = 2 * time.Minute, 10 * time.Minute, time.Hour
	// After a failure the pause doubles from the first to the last.
	firstPause, lastPause = 5 * time.Second, 5 * time.Minute
	// busyPause is when to ask again while all fetches are taken.
	busyPause = time.Second
	// A URI that nobody asked for in idle is forgotten. maxEntries bounds how many are known.
	idle       = 3 * time.Hour
	maxEntries = 20_000
)

// ErrTooMany is a URI that is not fetched because too many are.
var ErrTooMany = errors.New("too many key sets are fetched already")

// Config is what a Cache needs. The zero value reaches public addresses only, with the system's certificate
// authorities.
type Config struct {
	// RootCAs are who may sign the servers' certificates; nil: the system's.
	RootCAs *x509.CertPool
	// Networks may be reached although they are not public: a company's own.
	Networks []netip.Prefix
	// Changed is called, from any goroutine, when a fetch has ended.
	Changed func()
}

// Cache has the newest key set of each URI that somebody asks for. It is for concurrent use.
type Cache struct {
	client  *http.Client
	changed func()
	slots   chan struct{}
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	entries map[string]*entry
	swept   time.Time
}

// Answer is what is known of a URI.
type Answer struct {
	// Document is the last key set that could be fetched: canonical JSON of the keys that can check signatures, and
	// nothing else that was in it. nil: none yet.
	Document []byte
	// Keys are those of the Document.
	Keys []orrery.PublicKey
	// Err is why the last fetch failed; nil where it did not, or where there was none. Its text is for the user.
	Err error
}

// Known reports whether a fetch has ended.
func (a Answer) Known() bool { return a.Document != nil || a.Err != nil }

type entry struct {
	answer   Answer
	due      time.Time
	asked    time.Time
	failures int
	fetching bool
}

// New returns a cache that knows nothing.
func New(config Config) *Cache {
	c := &Cache{
		client: newClient(config), changed: config.Changed, slots: make(chan struct{}, fetches), entries: map[string]*entry{},
	}
	if c.changed == nil {
		c.changed = func() {}
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Close ends the fetches and waits for them. Nothing is fetched any more.
func (c *Cache) Close() {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	c.running.Wait()
}

// Look returns what is known of a URI, without waiting, and when to ask again. Where a fetch is due, it begins.
func (c *Cache) Look(uri string, now time.Time) (answer Answer, next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	e, known := c.entries[uri]
	if !known {
		if len(c.entries) >= maxEntries {
			return Answer{Err: ErrTooMany}, now.Add(lastPause)
		}
		e = &entry{due: now}
		c.entries[uri] = e
	}
	e.asked = now
	switch {
	case c.ctx.Err() != nil:
		return e.answer, now.Add(lastPause)
	case e.fetching:
		return e.answer, now.Add(fetchTimeout)
	case now.Before(e.due):
		return e.answer, e.due
	}
	select {
	case c.slots <- struct{}{}:
	default:
		return e.answer, now.Add(busyPause)
	}
	e.fetching = true
	c.running.Go(func() { c.fetch(uri, e, now) })
	return e.answer, now.Add(fetchTimeout)
}

// fetch fetches a URI for an entry; now is when it began.
func (c *Cache) fetch(uri string, e *entry, now time.Time) {
	ctx, cancel := context.WithTimeout(c.ctx, fetchTimeout)
	defer cancel()
	document, keys, refresh, err := get(ctx, c.client, uri)
	<-c.slots
	c.mu.Lock()
	e.fetching = false
	if err != nil {
		e.answer.Err = err
		e.due = now.Add(min(firstPause<<min(e.failures, 10), lastPause))
		e.failures++
	} else {
		e.answer = Answer{Document: document, Keys: keys}
		e.due = now.Add(refresh)
		e.failures = 0
	}
	c.mu.Unlock()
	c.changed()
}

// sweep forgets what nobody asks for any more, once in a while.
func (c *Cache) sweep(now time.Time) {
	if now.Sub(c.swept) < idle {
		return
	}
	c.swept = now
	for uri, e := range c.entries {
		if !e.fetching && now.Sub(e.asked) >= idle {
			delete(c.entries, uri)
		}
	}
}
