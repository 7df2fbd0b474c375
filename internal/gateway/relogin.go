package gateway

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The correlation ids of a login's requests between others, which count up from 0.
const (
	reloginHandshake    = -2
	reloginAuthenticate = -1
)

// loggedIn is a connection whose login ends. A broker closes it at the first request after that, so the first write
// of a request shortly before begins with a new login; the broker answers in order, and what it says about the login
// is taken out of what is read. Neither side waits for the other.
type loggedIn struct {
	net.Conn
	login Login

	out boundary // the writer's
	in  boundary // the reader's
	// head is the beginning of a response: its size and correlation id, of which have bytes are there and given are
	// passed on.
	head        [sizeBytes + 4]byte
	have, given int

	mu    sync.Mutex
	again time.Time // when to log in again
	under bool      // the answer is on its way
}

func newLoggedIn(conn net.Conn, login Login, lifetime time.Duration) *loggedIn {
	c := &loggedIn{Conn: conn, login: login, have: 0}
	c.given = len(c.head)
	c.renew(lifetime)
	return c
}

// renew plans the next login when most of this one's life is over, as Kafka's own clients do.
func (c *loggedIn) renew(lifetime time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.under, c.again = false, time.Time{}
	if lifetime > 0 {
		c.again = time.Now().Add(lifetime * 85 / 100)
	}
}

// due reports whether it is time to log in again, once.
func (c *loggedIn) due() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.under || c.again.IsZero() || time.Now().Before(c.again) {
		return false
	}
	c.under = true
	return true
}

// Write writes requests, after a login where one is due.
func (c *loggedIn) Write(p []byte) (int, error) {
	if c.out.between() && c.due() {
		handshake, authenticate := c.login.requests()
		login := appendRequest(nil, handshake, reloginHandshake, "orrery-gateway")
		login = appendRequest(login, authenticate, reloginAuthenticate, "orrery-gateway")
		if _, err := c.Conn.Write(login); err != nil {
			return 0, fmt.Errorf("logging in again: %w", err)
		}
	}
	n, err := c.Conn.Write(p)
	c.out.pass(p[:n])
	return n, err
}

// Read reads responses without those to a login.
func (c *loggedIn) Read(p []byte) (int, error) {
	for len(p) > 0 {
		switch {
		case c.given < len(c.head):
			n := copy(p, c.head[c.given:])
			c.given += n
			return n, nil
		case c.in.left > 0:
			n, err := c.Conn.Read(p[:min(int64(len(p)), c.in.left)])
			c.in.left -= int64(n)
			return n, err
		}
		if err := c.readHead(); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// readHead reads the beginning of the next response, and the whole of one to a login. A deadline may end it at any
// byte; what was read stays.
func (c *loggedIn) readHead() error {
	for c.have < len(c.head) {
		n, err := c.Conn.Read(c.head[c.have:])
		if c.have += n; err != nil {
			return err
		}
	}
	c.have = 0
	size := int64(binary.BigEndian.Uint32(c.head[:])) - 4
	correlationID := int32(binary.BigEndian.Uint32(c.head[sizeBytes:]))
	if correlationID != reloginHandshake && correlationID != reloginAuthenticate {
		c.in.left, c.given = max(size, 0), 0
		return nil
	}
	if size < 0 || size > maxLoginBytes {
		return fmt.Errorf("a response of %d bytes to a login", size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(c.Conn, body); err != nil {
		return fmt.Errorf("reading the response to a login: %w", err)
	}
	if err := c.relogged(correlationID, body); err != nil {
		return fmt.Errorf("logging in to the broker again as %q: %w", c.login.User, err)
	}
	return nil
}

// relogged takes a response to a login.
func (c *loggedIn) relogged(correlationID int32, body []byte) error {
	handshake, authenticate := c.login.requests()
	if correlationID == reloginHandshake {
		response := handshake.ResponseKind().(*kmsg.SASLHandshakeResponse)
		if err := response.ReadFrom(body); err != nil {
			return err
		}
		return saslHandshakeError(response)
	}
	response := authenticate.ResponseKind().(*kmsg.SASLAuthenticateResponse)
	if err := response.ReadFrom(body); err != nil {
		return err
	}
	if err := saslAuthenticateError(response); err != nil {
		return err
	}
	c.renew(time.Duration(response.SessionLifetimeMillis) * time.Millisecond)
	return nil
}

// boundary knows where a stream of frames is.
type boundary struct {
	left int64 // of the frame
	size []byte
}

// between reports whether the next byte begins a frame.
func (b *boundary) between() bool { return b.left == 0 && len(b.size) == 0 }

// pass takes note of what has passed.
func (b *boundary) pass(p []byte) {
	for len(p) > 0 {
		if b.left > 0 {
			n := min(int64(len(p)), b.left)
			b.left, p = b.left-n, p[n:]
			continue
		}
		n := min(len(p), sizeBytes-len(b.size))
		if b.size, p = append(b.size, p[:n]...), p[n:]; len(b.size) == sizeBytes {
			r := kbin.Reader{Src: b.size}
			b.left, b.size = int64(max(r.Int32(), 0)), b.size[:0]
		}
	}
}
