package proxyprotocol

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Conn is a connection through a balancer.
type Conn struct {
	net.Conn
	header Header
}

// Receive reads the header of a connection from a trusted peer, within the timeout, and returns a connection with
// the client's addresses. That of another peer is returned as it is. One of a Listener has a header in any case, and
// then a second one where the first says that it comes from a trusted peer. Receive blocks, so it belongs into the
// connection's own goroutine; on an error the caller closes the connection.
func Receive(conn net.Conn, trusted []netip.Prefix, timeout time.Duration) (net.Conn, error) {
	if expected, ok := conn.(*expecting); ok {
		received, err := expected.receive()
		if err != nil {
			return nil, err
		}
		conn = received
	}
	if !from(conn, trusted) {
		return conn, nil
	}
	received, err := receive(conn, timeout)
	if err != nil {
		return nil, err
	}
	return received, nil
}

func receive(conn net.Conn, timeout time.Duration) (*Conn, error) {
	if err := conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return nil, fmt.Errorf("reading a PROXY protocol header: %w", err)
	}
	header, err := Read(conn)
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("after a PROXY protocol header: %w", err)
	}
	return &Conn{conn, header}, nil
}

// from reports whether the peer's address is in one of the prefixes.
func from(conn net.Conn, trusted []netip.Prefix) bool {
	peer, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return false
	}
	address := peer.AddrPort().Addr().Unmap().WithZone("")
	for _, prefix := range trusted {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// RemoteAddr returns the client's address; of a LOCAL connection, the peer's.
func (c *Conn) RemoteAddr() net.Addr {
	if c.header.Local() {
		return c.Conn.RemoteAddr()
	}
	return net.TCPAddrFromAddrPort(c.header.Source)
}

// LocalAddr returns the address that the client connected to; of a LOCAL connection, the own.
func (c *Conn) LocalAddr() net.Addr {
	if c.header.Local() {
		return c.Conn.LocalAddr()
	}
	return net.TCPAddrFromAddrPort(c.header.Destination)
}

// CloseWrite ends the sending half where the connection can.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Conn.Close()
}

// Listener is one that nobody but balancers can reach: every connection begins with a header.
type Listener struct {
	net.Listener
	timeout time.Duration
}

// NewListener returns a listener whose connections have the addresses of the balancers' clients. Accept does not wait
// for headers: a connection's is read, within the timeout, when somebody first reads from it or asks for an address,
// which must be before a deadline is set. Where the header is not as it must be, reading fails and the addresses are
// the balancer's.
func NewListener(balancers net.Listener, timeout time.Duration) *Listener {
	return &Listener{balancers, timeout}
}

// Accept returns the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &expecting{Conn: conn, timeout: l.timeout}, nil
}

// expecting is a connection whose header was perhaps not read yet.
type expecting struct {
	net.Conn
	timeout time.Duration

	once     sync.Once
	received *Conn
	err      error
}

func (e *expecting) receive() (*Conn, error) {
	e.once.Do(func() { e.received, e.err = receive(e.Conn, e.timeout) })
	return e.received, e.err
}

func (e *expecting) Read(b []byte) (int, error) {
	conn, err := e.receive()
	if err != nil {
		return 0, err
	}
	return conn.Read(b)
}

func (e *expecting) RemoteAddr() net.Addr {
	conn, err := e.receive()
	if err != nil {
		return e.Conn.RemoteAddr()
	}
	return conn.RemoteAddr()
}

func (e *expecting) LocalAddr() net.Addr {
	conn, err := e.receive()
	if err != nil {
		return e.Conn.LocalAddr()
	}
	return conn.LocalAddr()
}

func (e *expecting) CloseWrite() error { return (&Conn{Conn: e.Conn}).CloseWrite() }
