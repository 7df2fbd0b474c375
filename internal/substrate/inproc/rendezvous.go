package inproc

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// rendezvous is a listener that only this process can reach: who connects hands the server's end over.
type rendezvous struct {
	address address
	arrived chan net.Conn
	closed  chan struct{}
	closing sync.Once
}

func newRendezvous(a address) *rendezvous {
	return &rendezvous{address: a, arrived: make(chan net.Conn), closed: make(chan struct{})}
}

func (r *rendezvous) Addr() net.Addr { return r.address }

func (r *rendezvous) Accept() (net.Conn, error) {
	select {
	case c := <-r.arrived:
		return c, nil
	case <-r.closed:
		return nil, fmt.Errorf("%s: %w", r.address, net.ErrClosed)
	}
}

func (r *rendezvous) Close() error {
	r.closing.Do(func() { close(r.closed) })
	return nil
}

// hand waits until the server's end of a connection is accepted; on an error it closes it.
func (r *rendezvous) hand(ctx context.Context, server net.Conn) error {
	select {
	case r.arrived <- server:
		return nil
	case <-r.closed:
		server.Close()
		return fmt.Errorf("%s: %w", r.address, net.ErrClosed)
	case <-ctx.Done():
		server.Close()
		return ctx.Err()
	}
}
