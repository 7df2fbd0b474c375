package gateway

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// connection is one client. The read loop decodes a request, asks its handler and forwards it; the write loop
// sends the responses, in the order of the requests, as they come from the broker or from the gateway itself. So
// requests are pipelined, and the broker sees them one after another, as it would without the gateway.
type connection struct {
	gateway *Gateway
	raw     net.Conn // below TLS
	client  net.Conn
	host    string // the client's address without its port
	node    int32

	ctx    context.Context
	cancel context.CancelCauseFunc
	loops  sync.WaitGroup // the write loop and the upstream's
	slots  chan slot
	done   chan struct{} // closed when nothing of the connection runs any more

	// What follows belongs to the read loop.
	session       *session
	authenticated bool
	mechanism     string    // chosen by SaslHandshake; "" while none is
	deadline      time.Time // until which the client must be authenticated
	closing       error     // set by a handler: close once its answer is sent
	upstream      *upstream

	// What follows is guarded by gateway.mu.
	registered     bool
	identity       Identity
	credentialHash string
}

// slot is one response that the client waits for.
type slot struct {
	correlationID int32
	entry         *tableEntry
	received      time.Time
	answer        kmsg.Response // the gateway's own; nil: it comes from upstream
	upstream      *upstream
	upstreamID    int32
	response      kmsg.Response // to decode the broker's response into
	finish        func(kmsg.Response) (kmsg.Response, error)
}

// errClientLeft is why most connections end.
var errClientLeft = errors.New("the client closed the connection")

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
		gateway: g, raw: raw, client: raw, host: host, node: node,
		ctx: ctx, cancel: cancel,
		slots:    make(chan slot, g.config.Limits.InFlight-1),
		done:     make(chan struct{}),
		deadline: time.Now().Add(g.config.Limits.AuthenticationTimeout),
	}
	c.session = &session{clientHost: host, node: node, gateway: g, connection: c, memory: &memory{}}
	return c
}

// end closes the connection at once. The first reason counts.
func (c *connection) end(reason error) {
	c.cancel(reason)
	c.raw.Close()
}

// run serves the client until the connection ends, and returns why it did.
func (c *connection) run() error {
	written := make(chan struct{})
	c.loops.Go(func() {
		defer close(written)
		c.guard(c.writeLoop)
	})
	c.guard(func() error {
		err := c.readLoop()
		if c.closing != nil && err == c.closing {
			close(c.slots)
			<-written // the client reads why before the connection ends
			c.client.Close()
		}
		return err
	})
	c.loops.Wait()
	c.session.releaseFetchSessions()
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
		in, err := c.readRequest()
		if err != nil {
			return err
		}
		err = c.dispatch(in)
		c.gateway.freeRequest(in)
		if err != nil {
			return err
		}
		if c.closing != nil {
			return c.closing
		}
	}
}

// inbound is one request as it was read.
type inbound struct {
	fixedHeader
	entry    *tableEntry
	rest     []byte // after the fixed header
	memory   *buffer
	reserved int64
	received time.Time
	// tooNew is an ApiVersions request in a version that is not known, which is answered all the same.
	tooNew bool
}

// readRequest reads one frame. What is not offered is refused before its body is read.
func (c *connection) readRequest() (inbound, error) {
	limits := &c.gateway.config.Limits
	idle := time.Now().Add(limits.IdleTimeout)
	if !c.authenticated && c.deadline.Before(idle) {
		idle = c.deadline
	}
	c.client.SetReadDeadline(idle)
	var head [sizeBytes + fixedHeaderBytes]byte
	if n, err := io.ReadFull(c.client, head[:]); err != nil {
		return inbound{}, c.readError(err, n > 0)
	}
	in := inbound{fixedHeader: parseFixedHeader([fixedHeaderBytes]byte(head[sizeBytes:]))}
	size := int64(binary.BigEndian.Uint32(head[:])) - fixedHeaderBytes
	if size < 0 || size >= 1<<31 {
		return inbound{}, protocolErrorf("what the client sent is not Kafka's protocol: a request of %d bytes", size+fixedHeaderBytes)
	}
	if err := c.admitRequest(&in, size); err != nil {
		return inbound{}, err
	}
	if err := c.gateway.reserve(c.ctx, &in, size); err != nil {
		return inbound{}, err
	}
	if err := c.readBody(&in, int(size)); err != nil {
		c.gateway.freeRequest(in)
		return inbound{}, err
	}
	in.received = time.Now()
	c.gateway.metrics.requestBytes.Add(float64(len(head) + len(in.rest)))
	return in, nil
}

