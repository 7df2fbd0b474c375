package gateway

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// fetchStream passes a large Fetch response on while it comes, so that neither its size nor a client that is slow
// costs memory: one window of it is held. Its size is known from its head, because each name in it becomes shorter
// by the tenant's prefix. What a handler would change in the middle is not there to change, except addresses of
// brokers (NodeEndpoints, v16), which stand at the end, after the size is said: they are blotted out, and the client
// asks for metadata, as it would without them.
type fetchStream struct {
	*window
	c    *connection
	s    *slot
	left int // bytes of the frame from window.from on
	// memory.bytes[out:kept] is ready to be sent.
	out, kept int
	err       error
}

var errHalfResponse = errors.New("the broker's response to Fetch ends early")

// streamFetch passes a response of which size bytes follow its correlation id.
func streamFetch(c *connection, u *upstream, s *slot, size int) error {
	u.in.grow()
	f := &u.stream
	*f = fetchStream{window: &u.in, c: c, s: s, left: size + responseHeadBytes}
	if err := f.fill(largeWindow / 2); err != nil {
		return fmt.Errorf("reading from the broker: %w", err)
	}
	f.out, f.kept = f.from, f.from
	f.pass()
	f.flush()
	if f.err == nil && f.left != 0 {
		f.err = errHalfResponse
	}
	if f.err != nil {
		return f.err
	}
	f.shrink()
	c.sent(s, size)
	return nil
}

func (f *fetchStream) pass() {
	version := f.s.version
	flexible := version >= f.s.entry.lane.flexible
	head := f.take(responseHeadBytes)
	if flexible {
		f.tags(false)
	}
	if told := f.take(4); f.err == nil {
		throttleRaw(told, f.c.settle(f.s, f.kept-f.out+f.left))
	}
	if version >= 7 {
		if f.err == nil {
			settleRawFetch(f.s, head[responseHeadBytes:cap(head)])
		}
		f.take(2 + 4)
	}
	topics := f.length(flexible)
	if f.err != nil {
		return
	}
	size := binary.BigEndian.Uint32(head)
	if version < 13 {
		size -= uint32(topics * len(f.s.session.prefix))
	}
	binary.BigEndian.PutUint32(head, size)
	binary.BigEndian.PutUint32(head[sizeBytes:], uint32(f.s.correlationID))
	for ; topics > 0 && f.err == nil; topics-- {
		if version < 13 {
			f.name(flexible)
		} else {
			f.take(16)
		}
		for partitions := f.length(flexible); partitions > 0 && f.err == nil; partitions-- {
			f.partition(version, flexible)
		}
		if flexible {
			f.tags(false)
		}
	}
	if flexible {
		f.tags(true)
	}
}

func (f *fetchStream) partition(version int16, flexible bool) {
	if head := f.take(fetchedBytes(version)); head != nil && f.s.code == 0 {
		f.s.code = int16(binary.BigEndian.Uint16(head[4:]))
	}
	for aborted := f.length(flexible); aborted > 0 && f.err == nil; aborted-- {
		f.take(8 + 8)
		if flexible {
			f.tags(false)
		}
	}
	if version >= 11 {
		f.take(4)
	}
	f.span(f.length(flexible))
	if flexible {
		f.tags(false)
	}
}

// need makes n bytes be there, of which there must be so many in the frame. It sends what is ready first.
func (f *fetchStream) need(n int) {
	if f.err == nil && (n > f.left || n > largeWindow/2) {
		f.err = fmt.Errorf("%w: %d left, %d", errHalfResponse, f.left, n)
	}
	if f.err != nil || f.to-f.from >= n {
		return
	}
	if f.flush(); f.err != nil {
		return
	}
	if err := f.fill(n); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		f.err = fmt.Errorf("reading from the broker: %w", err)
	}
	f.out, f.kept = f.from, f.from
}

