package gateway

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// upstream is the broker's side of one client connection: fetch sessions, ordering and back-pressure pass through
// it as they are. The read loop writes to it, and a goroutine of its own reads it, even while nothing is awaited,
// so that a broker that leaves is seen at once. That goroutine sends the responses to the client.
type upstream struct {
	conn   net.Conn
	next   int32 // correlation id; the read loop's, like what follows
	writes writeDeadline

	// What follows belongs to the goroutine that reads.
	in     window
	marks  []mark
	stream fetchStream
}

// dialUpstream connects to the broker and starts to read it. The connection ends with c.
func (c *connection) dialUpstream() (*upstream, error) {
	conn, err := c.gateway.config.DialBroker(c.ctx, c.node)
	if err != nil {
		return nil, fmt.Errorf("connecting to broker %d: %w", c.node, err)
	}
	context.AfterFunc(c.ctx, func() { conn.Close() })
	u := &upstream{conn: conn, in: newWindow(conn)}
	c.loops.Go(func() {
		defer u.in.release()
		c.guard(func() error { return c.answerLoop(u) })
	})
	return u, nil
}

// allowWrite gives the broker a time to take what is written next. It takes nothing while it answers the request before,
// for which a fetch may wait for a minute; what stands still for longer costs the client its connection, as a broker
// that is gone does. The client asks again, and does not wait for ever.
func (c *connection) allowWrite(u *upstream, size int) {
	const slowest = 1 << 20 // bytes a second
	u.writes.allow(u.conn, 2*c.gateway.config.Limits.StallTimeout+time.Duration(size/slowest)*time.Second)
}

// answerLoop sends the broker's responses, and the gateway's own answers behind them, until the connection ends;
// the broker never ends one that is in use without a reason.
func (c *connection) answerLoop(u *upstream) error {
	var s slot
	for {
		size, correlationID, err := u.in.header()
		if errors.Is(err, io.EOF) {
			return errors.New("the broker closed the connection")
		}
		if err != nil {
			return fmt.Errorf("reading from the broker: %w", err)
		}
		switch {
		case !c.waiting.head(&s) || s.answer != nil:
			return fmt.Errorf("the broker answered request %d, which it was not asked", correlationID)
		case correlationID != s.upstreamID:
			return fmt.Errorf("the broker answered request %d where %d was next", correlationID, s.upstreamID)
		}
		if err := c.pass(u, &s, size); err != nil {
			return err
		}
		for c.waiting.next(&s) && s.answer != nil {
			if err := c.respond(&s, s.answer, 256); err != nil {
				return err
			}
		}
	}
}

// pass sends one response of the broker's, of which size bytes follow its correlation id.
func (c *connection) pass(u *upstream, s *slot, size int) error {
	if s.raw {
		return c.passRaw(u, s, size)
	}
	return c.passDecoded(u, s, size)
}

// passDecoded is pass through the handler's finish.
func (c *connection) passDecoded(u *upstream, s *slot, size int) error {
	reserved, err := c.reserveResponse(s.entry.key, int64(size))
	if err != nil {
		return err
	}
	if reserved.inAll > 0 {
		defer reserved.release()
		c.hurried = true
		defer func() { c.hurried = false }()
	}
	memory := newBuffer(size)
	if err := u.in.body(memory.bytes); err != nil {
		return fmt.Errorf("reading from the broker: %w", err)
	}
	if reused(s.response) {
		defer memory.release()
	}
	began := time.Now()
	if err := decodeInto(memory.bytes, s.response); err != nil {
		return err
	}
	c.use.count(s.produced.accepted(s.response))
	response := s.response
	if s.finish != nil {
		var err error
		if response, err = s.finish(response); err != nil {
			return fmt.Errorf("the response to %s: %w", kmsg.NameForKey(s.response.Key()), err)
		}
	}
	s.judge(nil, response)
	s.bill.work += time.Since(began)
	return c.respond(s, response, size+512)
}

