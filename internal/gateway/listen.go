package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/proxyprotocol"
)

const (
	tlsHandshakeRecord = 0x16 // the first byte of every TLS connection
	acceptRetry        = 50 * time.Millisecond
)

// Serve accepts clients from a listener until it or the gateway is closed. It accepts only once the gateway is
// ready. TLS is spoken inside: the listener is a plain one.
func (g *Gateway) Serve(listener net.Listener) error {
	if !g.begin() {
		listener.Close()
		return net.ErrClosed
	}
	defer g.running.Done()
	g.mu.Lock()
	g.listeners[listener] = struct{}{}
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.listeners, listener)
		g.mu.Unlock()
		listener.Close()
	}()
	select {
	case <-g.ready:
	case <-g.closed:
		return net.ErrClosed
	}
	for {
		conn, err := listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of file descriptors, or the client left
			g.config.Logger.Warn("cannot accept a client; trying again", "error", err)
			select {
			case <-time.After(acceptRetry):
			case <-g.closed:
				return net.ErrClosed
			}
		default:
			g.accept(conn)
		}
	}
}

// accept serves one client in its own goroutine.
func (g *Gateway) accept(conn net.Conn) {
	g.metrics.accepted.Inc()
	c := g.newConnection(conn, "", g.config.Node) // greet learns its address
	if !g.track(c) {
		g.metrics.refused.WithLabelValues("limit").Inc()
		conn.Close()
		if g.notices.first("limit") {
			g.config.Logger.Warn("closing new clients: the gateway has as many as it may", "limit", g.config.Limits.Connections)
		}
		return
	}
	go func() {
		defer g.untrack(c)
		err := c.greet(conn)
		if err != nil {
			c.end(err)
		} else {
			err = c.run()
		}
		if x := c.exchange; x != nil && x.rejected != nil && errors.Is(err, errClientLeft) {
			err = x.rejected // some clients leave when they have read that their token does not hold
		}
		if !c.authenticated && c.visit != nil && !errors.Is(err, errClientLeft) {
			g.doorway.failed(c.visit.address)
		}
		g.explain(c, err)
	}()
}

// greet learns where the client is, has it admitted, and speaks TLS with it.
func (c *connection) greet(conn net.Conn) error {
	config := &c.gateway.config
	through, err := proxyprotocol.Receive(conn, config.TrustedProxies, config.Limits.HandshakeTimeout)
	if err == nil {
		conn = through
	}
	c.host = addressHost(conn.RemoteAddr())
	c.session.clientHost = c.host
	if err != nil {
		return protocolErrorf("a trusted proxy must say where the client is: %v", err)
	}
	var address netip.Addr
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		address = tcp.AddrPort().Addr()
	}
	if err := c.gateway.doorway.enter(c, address); err != nil {
		return err
	}
	return c.handshake()
}

// track counts a connection, unless there are too many or the gateway is closed.
func (g *Gateway) track(c *connection) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped || len(g.connections) >= g.config.Limits.Connections {
		return false
	}
	g.connections[c] = struct{}{}
	g.running.Add(1)
	g.metrics.connections.Set(float64(len(g.connections)))
	return true
}

func (g *Gateway) untrack(c *connection) {
	c.end(errClientLeft) // where nothing else ended it
	g.doorway.leave(c.visit)
	if c.expiry != nil {
		c.expiry.Stop()
	}
	close(c.done)
	if c.use != g.uses.nobody {
		g.uses.close(c.use, c.opened)
	}
	g.mu.Lock()
	delete(g.connections, c)
	g.metrics.connections.Set(float64(len(g.connections)))
	g.mu.Unlock()
	g.running.Done()
}

// register binds a connection to an identity, unless its key or cluster is gone by now.
func (g *Gateway) register(c *connection, a admission) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.state.Load().admits(a.identity, a.hash); err != nil {
		return err
	}
	c.traits.address = c.host
	c.registered, c.identity, c.credentialHash, c.certificate = true, a.identity, a.hash, a.certificate
	return nil
}

// errPlaintext is a client that does not speak TLS.
var errPlaintext = errors.New("a client without TLS: the client must use TLS (security.protocol=SASL_SSL) and trust the CA file")

// handshake speaks TLS. A client that does not is closed without an answer: every client library explains that
// better than the alert, which it would take for a very long response.
func (c *connection) handshake() error {
	limits := &c.gateway.config.Limits
	c.wire.allowReadUntil(time.Now().Add(limits.HandshakeTimeout))
	c.wire.allowWrite(limits.HandshakeTimeout)
	first := make([]byte, 1)
	if _, err := io.ReadFull(c.wire, first); err != nil {
		return errClientLeft
	}
	if first[0] != tlsHandshakeRecord {
		return errPlaintext
	}
	c.wire.first, c.wire.mayRead = first, limits.UnauthenticatedBytes
	conn := tls.Server(c.wire, c.gateway.config.TLS)
	ctx, cancel := context.WithTimeout(c.ctx, limits.HandshakeTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return handshakeError{err}
	}
	c.client, c.wire.mayRead = conn, noLimit
	if chain := conn.ConnectionState().PeerCertificates; len(chain) > 0 {
		c.presented = chain[0]
	}
	return nil
}

// handshakeError is a TLS handshake that failed.
type handshakeError struct{ err error }

func (e handshakeError) Error() string {
	text := "the TLS handshake failed: " + e.err.Error()
	if strings.Contains(text, "remote error") && (strings.Contains(text, "certificate") || strings.Contains(text, "authority")) {
		text += "; the client does not trust this cluster's CA: give it the CA file (ssl.ca.location, ssl.truststore.location, ca_file)"
	}
	return text
}

func (e handshakeError) Unwrap() error { return e.err }

func addressHost(address net.Addr) string {
	parsed, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return address.String()
	}
	return authz.Host(parsed.Addr())
}

// Connect returns the client's end of an authenticated connection inside this process, which goes through the same
// handlers as any other, to the given broker. It ends like any other when the key or the cluster is deleted. The
// error is an *orrery.Error where the caller is not admitted any more.
func (g *Gateway) Connect(_ context.Context, caller Caller, node int32) (net.Conn, error) {
	select {
	case <-g.ready:
	default:
		return nil, errNotReady
	}
	near, far := net.Pipe()
	c := g.newConnection(far, caller.host(), node)
	if !g.track(c) {
		near.Close()
		far.Close()
		return nil, fmt.Errorf("connecting inside the process: the gateway is closed or has %d clients", g.config.Limits.Connections)
	}
	st := g.state.Load()
	key, _ := st.credential(caller.APIKeyID)
	if err := g.register(c, admission{identity: caller.Identity, hash: key.hash}); err != nil {
		near.Close()
		g.untrack(c)
		return nil, refused(err)
	}
	tenant, _ := st.tenant(caller.LogicalClusterID)
	c.admitted(caller.Identity, tenant)
	go func() {
		defer g.untrack(c)
		g.explain(c, c.run())
	}()
	return near, nil
}
