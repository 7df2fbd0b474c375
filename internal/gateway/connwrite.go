package gateway

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// respond encodes and sends one response. One that is throttled is encoded again.
func (c *connection) respond(s *slot, response kmsg.Response, size int) error {
	memory := newBuffer(size)
	defer memory.release()
	began := time.Now()
	memory.bytes = appendResponse(memory.bytes[:0], response, s.correlationID)
	s.bill.work += time.Since(began)
	if throttle(response, c.settle(s, len(memory.bytes))) {
		memory.bytes = appendResponse(memory.bytes[:0], response, s.correlationID)
	}
	if err := c.write(memory.bytes); err != nil {
		return err
	}
	c.sent(s, len(memory.bytes))
	return nil
}

// sent counts a response.
func (c *connection) sent(s *slot, size int) {
	now := time.Now()
	took := now.Sub(s.received)
	s.entry.duration.Observe(took.Seconds())
	c.gateway.slow.add(s, took, now)
	c.use.latency[latencyClassOf(s.entry.key)].add(took)
	c.traits.responseBytes.Add(int64(size))
	c.gateway.metrics.responseBytes.Add(float64(size))
	c.use.responseBytes.Add(int64(size))
	if fetches(s.entry.key) {
		c.use.fetchBytes.Add(int64(size))
	}
	if s.code != 0 {
		class := classOf(s.code)
		c.use.errors[class].Add(1)
		c.gateway.metrics.errors.WithLabelValues(apiLabel(s.entry.key), class.String()).Inc()
	}
}

const (
	writePiece   = 64 << 10
	corkedPiece  = writePiece + 8<<10 // with what TLS adds
	singleRecord = 16 << 10           // the most that a TLS record holds
)

// write sends bytes to the client, which has the idle timeout to take each piece: a consumer that is busy with its
// last records may leave a response unread for minutes. Where others wait for the memory, it has the shorter one; and
// before its login no longer than that may take.
func (c *connection) write(b []byte) error {
	timeout := c.gateway.config.Limits.IdleTimeout
	switch {
	case c.use == c.gateway.uses.nobody:
		timeout = max(time.Until(c.deadline), 0)
	case c.hurried:
		timeout = min(timeout, c.gateway.config.Limits.StallTimeout)
	}
	for len(b) > 0 {
		n := min(writePiece, len(b))
		c.wire.allowWrite(timeout)
		if err := c.writePiece(b[:n]); err != nil {
			return fmt.Errorf("writing to the client: %w", err)
		}
		b = b[n:]
	}
	return nil
}

func (c *connection) writePiece(b []byte) error {
	if len(b) <= singleRecord {
		_, err := c.client.Write(b)
		return err
	}
	c.wire.cork(corkedPiece)
	_, err := c.client.Write(b)
	if failed := c.wire.uncork(); err == nil {
		err = failed
	}
	return err
}
