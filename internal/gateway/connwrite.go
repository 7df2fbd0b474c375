package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

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