// admitRequest checks key, version and size.
func (c *connection) admitRequest(in *inbound, size int64) error {
	limits := &c.gateway.config.Limits
	limit := limits.RequestBytes
	switch {
	case !c.authenticated:
		limit = limits.UnauthenticatedBytes
	case in.key == kmsg.Produce.Int16():
		limit = limits.ProduceBytes
	}
	if size > int64(limit) {
		return protocolErrorf("a request of %d bytes (API key %d); at most %d are allowed%s", size, in.key, limit, c.looksLike(in))
	}
	entry := c.gateway.table.Load().entry(in.key)
	switch {
	case entry == nil:
		return protocolErrorf("the API key %d (%s) is not offered", in.key, kmsg.NameForKey(in.key))
	case in.version >= entry.min && in.version <= entry.max:
	case in.key == kmsg.ApiVersions.Int16():
		in.tooNew = true
	default:
		return protocolErrorf("%s version %d is not offered, only %d to %d", kmsg.NameForKey(in.key), in.version, entry.min, entry.max)
	}
	if !c.authenticated && !entry.unauthenticated {
		return protocolErrorf("%s before authentication; the client must use SASL/PLAIN (security.protocol=SASL_SSL) with an API key", kmsg.NameForKey(in.key))
	}
	in.entry = entry
	return nil
}

// looksLike helps somebody who pointed another program at the port.
func (c *connection) looksLike(in *inbound) string {
	if !c.authenticated && in.version > 1000 {
		return "; this is not Kafka's protocol"
	}
	return ""
}

// readBody reads the rest of the frame. The client has StallTimeout for each MiB.
func (c *connection) readBody(in *inbound, size int) error {
	in.memory = newBuffer(size)
	in.rest = in.memory.bytes
	const piece = 1 << 20
	for read := 0; read < size; {
		stall := time.Now().Add(c.gateway.config.Limits.StallTimeout)
		if !c.authenticated && c.deadline.Before(stall) {
			stall = c.deadline
		}
		c.client.SetReadDeadline(stall)
		n, err := io.ReadFull(c.client, in.rest[read:min(read+piece, size)])
		if err != nil {
			return c.readError(err, true)
		}
		read += n
	}
	return nil
}

func (c *connection) readError(err error, inFrame bool) error {
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF) && !inFrame:
		return errClientLeft
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return protocolErrorf("the client closed the connection in the middle of a request")
	case errors.As(err, &timeout) && timeout.Timeout():
		switch {
		case !c.authenticated:
			return protocolErrorf("the client did not authenticate within %s", c.gateway.config.Limits.AuthenticationTimeout)
		case inFrame:
			return protocolErrorf("the client stopped in the middle of a request")
		}
		return fmt.Errorf("the client asked nothing for %s", c.gateway.config.Limits.IdleTimeout)
	}
	return fmt.Errorf("reading from the client: %w", err)
}