// flush sends what is ready.
func (f *fetchStream) flush() {
	if f.err == nil && f.kept > f.out {
		f.err = f.c.write(f.memory.bytes[f.out:f.kept])
	}
	f.out, f.kept = f.from, f.from
}

// keep makes the next n bytes ready; they must be there.
func (f *fetchStream) keep(n int) []byte {
	if f.kept != f.from {
		copy(f.memory.bytes[f.kept:], f.memory.bytes[f.from:f.from+n])
	}
	kept := f.memory.bytes[f.kept : f.kept+n]
	f.kept, f.from, f.left = f.kept+n, f.from+n, f.left-n
	return kept
}

// take passes a few bytes on, which may be changed until the next call.
func (f *fetchStream) take(n int) []byte {
	if f.need(n); f.err != nil {
		return nil
	}
	return f.keep(n)
}

// span passes many bytes on.
func (f *fetchStream) span(n int) {
	for n > 0 && f.err == nil {
		if f.need(1); f.err == nil {
			n -= len(f.keep(min(n, f.to-f.from, f.left)))
		}
	}
}

// uvarint looks at a number and returns how many bytes it has.
func (f *fetchStream) uvarint() (n, size int) {
	f.need(min(binary.MaxVarintLen32, max(f.left, 1)))
	if f.err != nil {
		return 0, 0
	}
	value, size := binary.Uvarint(f.memory.bytes[f.from:min(f.from+binary.MaxVarintLen32, f.to)])
	if size <= 0 || value >= 1<<31 {
		f.err = errHalfResponse
		return 0, 0
	}
	return int(value), size
}

// length passes the length of an array or of bytes on; null is 0.
func (f *fetchStream) length(flexible bool) int {
	if flexible {
		n, size := f.uvarint()
		f.take(size)
		return max(n-1, 0)
	}
	b := f.take(4)
	if f.err != nil {
		return 0
	}
	n := int(int32(binary.BigEndian.Uint32(b)))
	if n > f.left {
		f.err = fmt.Errorf("%w: %d left, %d", errHalfResponse, f.left, n)
	}
	return max(n, 0)
}

// name passes a name on without the tenant's prefix, with a length of as many bytes as it had.
func (f *fetchStream) name(flexible bool) {
	n, size := 0, 2
	if flexible {
		n, size = f.uvarint()
		n--
	} else if f.need(2); f.err == nil {
		n = int(int16(binary.BigEndian.Uint16(f.memory.bytes[f.from:])))
	}
	prefix := string(f.s.session.prefix)
	if f.need(size + max(n, 0)); f.err != nil {
		return
	}
	if n < len(prefix) || string(f.memory.bytes[f.from+size:][:len(prefix)]) != prefix {
		f.err = errForeignTopic
		return
	}
	length := f.keep(size)
	if flexible {
		putUvarint(length, n-len(prefix)+1)
	} else {
		binary.BigEndian.PutUint16(length, uint16(n-len(prefix)))
	}
	f.from, f.left = f.from+len(prefix), f.left-len(prefix)
	f.keep(n - len(prefix))
}

// putUvarint fills b with a number, which may take more bytes than it needs.
func putUvarint(b []byte, n int) {
	for i := range b {
		b[i] = byte(n)&0x7f | 0x80
		n >>= 7
	}
	b[len(b)-1] &^= 0x80
}

// hiddenTag is a tag that no Fetch response has.
const hiddenTag = 0x7f

// tags passes tagged fields on, without what is in the first one where that has addresses.
func (f *fetchStream) tags(addresses bool) {
	count, size := f.uvarint()
	f.take(size)
	for ; count > 0 && f.err == nil; count-- {
		tag, size := f.uvarint()
		b := f.take(size)
		hide := addresses && tag == 0
		if hide && f.err == nil {
			putUvarint(b, hiddenTag)
		}
		n, size := f.uvarint()
		f.take(size)
		if !hide {
			f.span(n)
		} else if b := f.take(n); f.err == nil {
			clear(b)
		}
	}
}
