package gateway

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// rawLane is a fast way for the requests of an API key, and their responses, beside its handler: the frame is walked
// where it lies and passed on with its names changed, so records are neither decoded nor copied. It decides with
// the same functions as the handler, and takes only what it understands to the last byte and what nothing is
// refused of. Everything else goes to the handler, as the same bytes; so the handler alone says what happens then.
type rawLane struct {
	// flexible is the first version with compact lengths and tags.
	flexible int16
	// request passes a request on, or returns false, having done nothing.
	request func(*connection, *inbound) (taken bool, err error)
	// response walks a response of a request that was taken, whole in memory behind its correlation id. It returns
	// false for one that finish has to see. The marks are the names in it, physical ones of the session's tenant.
	response func(s *slot, frame []byte, marks []mark) (_ []mark, ok bool)
	// settle, where it is not nil, is told of a response that was understood before it is sent.
	settle func(s *slot, frame []byte)
	// stream passes a response on that is larger than a window; nil: it is decoded.
	stream func(c *connection, u *upstream, s *slot, size int) error
	// finish is the handler's.
	finish func(*slot, kmsg.Response) (kmsg.Response, error)
}

// rawLaneOf returns nil for a key that has none.
func rawLaneOf(key int16) *rawLane {
	switch kmsg.Key(key) {
	case kmsg.Produce:
		return &rawLane{flexible: 9, request: rawProduce, response: rawProduceResponse, finish: finishRawProduce}
	case kmsg.Fetch:
		return &rawLane{flexible: 12, request: rawFetch, response: rawFetchResponse, settle: settleRawFetch, stream: streamFetch, finish: finishRawFetch}
	}
	return nil
}

// rawWalker begins to walk a request, and gives the connection the session of its client id.
func (c *connection) rawWalker(in *inbound) (walker, error) {
	w := walker{frame: in.memory.bytes, at: sizeBytes + fixedHeaderBytes, flexible: in.version >= in.entry.lane.flexible, elements: maxElements}
	clientID := w.span(int(w.int16())) // null fails
	w.tags()
	if w.failed {
		return w, nil
	}
	if id := c.session.clientID; string(clientID) == id {
		return w, c.refreshSession(id)
	}
	return w, c.refreshSession(string(clientID))
}

// topicCache remembers which topics a connection may use for one action, under one policy. It is the read loop's.
type topicCache struct {
	policy *authz.Authorizer
	names  map[string]bool
	ids    map[[16]byte]bool
}

func (t *topicCache) under(policy *authz.Authorizer) {
	if t.policy != policy || len(t.names)+len(t.ids) >= maxRemembered {
		*t = topicCache{policy: policy, names: map[string]bool{}, ids: map[[16]byte]bool{}}
	}
}

// mayUse reports whether the session may do action to the topic that comes next in a request, and appends the name
// that has to become a physical one.
func (c *connection) mayUse(w *walker, known *topicCache, action authz.Action, byID bool, marks []mark) ([]mark, bool) {
	if byID {
		b := w.span(16)
		if b == nil {
			return marks, false
		}
		id := [16]byte(b)
		if !known.ids[id] {
			if c.session.topicIDError(c.ctx, action, id) != 0 {
				return marks, false
			}
			known.ids[id] = true
		}
		return marks, true
	}
	name, at := w.text()
	if w.failed {
		return marks, false
	}
	if !known.names[string(name)] {
		if c.session.topicError(action, string(name)) != 0 {
			return marks, false
		}
		known.names[string(name)] = true
	}
	return append(marks, at), true
}

// forwardRaw sends a frame to the broker, with the tenant's prefix before the names at the marks.
func (c *connection) forwardRaw(in *inbound, use sessionUse, flexible, answered bool, marks []mark) error {
	s := slot{
		correlationID: in.correlationID, entry: in.entry, received: in.received,
		raw: true, version: in.version, session: c.session, use: use, bill: in.bill, produced: in.produced,
	}
	s.bill.work = time.Since(in.received)
	u, err := c.openUpstream()
	if err != nil {
		return err
	}
	u.next++
	s.upstreamID = u.next
	if !answered {
		c.settle(&s, 0)
		c.use.count(s.produced)
	} else if !c.waiting.push(&s) {
		return context.Cause(c.ctx)
	}
	frame, prefix := in.memory.bytes, string(c.session.prefix)
	size := len(frame)
	for _, m := range marks {
		size += prefixGrowth(m, prefix, flexible)
	}
	binary.BigEndian.PutUint32(frame, uint32(size-sizeBytes))
	binary.BigEndian.PutUint32(frame[sizeBytes+4:], uint32(s.upstreamID))
	c.allowWrite(u, size)
	if len(marks) == 0 {
		_, err = u.conn.Write(frame)
	} else {
		err = c.vectors.write(u.conn, frame, marks, prefix, flexible, size)
	}
	if err != nil {
		return fmt.Errorf("writing to the broker: %w", err)
	}
	return nil
}

