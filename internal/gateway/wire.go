package gateway

import (
	"errors"
	"net"
	"sync"
	"time"
)

// wire is a client's connection below TLS. It sets a read deadline only where a read has to wait for the network
// and the one that is set will not do, and it sends several TLS records with one system call.
type wire struct {
	net.Conn
	first []byte // was read already
	// mayRead is how many bytes may still be read; noLimit after the handshake.
	mayRead int

	// The reader may wait until a moment between readFrom and readTo; armed is the deadline that is set.
	readFrom, readTo, armed time.Time
	writes                  writeDeadline

	mu      sync.Mutex // TLS answers a key update from the reading goroutine
	pending *buffer    // while corked
}

const noLimit = -1

// errHandshakeSize is a client that sends more in its handshake than a chain of certificates needs.
var errHandshakeSize = errors.New("the client's handshake is too large")

// deadlineSlack is the part of a timeout by which it may take longer, so that not every request sets a deadline.
const deadlineSlack = 8

// allowRead gives the reads that follow a time to end, in all.
func (w *wire) allowRead(now time.Time, timeout time.Duration) {
	w.readFrom = now.Add(timeout)
	w.readTo = w.readFrom.Add(timeout / deadlineSlack)
}

// allowReadUntil is allowRead with a moment.
func (w *wire) allowReadUntil(moment time.Time) { w.readFrom, w.readTo = moment, moment }

func (w *wire) Read(b []byte) (int, error) {
	if len(w.first) > 0 {
		n := copy(b, w.first)
		w.first = w.first[n:]
		return n, nil
	}
	if w.armed.Before(w.readFrom) || w.armed.After(w.readTo) {
		w.armed = w.readTo
		if err := w.Conn.SetReadDeadline(w.armed); err != nil {
			return 0, err
		}
	}
	if w.mayRead == noLimit {
		return w.Conn.Read(b)
	}
	if w.mayRead == 0 {
		return 0, errHandshakeSize
	}
	n, err := w.Conn.Read(b[:min(len(b), w.mayRead)])
	w.mayRead -= n
	return n, err
}

// allowWrite gives the writes that follow at least a timeout to end.
func (w *wire) allowWrite(timeout time.Duration) {
	w.writes.allow(w.Conn, timeout)
}

// writeDeadline is the one of a connection. It is set only where the one that is set will not do.
type writeDeadline struct{ armed time.Time }

// allow gives the writes that follow at least a timeout to end.
func (d *writeDeadline) allow(conn net.Conn, timeout time.Duration) {
	if from := time.Now().Add(timeout); d.armed.Before(from) || d.armed.After(from.Add(timeout/deadlineSlack)) {
		d.armed = from.Add(timeout / deadlineSlack)
		conn.SetWriteDeadline(d.armed) // an error shows in the write
	}
}

// cork keeps what is written until uncork sends it.
func (w *wire) cork(size int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = newBuffer(size)
	w.pending.bytes = w.pending.bytes[:0]
}

func (w *wire) uncork() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.Conn.Write(w.pending.bytes)
	w.pending.release()
	w.pending = nil
	return err
}

func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending == nil {
		return w.Conn.Write(b)
	}
	w.pending.bytes = append(w.pending.bytes, b...)
	return len(b), nil
}
