package inproc

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// address is the name of an in-memory listener, such as broker-0:9092. No packet can be sent to it.
type address string

func (a address) Network() string { return "memory" }
func (a address) String() string  { return string(a) }

// pipe is one end of an in-memory connection: two one-way pipes, so that one direction can be closed alone.
type pipe struct {
	in, out       net.Conn
	local, remote address
	onClose       func()
	closing       sync.Once
}

// newPipe returns both ends of a connection from client to server.
func newPipe(client, server address) (clientEnd, serverEnd *pipe) {
	clientIn, serverOut := net.Pipe()
	serverIn, clientOut := net.Pipe()
	return &pipe{in: clientIn, out: clientOut, local: client, remote: server},
		&pipe{in: serverIn, out: serverOut, local: server, remote: client}
}

func (p *pipe) Read(b []byte) (int, error)         { return p.in.Read(b) }
func (p *pipe) Write(b []byte) (int, error)        { return p.out.Write(b) }
func (p *pipe) LocalAddr() net.Addr                { return p.local }
func (p *pipe) RemoteAddr() net.Addr               { return p.remote }
func (p *pipe) SetReadDeadline(t time.Time) error  { return p.in.SetReadDeadline(t) }
func (p *pipe) SetWriteDeadline(t time.Time) error { return p.out.SetWriteDeadline(t) }
func (p *pipe) CloseWrite() error                  { return p.out.Close() }

func (p *pipe) SetDeadline(t time.Time) error {
	return errors.Join(p.in.SetDeadline(t), p.out.SetDeadline(t))
}

func (p *pipe) Close() error {
	p.closing.Do(func() {
		p.in.Close()
		p.out.Close()
		if p.onClose != nil {
			p.onClose()
		}
	})
	return nil
}

// listener accepts in-memory connections, and can cut those that it accepted.
type listener struct {
	*rendezvous

	mu       sync.Mutex
	accepted map[*pipe]struct{}
}

func newListener(a address) *listener {
	return &listener{rendezvous: newRendezvous(a), accepted: map[*pipe]struct{}{}}
}

// dial connects to the listener.
func (l *listener) dial(ctx context.Context) (net.Conn, error) {
	client, server := newPipe("memory:0", l.address)
	server.onClose = func() {
		l.mu.Lock()
		delete(l.accepted, server)
		l.mu.Unlock()
	}
	l.mu.Lock()
	l.accepted[server] = struct{}{} // from here on cut may close it
	l.mu.Unlock()
	if err := l.hand(ctx, server); err != nil {
		return nil, err
	}
	return client, nil
}

// cut closes every connection that was accepted.
func (l *listener) cut() {
	l.mu.Lock()
	accepted := make([]*pipe, 0, len(l.accepted))
	for p := range l.accepted {
		accepted = append(accepted, p)
	}
	l.mu.Unlock()
	for _, p := range accepted {
		p.Close()
	}
}