// dispatch decodes a request and does what its handler decides.
func (c *connection) dispatch(in inbound) error {
	in.entry.requests.Inc()
	if in.tooNew {
		return c.push(slot{correlationID: in.correlationID, entry: in.entry, received: in.received, answer: unsupportedApiVersions()})
	}
	request := kmsg.RequestForKey(in.key)
	request.SetVersion(in.version)
	clientID, body, err := parseRest(in.rest, request.IsFlexible())
	if err == nil {
		err = checkShape(in.key, in.version, body)
	}
	if err == nil {
		err = request.ReadFrom(body)
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
	s := slot{correlationID: in.correlationID, entry: in.entry, received: in.received, answer: decided.answer, finish: decided.finish}
	switch {
	case decided.forward != nil:
		return c.forward(decided.forward, s, len(in.rest))
	case decided.answer != nil:
		return c.push(s)
	default:
		return nil
	}
}

// refreshSession gives the session what may have changed since the last request.
func (c *connection) refreshSession(clientID string) error {
	tenant, old := c.session.tenant, c.session
	if c.authenticated {
		var known bool
		if tenant, known = c.gateway.state.Load().tenants[old.LogicalClusterID]; !known {
			return fmt.Errorf("the Kafka cluster %s was deleted", old.LogicalClusterID)
		}
	}
	if clientID != old.clientID || tenant != old.tenant {
		next := *old
		next.clientID, next.tenant = clientID, tenant
		c.session = &next
	}
	return nil
}

// forward sends a request to the broker; the slot waits for the response.
func (c *connection) forward(request kmsg.Request, s slot, sizeHint int) error {
	if c.upstream == nil {
		var err error
		if c.upstream, err = c.dialUpstream(); err != nil {
			return err
		}
	}
	u := c.upstream
	u.next++
	s.answer, s.upstream, s.upstreamID, s.response = nil, u, u.next, request.ResponseKind()
	if !unanswered(request) {
		// The slot comes first: a broker may answer before the whole request is written.
		if err := c.push(s); err != nil {
			return err
		}
	}
	memory := newBuffer(sizeHint + 512)
	memory.bytes = appendRequest(memory.bytes[:0], request, s.upstreamID, c.session.clientID)
	_, err := u.conn.Write(memory.bytes)
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

// push queues a response. It blocks while too many are waited for, so the client is not read.
func (c *connection) push(s slot) error {
	select {
	case c.slots <- s:
		return nil
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}

// writeLoop sends responses until there are no more slots.
func (c *connection) writeLoop() error {
	for {
		select {
		case s, more := <-c.slots:
			if !more {
				return nil
			}
			if err := c.respond(s); err != nil {
				return err
			}
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		}
	}
}

// respond sends one response.
func (c *connection) respond(s slot) error {
	response, size := s.answer, 256
	if response == nil {
		frame, err := c.receive(s)
		if err != nil {
			return err
		}
		if reused(s.response) {
			defer frame.memory.release()
		}
		response, size = s.response, len(frame.body)+512
	}
	if s.finish != nil && s.answer == nil {
		var err error
		if response, err = s.finish(response); err != nil {
			return fmt.Errorf("the response to %s: %w", kmsg.NameForKey(s.response.Key()), err)
		}
	}
	memory := newBuffer(size)
	defer memory.release()
	memory.bytes = appendResponse(memory.bytes[:0], response, s.correlationID)
	if err := c.write(memory.bytes); err != nil {
		return fmt.Errorf("writing to the client: %w", err)
	}
	s.entry.duration.Observe(time.Since(s.received).Seconds())
	c.gateway.metrics.responseBytes.Add(float64(len(memory.bytes)))
	return nil
}

// reused reports whether the frame of a response may be used again once it is encoded. Of the others a handler
// may have kept something.
func reused(response kmsg.Response) bool {
	return response.Key() == kmsg.Fetch.Int16() || response.Key() == kmsg.Produce.Int16()
}

// receive waits for the broker's response to a slot.
func (c *connection) receive(s slot) (upstreamFrame, error) {
	select {
	case frame := <-s.upstream.frames:
		if frame.correlationID != s.upstreamID {
			return frame, fmt.Errorf("the broker answered request %d where %d was next", frame.correlationID, s.upstreamID)
		}
		return frame, frame.decodeInto(s.response)
	case <-c.ctx.Done():
		return upstreamFrame{}, context.Cause(c.ctx)
	}
}

// write sends a response to the client, which has the idle timeout to take each MiB: a consumer that is busy with
// its last records may leave a response unread for minutes.
func (c *connection) write(response []byte) error {
	const piece = 1 << 20
	for len(response) > 0 {
		n := min(piece, len(response))
		c.client.SetWriteDeadline(time.Now().Add(c.gateway.config.Limits.IdleTimeout))
		if _, err := c.client.Write(response[:n]); err != nil {
			return err
		}
		response = response[n:]
	}
	return nil
}