func prefixGrowth(m mark, prefix string, flexible bool) int {
	return len(prefix) + lengthBytes(m.end-m.text+len(prefix), flexible) - (m.text - m.length)
}

// vectors gathers the pieces of a frame to write: what is long stays where it is, what is short is copied together.
type vectors struct {
	pieces  [][]byte
	buffers net.Buffers
}

const (
	copiedPiece = 4 << 10  // pieces up to this are copied
	copiedFrame = 32 << 10 // and frames up to this
)

// write writes a frame of which the size is known with a prefix before its names.
func (v *vectors) write(conn net.Conn, frame []byte, marks []mark, prefix string, flexible bool, size int) error {
	limit := copiedPiece
	if size <= copiedFrame {
		limit = size
	}
	room := len(marks) * (len(prefix) + binary.MaxVarintLen32)
	from := 0
	for _, m := range marks {
		if n := m.length - from; n <= limit {
			room += n
		}
		from = m.text
	}
	if n := len(frame) - from; n <= limit {
		room += n
	}
	memory := newBuffer(room)
	defer memory.release()
	short, begun := memory.bytes[:0], 0
	add := func(span []byte) {
		if len(span) <= limit {
			short = append(short, span...)
			return
		}
		if len(short) > begun {
			v.pieces = append(v.pieces, short[begun:])
		}
		begun = len(short)
		v.pieces = append(v.pieces, span)
	}
	from = 0
	for _, m := range marks {
		add(frame[from:m.length])
		short = appendLength(short, m.end-m.text+len(prefix), flexible)
		short = append(short, prefix...)
		from = m.text
	}
	add(frame[from:])
	if len(short) > begun {
		v.pieces = append(v.pieces, short[begun:])
	}
	defer v.clear()
	if len(v.pieces) == 1 {
		_, err := conn.Write(v.pieces[0])
		return err
	}
	v.buffers = v.pieces
	_, err := v.buffers.WriteTo(conn)
	return err
}

func (v *vectors) clear() {
	clear(v.pieces[:cap(v.pieces)])
	if v.pieces = v.pieces[:0]; cap(v.pieces) > maxKeptMarks {
		v.pieces = nil
	}
}

// maxKeptMarks bounds what a connection keeps of a request with very many topics.
const maxKeptMarks = 256

func keptMarks(marks []mark) []mark {
	if cap(marks) > maxKeptMarks {
		return nil
	}
	return marks[:0]
}

// passRaw sends a response of a request that was taken.
func (c *connection) passRaw(u *upstream, s *slot, size int) error {
	lane := s.entry.lane
	if size+responseHeadBytes > largeWindow {
		if lane.stream != nil {
			return lane.stream(c, u, s, size)
		}
		return c.passUndecided(u, s, size)
	}
	frame, err := u.in.frame(size)
	if err != nil {
		return fmt.Errorf("reading from the broker: %w", err)
	}
	marks, ok := lane.response(s, frame[responseHeadBytes:], u.marks[:0])
	u.marks = keptMarks(marks)
	if !ok {
		return c.passUndecided(u, s, size)
	}
	defer u.in.used(size)
	c.use.count(s.produced)
	if lane.settle != nil {
		lane.settle(s, frame[responseHeadBytes:])
	}
	binary.BigEndian.PutUint32(frame[sizeBytes:], uint32(s.correlationID))
	throttleRaw(frame[responseHeadBytes+s.throttleAt:], c.settle(s, len(frame)-len(marks)*len(s.session.prefix)))
	if len(marks) == 0 {
		return c.sendRaw(s, frame)
	}
	memory := newBuffer(len(frame))
	defer memory.release()
	memory.bytes = appendLogical(memory.bytes[:0], frame, marks, len(s.session.prefix), s.version >= lane.flexible)
	binary.BigEndian.PutUint32(memory.bytes, uint32(len(memory.bytes)-sizeBytes))
	return c.sendRaw(s, memory.bytes)
}

// passUndecided sends a response that the handler has to see.
func (c *connection) passUndecided(u *upstream, s *slot, size int) error {
	decoded := *s
	decoded.response = kmsg.ResponseForKey(s.entry.key)
	decoded.response.SetVersion(s.version)
	decoded.finish = func(r kmsg.Response) (kmsg.Response, error) { return s.entry.lane.finish(s, r) }
	return c.passDecoded(u, &decoded, size)
}

func (c *connection) sendRaw(s *slot, frame []byte) error {
	if err := c.write(frame); err != nil {
		return err
	}
	c.sent(s, len(frame))
	return nil
}

// appendLogical appends a frame without the first bytes, the tenant's prefix, of the names at the marks, which are
// those of what follows its correlation id.
func appendLogical(dst, frame []byte, marks []mark, prefix int, flexible bool) []byte {
	from := 0
	for _, m := range marks {
		dst = append(dst, frame[from:responseHeadBytes+m.length]...)
		dst = appendLength(dst, m.end-m.text-prefix, flexible)
		from = responseHeadBytes + m.text + prefix
	}
	return append(dst, frame[from:]...)
}
