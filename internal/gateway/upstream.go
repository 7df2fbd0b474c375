package gateway

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// upstream is the broker's side of one client connection: fetch sessions, ordering and back-pressure pass through
// it as they are.
type upstream struct {
	conn net.Conn
	next int32 // correlation id; the read loop's
	// frames has the responses as they arrive; a broker answers in the order of the requests.
	frames chan upstreamFrame
}

// upstreamFrame is one response; the bytes after its correlation id are body.
type upstreamFrame struct {
	correlationID int32
	body          []byte
	memory        *buffer
}

// dialUpstream connects to the broker and starts to read it. The connection ends with c.
func (c *connection) dialUpstream() (*upstream, error) {
	conn, err := c.gateway.config.DialBroker(c.ctx, c.node)
	if err != nil {
		return nil, fmt.Errorf("connecting to broker %d: %w", c.node, err)
	}
	context.AfterFunc(c.ctx, func() { conn.Close() })
	u := &upstream{conn: conn, frames: make(chan upstreamFrame)}
	c.loops.Go(func() {
		c.guard(func() error { return u.readLoop(c.ctx) })
	})
	return u, nil
}

// readLoop reads responses until the connection ends; the broker never ends one that is in use without a reason.
func (u *upstream) readLoop(ctx context.Context) error {
	for {
		frame, err := u.read()
		if errors.Is(err, io.EOF) {
			return errors.New("the broker closed the connection")
		}
		if err != nil {
			return fmt.Errorf("reading from the broker: %w", err)
		}
		select {
		case u.frames <- frame:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (u *upstream) read() (upstreamFrame, error) {
	var head [sizeBytes + 4]byte
	if _, err := io.ReadFull(u.conn, head[:]); err != nil {
		return upstreamFrame{}, err
	}
	size := int64(binary.BigEndian.Uint32(head[:])) - 4
	if size < 0 || size > maxResponseBytes {
		return upstreamFrame{}, fmt.Errorf("a response of %d bytes", size)
	}
	memory := newBuffer(int(size))
	if _, err := io.ReadFull(u.conn, memory.bytes); err != nil {
		return upstreamFrame{}, err
	}
	return upstreamFrame{int32(binary.BigEndian.Uint32(head[sizeBytes:])), memory.bytes, memory}, nil
}

// decodeInto reads the body into the response. Fetch and Produce, the hot ones, alias the frame, so it may be
// released only when they are encoded; all others are copied, because handlers keep names out of them. Record
// bytes and group blobs alias it in any case.
func (f upstreamFrame) decodeInto(response kmsg.Response) error {
	body := f.body
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