// reused reports whether the frame of a response may be used again once it is encoded. Of the others a handler
// may have kept something.
func reused(response kmsg.Response) bool {
	return response.Key() == kmsg.Fetch.Int16() || response.Key() == kmsg.Produce.Int16()
}

// decodeInto reads a body into the response. Fetch and Produce, the hot ones, alias it, so it may be released only
// when they are encoded; all others are copied, because handlers keep names out of them. Record bytes and group
// blobs alias it in any case.
func decodeInto(body []byte, response kmsg.Response) error {
	if flexibleResponseHeader(response) {
		r := kbin.Reader{Src: body}
		skipTags(&r)
		if !r.Ok() {
			return errors.New("the header of the broker's response is cut short")
		}
		body = r.Src
	}
	var err error
	switch hot := response.(type) {
	case *kmsg.FetchResponse:
		err = hot.UnsafeReadFrom(body)
	case *kmsg.ProduceResponse:
		err = hot.UnsafeReadFrom(body)
	default:
		err = response.ReadFrom(body)
	}
	if err != nil {
		return fmt.Errorf("decoding the broker's response to %s version %d: %w", kmsg.NameForKey(response.Key()), response.GetVersion(), err)
	}
	return nil
}

// window is what was read from a broker and not yet used. A small frame is read with one system call.
type window struct {
	conn   net.Conn
	memory *buffer
	from   int // unread bytes are memory.bytes[from:to]
	to     int
}

const (
	smallWindow = 4 << 10  // held as long as the connection to the broker
	largeWindow = 64 << 10 // while a larger frame passes
)

func newWindow(conn net.Conn) window {
	return window{conn: conn, memory: newBuffer(smallWindow)}
}

func (w *window) release() { w.memory.release() }

// header looks at the next frame's: how many bytes follow its correlation id.
func (w *window) header() (size int, correlationID int32, err error) {
	if err := w.fill(responseHeadBytes); err != nil {
		return 0, 0, err
	}
	head := w.memory.bytes[w.from:]
	size = int(binary.BigEndian.Uint32(head)) - 4
	if size < 0 || size > maxResponseBytes {
		return 0, 0, fmt.Errorf("a response of %d bytes", size)
	}
	return size, int32(binary.BigEndian.Uint32(head[sizeBytes:])), nil
}

// frame returns a frame, with its head, that fits into a large window. It is there until used is called.
func (w *window) frame(size int) ([]byte, error) {
	size += responseHeadBytes
	if err := w.fill(size); err != nil {
		return nil, err
	}
	return w.memory.bytes[w.from : w.from+size], nil
}

// used gives up a frame.
func (w *window) used(size int) {
	w.from += size + responseHeadBytes
	w.shrink()
}

// fill reads until n bytes are there, at most largeWindow.
func (w *window) fill(n int) error {
	if w.to-w.from >= n {
		return nil
	}
	if n > len(w.memory.bytes) {
		w.grow()
	}
	if w.from > 0 {
		w.to = copy(w.memory.bytes, w.memory.bytes[w.from:w.to])
		w.from = 0
	}
	for w.to < n {
		read, err := w.conn.Read(w.memory.bytes[w.to:])
		w.to += read
		if err != nil && w.to < n {
			if w.to > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

func (w *window) grow() {
	if len(w.memory.bytes) < largeWindow {
		w.replace(largeWindow)
	}
}

// shrink gives a large window up where it is empty.
func (w *window) shrink() {
	if w.from == w.to && len(w.memory.bytes) > smallWindow {
		w.replace(smallWindow)
	}
}

func (w *window) replace(size int) {
	next := newBuffer(size)
	w.to = copy(next.bytes, w.memory.bytes[w.from:w.to])
	w.from = 0
	w.memory.release()
	w.memory = next
}

// body takes a frame's head off and reads what follows, past the window where it is longer.
func (w *window) body(b []byte) error {
	w.from += responseHeadBytes
	n := copy(b, w.memory.bytes[w.from:w.to])
	w.from += n
	w.shrink()
	if n == len(b) {
		return nil
	}
	_, err := io.ReadFull(w.conn, b[n:])
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
