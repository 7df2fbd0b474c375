package gateway

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// connection is one client. The read loop decodes a request, asks its handler and forwards it; the goroutine that
// reads the broker sends the responses, in the order of the requests, the gateway's own answers among them. So
// requests are pipelined, and the broker sees them one after another, as it would without the gateway. A
// connection that has not needed its broker yet has the read loop only.
type connection struct {
	gateway *Gateway
	wire    *wire    // below TLS
	client  net.Conn // TLS, or the wire itself inside the process
	host    string   // the client's address without its port
	node    int32
	// use is what the connection's tenant uses, since opened. The read loop sets it before there is an upstream.
	use    *tenantUse
	opened int64

	ctx    context.Context
	cancel context.CancelCauseFunc
	loops  sync.WaitGroup // the upstream's
	done   chan struct{}  // closed when nothing of the connection runs any more

	waiting *queue
	traits  traits
	hurried bool // whoever writes to the client holds what others wait for

	quota      *tenantQuota // set by the read loop before there is an upstream; nil until the client has authenticated
	mutedUntil atomic.Int64 // the client is not read before that time of the gateway's quotas
	lastFetch  atomic.Int64 // bytes of the last response to a fetch
	unanswered atomic.Int64 // bytes that were charged for fetches that are on their way

	// What follows belongs to the read loop.
	session       *session
	authenticated bool
	mechanism     string // of its first SaslHandshake; "" before that
	visit         *visit // until it is authenticated; nil inside the process
	// presented is the client's certificate until it has logged in with it; it is not verified before.
	presented *x509.Certificate
	expiry    *time.Timer // ends the connection with its certificate; nil without
	exchange  *exchange   // between SaslHandshake and the last SaslAuthenticate
	expires   time.Time   // when the session is over; zero: never
	deadline  time.Time   // until which the client must be authenticated
	closing   error       // set by a handler: close once its answer is sent
	payers    *payers     // of its last request; nil until one was let in
	upstream  *upstream
	request   inbound
	head      [sizeBytes + fixedHeaderBytes]byte // of the request that is read
	// For the raw lane.
	writable, readable topicCache
	marks              []mark
	vectors            vectors
	transactional      transactionalUse
	fetchBytes         int64 // the tenant's share of egress, or less by a client quota, since the last fetch came in

	// What follows is guarded by gateway.mu.
	registered     bool
	identity       Identity
	credentialHash string
	certificate    *x509.Certificate // what it logged in with; nil: something else
}

// slot is one response that the client waits for.
type slot struct {
	correlationID int32
	entry         *tableEntry
	received      time.Time
	answer        kmsg.Response // the gateway's own; nil: it comes from upstream
	upstreamID    int32
	response      kmsg.Response // to decode the broker's response into
	finish        func(kmsg.Response) (kmsg.Response, error)
	session       *session // of the request
	bill          bill
	produced      produced
	code          int16 // the first error in the response

	// What follows is of a request that took the raw lane.
	raw        bool
	version    int16
	use        sessionUse
	throttleAt int // where the response has its throttle time, behind its correlation id
}

// errClientLeft is why most connections end.
var errClientLeft = errors.New("the client closed the connection")

// errUnanswered is why a connection ends whose client has as many requests in flight as it may, and gets no answer: it
// is not read, so that nobody would see it leave.
var errUnanswered = errors.New("the broker answered none of the client's requests in time")

// protocolError is a request that no client of Kafka sends, or one that is not offered.
type protocolError struct{ text string }

func (e protocolError) Error() string { return e.text }

func protocolErrorf(format string, args ...any) error {
	return protocolError{fmt.Sprintf(format, args...)}
}

// newConnection makes a connection that has not begun; run begins it.
func (g *Gateway) newConnection(raw net.Conn, host string, node int32) *connection {
	ctx, cancel := context.WithCancelCause(context.Background())
	c := &connection{
		gateway: g, wire: &wire{Conn: raw, mayRead: noLimit}, host: host, node: node,
		ctx: ctx, cancel: cancel, use: g.uses.nobody,
		done:     make(chan struct{}),
		deadline: time.Now().Add(g.config.Limits.AuthenticationTimeout),
	}
	c.client, c.traits.since = c.wire, time.Now()
	c.waiting = newQueue(g.config.Limits.InFlight, g.config.Limits.IdleTimeout, func() { c.end(errUnanswered) })
	c.session = &session{clientHost: host, node: node, gateway: g, connection: c, memory: &memory{}}
	return c
}

// end closes the connection at once. The first reason counts.
func (c *connection) end(reason error) {
	c.cancel(reason)
	c.wire.Close()
	c.waiting.stop()
}

// run serves the client until the connection ends, and returns why it did.
func (c *connection) run() error {
	c.guard(func() error {
		err := c.readLoop()
		if c.closing != nil && errors.Is(err, c.closing) {
			c.waiting.drain() // the client reads why before the connection ends
			c.client.Close()
		}
		return err
	})
	c.loops.Wait()
	c.leaveQuota()
	c.session.releaseFetchSessions()
	c.session.releaseShareSessions()
	return context.Cause(c.ctx)
}

