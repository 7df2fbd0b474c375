package kafkatest

import (
	"errors"
	"net"
	"sync"

	"github.com/orrery-kafka/orrery/internal/engine"
)

// gate is a listener that can be shut and opened again at the same address, and frozen.
type gate struct {
	port *engine.Port

	mu       sync.Mutex
	listener net.Listener // nil while shut
	conns    map[*gateConn]bool
	closed   bool
	changed  chan struct{} // closed when listener, closed or frozen changes
	frozen   bool
}

func newGate(network string) (*gate, error) {
	port, err := engine.ReservePort()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen(network, port.Address())
	if err != nil {
		return nil, errors.Join(err, port.Release())
	}
	return &gate{port: port, listener: listener, conns: map[*gateConn]bool{}, changed: make(chan struct{})}, nil
}

// Addr is where the gate listens.
func (g *gate) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: g.port.Number} }

// Accept waits for a connection, also while the gate is shut.
func (g *gate) Accept() (net.Conn, error) {
	for {
		g.mu.Lock()
		listener, closed, changed := g.listener, g.closed, g.changed
		g.mu.Unlock()
		if closed {
			return nil, net.ErrClosed
		}
		if listener == nil {
			<-changed
			continue
		}
		conn, err := listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				return nil, err
			}
			continue // shut or closed meanwhile: both change what is read above before they close the listener
		}
		if c := g.admit(conn, listener); c != nil {
			return c, nil
		}
	}
}

func (g *gate) admit(conn net.Conn, through net.Listener) *gateConn {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.listener != through {
		conn.Close()
		return nil
	}
	c := &gateConn{Conn: conn, gate: g, closed: make(chan struct{})}
	g.conns[c] = true
	return c
}

// Close ends the gate and every connection through it. A second call does nothing.
func (g *gate) Close() error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return nil
	}
	g.closed = true
	g.mu.Unlock()
	return errors.Join(g.shut(), g.port.Release())
}

func (g *gate) shut() error {
	g.mu.Lock()
	listener, conns := g.listener, g.conns
	g.listener, g.conns = nil, map[*gateConn]bool{}
	g.signal()
	g.mu.Unlock()
	for c := range conns {
		_ = c.Close() // the engine may have closed it
	}
	if listener == nil {
		return nil
	}
	return listener.Close()
}

func (g *gate) open() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.listener != nil {
		return errors.New("it is not down")
	}
	listener, err := net.Listen("tcp", g.port.Address())
	if err != nil {
		return err
	}
	g.listener, g.frozen = listener, false
	g.signal()
	return nil
}

func (g *gate) pause(frozen bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.frozen = frozen
	g.signal()
	return nil
}

// serves reports whether who comes is answered.
func (g *gate) serves() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.listener != nil && !g.frozen
}

// signal wakes who waits for a change. The caller holds the lock.
func (g *gate) signal() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// gateConn is a connection that moves nothing while its gate is frozen.
type gateConn struct {
	net.Conn
	gate   *gate
	once   sync.Once
	closed chan struct{}
}

// Read hands over what has come once the gate is not frozen.
func (c *gateConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if waited := c.wait(); waited != nil {
		return 0, waited
	}
	return n, err
}

// Write writes once the gate is not frozen.
func (c *gateConn) Write(p []byte) (int, error) {
	if err := c.wait(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close closes the connection.
func (c *gateConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.gate.mu.Lock()
		delete(c.gate.conns, c)
		c.gate.mu.Unlock()
	})
	return c.Conn.Close()
}

func (c *gateConn) wait() error {
	for {
		c.gate.mu.Lock()
		frozen, changed := c.gate.frozen, c.gate.changed
		c.gate.mu.Unlock()
		if !frozen {
			return nil
		}
		select {
		case <-changed:
		case <-c.closed:
			return net.ErrClosed
		}
	}
}
