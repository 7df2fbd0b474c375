package gateway

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// inbound is one request as it was read.
type inbound struct {
	fixedHeader
	entry    *tableEntry
	rest     []byte  // after the fixed header
	memory   *buffer // the whole frame
	reserved reservation
	received time.Time
	taken    bool // by the raw lane
	bill     bill
	produced produced
	// answer is what a request gets that is not decoded: one with a key that is not offered, or ApiVersions in a
	// version that is not known.
	answer kmsg.Response
}

// readRequest reads one frame. What is not offered is refused before its body is read.
func (c *connection) readRequest(in *inbound) error {
	if err := c.muted(); err != nil {
		return err
	}
	limits := &c.gateway.config.Limits
	head := c.head[:]
	n, err := c.readHead(head)
	if err != nil {
		return err
	}
	size := int64(binary.BigEndian.Uint32(head)) - fixedHeaderBytes
	if size < 0 || size > int64(max(limits.RequestBytes, limits.ProduceBytes)) {
		return protocolErrorf("what the client sent is not Kafka's protocol: a request of %d bytes", size+fixedHeaderBytes)
	}
	if _, err := io.ReadFull(c.client, head[n:]); err != nil {
		return c.readError(err, true)
	}
	*in = inbound{fixedHeader: parseFixedHeader([fixedHeaderBytes]byte(head[sizeBytes:]))}
	if err := c.admitRequest(in, size); err != nil {
		return err
	}
	if err := c.hold(in, size+int64(len(head))); err != nil {
		return err
	}
	if err := c.reserve(in, size); err != nil {
		return err
	}
	in.memory = newBuffer(len(head) + int(size))
	copy(in.memory.bytes, head)
	in.rest = in.memory.bytes[len(head):]
	if err := c.readBody(in, int(size)); err != nil {
		c.gateway.freeRequest(in)
		return err
	}
	in.received = time.Now()
	c.gateway.metrics.requestBytes.Add(float64(len(in.memory.bytes)))
	c.use.requestBytes.Add(int64(len(in.memory.bytes)))
	c.traits.requestBytes.Add(int64(len(in.memory.bytes)))
	return nil
}

// readHead reads at least the size of a request. A client that asks nothing for as long as one may that has not logged
// in, and has a certificate, has nothing to do in order to log in: it is admitted, so that it counts where it belongs.
func (c *connection) readHead(head []byte) (n int, err error) {
	for {
		c.allowRead(c.gateway.config.Limits.IdleTimeout)
		n, err := io.ReadAtLeast(c.client, head, sizeBytes)
		if err == nil {
			return n, nil
		}
		if n > 0 || !timedOut(err) || !c.mayUseCertificate() {
			return n, c.readError(err, n > 0)
		}
		if err := c.logInWithCertificate(); err != nil {
			return 0, err
		}
	}
}

// admitRequest checks key, version and size.
func (c *connection) admitRequest(in *inbound, size int64) error {
	limits := &c.gateway.config.Limits
	if c.mayUseCertificate() && !beforeAuthentication(in.key) {
		if err := c.logInWithCertificate(); err != nil {
			return err
		}
	}
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
	table := c.gateway.table.Load()
	entry := table.entry(in.key)
	switch {
	case entry == nil:
		if in.answer = denial(in.key, in.version); in.answer != nil {
			entry = table.denied
			break
		}
		return protocolErrorf("the API key %d (%s) is not offered", in.key, kmsg.NameForKey(in.key))
	case in.version >= entry.min && in.version <= entry.max:
	case in.key == kmsg.ApiVersions.Int16():
		in.answer = unsupportedApiVersions()
	default:
		return protocolErrorf("%s version %d is not offered, only %d to %d", kmsg.NameForKey(in.key), in.version, entry.min, entry.max)
	}
	if !c.authenticated && !entry.unauthenticated {
		return protocolErrorf("%s before authentication; the client must use SASL over TLS (security.protocol=SASL_SSL) with an API key, or have a client certificate", kmsg.NameForKey(in.key))
	}
	in.entry = entry
	return c.checkSession(in.key)
}

// looksLike helps somebody who pointed another program at the port.
func (c *connection) looksLike(in *inbound) string {
	if !c.authenticated && in.version > 1000 {
		return "; this is not Kafka's protocol"
	}
	return ""
}

// allowRead gives the client a time for what is read next.
func (c *connection) allowRead(timeout time.Duration) {
	now := time.Now()
	if !c.authenticated && c.deadline.Before(now.Add(timeout)) {
		c.wire.allowReadUntil(c.deadline)
		return
	}
	c.wire.allowRead(now, timeout)
}

// readBody reads the rest of the frame. The client has StallTimeout for each MiB.
func (c *connection) readBody(in *inbound, size int) error {
	const piece = 1 << 20
	for read := 0; read < size; {
		c.allowRead(c.gateway.config.Limits.StallTimeout)
		n, err := io.ReadFull(c.client, in.rest[read:min(read+piece, size)])
		if err != nil {
			return c.readError(err, true)
		}
		read += n
	}
	return nil
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func (c *connection) readError(err error, inFrame bool) error {
	switch {
	case errors.Is(err, io.EOF) && !inFrame:
		return errClientLeft
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return protocolErrorf("the client closed the connection in the middle of a request")
	case timedOut(err):
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

// reserve waits until a large request may be read. One that is not Produce may grow many times when it is decoded,
// so it counts for more.
//
// Requests and responses have a budget each, so that nobody waits in a circle: who holds some of the requests' waits
// for its client, its broker and the responses before its own; who holds some of the responses' waits for its client
// and the rest of one response only, each for a limited time; and who waits for a budget holds nothing of it.
//
// One tenant may have a quarter of each, so that others get on while its clients take their time.
func (c *connection) reserve(in *inbound, size int64) error {
	const (
		largeProduce = 64 << 10
		largeOther   = 4 << 10
		growth       = 32
	)
	weight := int64(0)
	switch {
	case in.key == kmsg.Produce.Int16() && size > largeProduce:
		weight = size
	case in.key != kmsg.Produce.Int16() && size > largeOther:
		weight = size * growth
	}
	var err error
	in.reserved, err = c.gateway.requests.reserve(c.ctx, c.use.requestMemory, weight)
	return err
}

// reserveResponse waits until a response may be read that has to be decoded. What the raw lane passes on needs no
// more than a window, however large it is.
func (c *connection) reserveResponse(key int16, size int64) (reservation, error) {
	const (
		large        = largeWindow
		fetchGrowth  = 2 // it is encoded again
		othersGrowth = 8
	)
	weight := int64(0)
	switch {
	case size <= large:
	case key == kmsg.Fetch.Int16(), key == kmsg.ShareFetch.Int16():
		weight = size * fetchGrowth
	default:
		weight = size * othersGrowth
	}
	return c.gateway.responses.reserve(c.ctx, c.use.responseMemory, weight)
}

// freeRequest gives back what a request held. Only the memory of a Produce request and of what the raw lane took is
// used again: of others an answer may still hold bytes.
func (g *Gateway) freeRequest(in *inbound) {
	in.reserved.release()
	if in.taken || in.key == kmsg.Produce.Int16() {
		in.memory.release()
	}
	in.memory, in.rest = nil, nil
}