// guard runs a loop of the connection and ends the connection with its error. A fault in it costs this connection,
// not the tenants of all others.
func (c *connection) guard(loop func() error) {
	defer func() {
		if fault := recover(); fault != nil {
			c.gateway.metrics.panics.Inc()
			c.gateway.config.Logger.Error("closing a connection because of a fault of the gateway",
				"client", c.host, "fault", fault, "stack", string(debug.Stack()))
			c.end(errors.New("a fault of the gateway"))
		}
	}()
	if err := loop(); err != nil {
		c.end(err)
	}
}

// readLoop reads and dispatches requests. It always returns a reason.
func (c *connection) readLoop() error {
	for {
		if c.authenticated && c.quota == nil {
			if err := c.enterQuota(); err != nil {
				return err
			}
		}
		in := &c.request
		if err := c.readRequest(in); err != nil {
			return err
		}
		err := c.dispatch(in)
		c.gateway.freeRequest(in)
		if err != nil {
			return err
		}
		if c.closing != nil {
			return c.closing
		}
	}
}

// dispatch decodes a request and does what its handler decides.
func (c *connection) dispatch(in *inbound) error {
	in.entry.requests.Inc()
	c.traits.lastAPI.Store(int32(in.entry.key))
	c.traits.lastAt.Store(in.received.UnixMilli())
	c.use.requests[in.entry.key+1].Add(1)
	if in.answer != nil {
		s := slot{correlationID: in.correlationID, entry: in.entry, received: in.received, answer: in.answer, session: c.session, bill: in.bill}
		s.judge(nil, in.answer)
		return c.answer(&s)
	}
	if lane := in.entry.lane; lane != nil && c.authenticated {
		var err error
		if in.taken, err = lane.request(c, in); in.taken || err != nil {
			return err
		}
	}
	request := kmsg.RequestForKey(in.key)
	request.SetVersion(in.version)
	clientID, body, err := parseRest(in.rest, request.IsFlexible())
	tags := false
	if err == nil {
		tags, err = checkShape(in.key, in.version, body)
	}
	if err == nil {
		err = request.ReadFrom(body)
	}
	if tags && err == nil {
		dropUnknownTags(request)
	}
	if err != nil {
		return protocolErrorf("%s version %d cannot be decoded: %v", kmsg.NameForKey(in.key), in.version, err)
	}
	if err := c.refreshSession(clientID); err != nil {
		return err
	}
	decided, err := in.entry.handle(c.ctx, c.session, request)
	if err != nil {
		return fmt.Errorf("%s version %d: %w", kmsg.NameForKey(in.key), in.version, err)
	}
	s := slot{
		correlationID: in.correlationID, entry: in.entry, received: in.received, answer: decided.answer, finish: decided.finish,
		session: c.session, bill: in.bill,
	}
	s.bill.work = time.Since(in.received)
	switch {
	case decided.forward != nil:
		s.produced = producedBy(decided.forward)
		return c.forward(decided.forward, &s, len(in.rest))
	case decided.answer != nil:
		s.judge(request, decided.answer)
		return c.answer(&s)
	default:
		return nil
	}
}

// refreshSession gives the session what may have changed since the last request.
func (c *connection) refreshSession(clientID string) error {
	tenant, old := c.session.tenant, c.session
	if c.authenticated {
		var known bool
		if tenant, known = c.gateway.state.Load().tenant(old.LogicalClusterID); !known {
			return fmt.Errorf("the Kafka cluster %s was deleted", old.LogicalClusterID)
		}
	}
	if tenant != old.tenant && c.quota != nil {
		c.gateway.quotas.change(c.quota, tenant, c.gateway.state.Load().gateways())
	}
	if clientID != old.clientID || tenant != old.tenant {
		next := *old
		next.clientID, next.tenant = clientID, tenant
		c.traits.clientID.Store(&next.clientID)
		c.session = &next
	}
	return nil
}

// openUpstream returns the connection to the broker; the first request that needs one dials it.
func (c *connection) openUpstream() (*upstream, error) {
	if c.upstream == nil {
		u, err := c.dialUpstream()
		if err != nil {
			return nil, err
		}
		c.upstream = u
	}
	return c.upstream, nil
}

// forward sends a request to the broker; the slot waits for the response.
func (c *connection) forward(request kmsg.Request, s *slot, sizeHint int) error {
	u, err := c.openUpstream()
	if err != nil {
		return err
	}
	u.next++
	s.answer, s.upstreamID, s.response = nil, u.next, request.ResponseKind()
	// The slot comes first: a broker may answer before the whole request is written.
	if unanswered(request) {
		c.settle(s, 0)
		c.use.count(s.produced)
	} else if !c.waiting.push(s) {
		return context.Cause(c.ctx)
	}
	memory := newBuffer(sizeHint + 512)
	memory.bytes = appendRequest(memory.bytes[:0], request, s.upstreamID, c.session.clientID)
	c.allowWrite(u, len(memory.bytes))
	_, err = u.conn.Write(memory.bytes)
	memory.release()
	if err != nil {
		return fmt.Errorf("writing to the broker: %w", err)
	}
	return nil
}

// unanswered reports whether the broker sends no response to a request.
func unanswered(request kmsg.Request) bool {
	produce, ok := request.(*kmsg.ProduceRequest)
	return ok && produce.Acks == 0
}

// answer sends a response of the gateway's own, once those before it are sent.
func (c *connection) answer(s *slot) error {
	direct, ok := c.waiting.pushLocal(s)
	switch {
	case !ok:
		return context.Cause(c.ctx)
	case direct:
		return c.respond(s, s.answer, 256)
	}
	return nil
}
