package gateway

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Login is who the gateway is to brokers that want to know: SASL with the mechanism PLAIN, so its connections must
// be private already (loopback, or TLS below them). Where brokers let a login live for a time only
// (connections.max.reauth.ms, KIP-368), its connections log in again before it is over.
type Login struct{ User, Password string }

const (
	loginTimeout  = 10 * time.Second
	maxLoginBytes = 64 << 10 // of one of the broker's responses
)

// DialBroker makes of a path to a broker one whose connections are logged in; it is for Config.DialBroker.
func (l Login) DialBroker(dial func(ctx context.Context, node int32) (net.Conn, error)) func(ctx context.Context, node int32) (net.Conn, error) {
	return func(ctx context.Context, node int32) (net.Conn, error) {
		conn, err := dial(ctx, node)
		if err != nil {
			return nil, err
		}
		return l.over(ctx, conn)
	}
}

// Dial makes of a dialer one whose connections are logged in; it is for Control.Dial.
func (l Login) Dial(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return l.over(ctx, conn)
	}
}

// over logs in on a new connection, which it closes where that fails.
func (l Login) over(ctx context.Context, conn net.Conn) (net.Conn, error) {
	deadline := time.Now().Add(loginTimeout)
	if until, ok := ctx.Deadline(); ok && until.Before(deadline) {
		deadline = until
	}
	conn.SetDeadline(deadline)
	// The end of the context ends a read or write that waits.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	lifetime, err := l.exchange(conn)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("logging in to the broker as %q: %w", l.User, err)
	}
	conn.SetDeadline(time.Time{})
	if lifetime > 0 {
		return newLoggedIn(conn, l, lifetime), nil
	}
	return conn, nil
}

// exchange logs in and returns how long that is good for; 0 is for ever.
func (l Login) exchange(conn net.Conn) (lifetime time.Duration, err error) {
	handshake, authenticate := l.requests()
	response, err := ask(conn, handshake, 1)
	if err != nil {
		return 0, err
	}
	if err := saslHandshakeError(response.(*kmsg.SASLHandshakeResponse)); err != nil {
		return 0, err
	}
	if response, err = ask(conn, authenticate, 2); err != nil {
		return 0, err
	}
	done := response.(*kmsg.SASLAuthenticateResponse)
	return time.Duration(done.SessionLifetimeMillis) * time.Millisecond, saslAuthenticateError(done)
}

// requests are what a login consists of, in versions that are not flexible.
func (l Login) requests() (*kmsg.SASLHandshakeRequest, *kmsg.SASLAuthenticateRequest) {
	handshake, authenticate := kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLAuthenticateRequest()
	handshake.Version, handshake.Mechanism = 1, "PLAIN"
	authenticate.Version, authenticate.SASLAuthBytes = 1, []byte("\x00"+l.User+"\x00"+l.Password)
	return handshake, authenticate
}

func saslHandshakeError(r *kmsg.SASLHandshakeResponse) error {
	if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
		return fmt.Errorf("SASL/PLAIN is refused, the broker offers %v: %w", r.SupportedMechanisms, err)
	}
	return nil
}

func saslAuthenticateError(r *kmsg.SASLAuthenticateResponse) error {
	err := kerr.ErrorForCode(r.ErrorCode)
	if err != nil && r.ErrorMessage != nil {
		return fmt.Errorf("%w (%s)", err, *r.ErrorMessage)
	}
	return err
}

// ask sends a request whose versions are not flexible, and waits for its response.
func ask(conn net.Conn, request kmsg.Request, correlationID int32) (kmsg.Response, error) {
	name := kmsg.NameForKey(request.Key())
	if _, err := conn.Write(appendRequest(nil, request, correlationID, "orrery-gateway")); err != nil {
		return nil, fmt.Errorf("sending %s: %w", name, err)
	}
	var size [sizeBytes]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, fmt.Errorf("waiting for the response to %s: %w", name, err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 4 || n > maxLoginBytes {
		return nil, fmt.Errorf("a response of %d bytes to %s; is the address a broker's listener with SASL and without TLS?", n, name)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(conn, frame); err != nil {
		return nil, fmt.Errorf("reading the response to %s: %w", name, err)
	}
	r := kbin.Reader{Src: frame}
	if id := r.Int32(); id != correlationID {
		return nil, fmt.Errorf("the response to %s is number %d instead of %d", name, id, correlationID)
	}
	response := request.ResponseKind()
	if err := response.ReadFrom(r.Src); err != nil {
		return nil, fmt.Errorf("decoding the response to %s: %w", name, err)
	}
	return response, nil
}
