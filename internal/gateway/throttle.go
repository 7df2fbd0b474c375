package gateway

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/quota"
)

// errTooManyConnections is why a connection ends that its tenant's quotas do not let in. It has authenticated, so
// that the client takes this for a broker that left, and tries again with its usual pause.
var errTooManyConnections = errors.New("the cluster has as many connections as it may, or opens them too fast")

// enterQuota counts an authenticated connection among its tenant's. Where they are opened too fast it waits for its
// turn, once: those that wait are bounded by what can come in that time.
func (c *connection) enterQuota() error {
	g := c.gateway
	q := g.quotas.of(c.session.tenant)
	v := q.connect(g.quotas.now())
	if !v.Admitted && v.Dimension == quota.ConnectionAttempts {
		g.throttled(c.session, v)
		if err := c.pause(v.Wait); err != nil {
			return err
		}
		v = q.connect(g.quotas.now())
	}
	if !v.Admitted {
		g.throttled(c.session, v)
		return fmt.Errorf("%w: %v", errTooManyConnections, v)
	}
	c.quota = q
	return nil
}

// leaveQuota is the end of a connection, when nothing of it runs any more.
func (c *connection) leaveQuota() {
	if c.quota != nil {
		c.quota.disconnect(c.gateway.quotas.now(), c.payers, c.unanswered.Load())
	}
}

// hold waits until the tenant's quotas let a request in of which only the head was read: one that waits costs no
// memory, and its client is not read meanwhile.
func (c *connection) hold(in *inbound, size int64) error {
	if err := c.muted(); err != nil || c.quota == nil {
		return err
	}
	g, last := c.gateway, int64(0)
	if fetches(in.key) {
		last = c.lastFetch.Load()
	}
	for {
		p, v, fetchBytes := c.quota.admit(g.quotas.now(), c.session, c.payers, in.key, size, last)
		c.payers, in.bill.payers = p, p
		if v.Admitted && last > 0 {
			in.bill.egress = last
			c.unanswered.Add(last)
			p.unanswered.Add(last)
		}
		c.fetchBytes = fetchBytes
		if v.Wait > 0 {
			// What the client is told counts when it is.
			v.Throttle = 0
			g.throttled(c.session, v)
			if err := c.pause(v.Wait); err != nil {
				return err
			}
		}
		if v.Admitted {
			return nil
		}
	}
}

func fetches(key int16) bool { return key == kmsg.Fetch.Int16() || key == kmsg.ShareFetch.Int16() }

// settle charges a request that is answered now with a response of so many bytes, and returns what its client is told
// to wait. The connection is not read for as long (KIP-219), whether or not the client does wait.
func (c *connection) settle(s *slot, size int) (throttleMillis int32) {
	if s.bill.payers == nil { // of before the login
		return 0
	}
	g, egress := c.gateway, int64(0)
	if fetches(s.entry.key) {
		egress = int64(size) - s.bill.egress
		c.unanswered.Add(-s.bill.egress)
		s.bill.payers.unanswered.Add(-s.bill.egress)
		c.lastFetch.Store(int64(size))
	}
	if s.answer == nil && size > 0 && s.entry.key == kmsg.Produce.Int16() {
		g.broker.add(time.Since(s.received))
	}
	now := g.quotas.now()
	v := c.quota.settle(now, s.bill.payers, s.entry.key, egress, s.bill.work)
	if v.Throttle <= 0 {
		return 0
	}
	g.throttled(s.session, v)
	c.mute(now + int64(v.Throttle))
	return throttleMillisOf(v.Throttle)
}

// mute keeps the client from being read until a time of the gateway's quotas.
func (c *connection) mute(until int64) {
	for {
		before := c.mutedUntil.Load()
		if before >= until || c.mutedUntil.CompareAndSwap(before, until) {
			return
		}
	}
}

// throttleMillisOf rounds up, so that a client that waits as told is not early.
func throttleMillisOf(wait time.Duration) int32 {
	return int32((min(wait, maxThrottle) + time.Millisecond - 1) / time.Millisecond)
}

// muted waits while the connection is. It is not idle meanwhile: the time for the next read begins after it.
func (c *connection) muted() error {
	for {
		until := c.mutedUntil.Load()
		if until == 0 {
			return nil
		}
		wait := time.Duration(until - c.gateway.quotas.now())
		if wait <= 0 {
			c.mutedUntil.CompareAndSwap(until, 0)
			continue
		}
		if err := c.pause(wait); err != nil {
			return err
		}
	}
}

// pause waits, or returns why the connection has ended.
func (c *connection) pause(wait time.Duration) error {
	if sleep(c.ctx, wait) != nil {
		return context.Cause(c.ctx)
	}
	return nil
}

// take charges units of a quota whose excess is refused, and returns how long the client is told to wait; 0: it has them.
func (s *session) take(p *payers, d quota.Dimension, units int64) (wait time.Duration, limited bool) {
	if p == nil {
		return 0, false
	}
	v, limited := s.connection.quota.take(s.gateway.quotas.now(), p, d, units)
	if v.Admitted {
		return 0, limited
	}
	s.gateway.throttled(s, v)
	return v.Wait, limited
}

// tell says in a response for how long the client is held back that wanted too much, and does so.
func (s *session) tell(response kmsg.Response, wait time.Duration) {
	if wait = min(wait, maxThrottle); wait > 0 {
		throttle(response, throttleMillisOf(wait))
		s.connection.mute(s.gateway.quotas.now() + int64(wait))
	}
}

// throttle says in a response what its client is told to wait, unless the broker told more, and reports whether it
// did.
func throttle(response kmsg.Response, millis int32) bool {
	told, ok := response.(interface {
		kmsg.ThrottleResponse
		kmsg.SetThrottleResponse
	})
	if !ok || millis == 0 {
		return false
	}
	if before, _ := told.Throttle(); before >= millis {
		return false
	}
	told.SetThrottle(millis)
	return true
}

// throttleRaw is throttle in a frame, at the place of its throttle time.
func throttleRaw(field []byte, millis int32) {
	if millis > 0 && millis > int32(binary.BigEndian.Uint32(field)) {
		binary.BigEndian.PutUint32(field, uint32(millis))
	}
}

// maxFetchBytes is what one fetch may bring: at most a quarter of a second of its tenant's share here and of its client's
// quota. Brokers give a second, but a connection's first fetch is paid for when it is answered, and with that and the burst
// a tenant would have 2.5 % too much in its first minute.
func (c *connection) maxFetchBytes() int32 {
	const least = 64 << 10
	limit := c.gateway.config.Limits.FetchBytes
	if c.fetchBytes > 0 {
		limit = int32(min(int64(limit), max(c.fetchBytes/4, least)))
	}
	return limit
}
