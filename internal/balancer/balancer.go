// Package balancer is a layer 4 load balancer: it hands each new connection to a random healthy backend and then
// only copies bytes. It never looks at them, so TLS, Kafka and HTTP pass alike.
package balancer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Backend is a place that a connection can go to.
type Backend struct {
	Name string
	// Dial opens a connection. It must end when ctx does.
	Dial func(ctx context.Context) (net.Conn, error)
	// Healthy reports, without waiting, whether new connections should go here.
	Healthy func() bool
}

// Limits bounds the balancer; a zero field takes its default.
type Limits struct {
	// Connections is how many may be open at a time; one more is closed at once. Default 10,000.
	Connections int
	// DialTimeout bounds the search for a backend, over all attempts. Default 5 s.
	DialTimeout time.Duration
	// Attempts is how many backends are tried for one connection. Default 3.
	Attempts int
	// DrainTimeout bounds how long a connection lives after one side has finished sending. Default 5 min.
	DrainTimeout time.Duration
}

// Config is what a balancer needs.
type Config struct {
	// Backends returns the backends as they are now. It is called for each connection.
	Backends func() []Backend
	// Preamble, where it is set, returns what a backend is sent before the client's bytes, such as a header of the
	// PROXY protocol. The backend must expect it.
	Preamble func(client net.Conn) []byte
	Logger   *slog.Logger
	Limits   Limits
}

// Balancer copies bytes between clients and backends. It may serve several listeners.
type Balancer struct {
	config Config
	slots  chan struct{}
	ctx    context.Context
	cancel context.CancelFunc

	mu          sync.Mutex
	closed      bool
	listeners   map[net.Listener]struct{}
	connections map[net.Conn]struct{}
	running     sync.WaitGroup
}

// ErrClosed is returned by Serve after Close.
var ErrClosed = errors.New("balancer: closed")

// New makes a balancer.
func New(config Config) *Balancer {
	setDefault(&config.Limits.Connections, 10_000)
	setDefault(&config.Limits.DialTimeout, 5*time.Second)
	setDefault(&config.Limits.Attempts, 3)
	setDefault(&config.Limits.DrainTimeout, 5*time.Minute)
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Balancer{
		config: config, ctx: ctx, cancel: cancel,
		slots:       make(chan struct{}, config.Limits.Connections),
		listeners:   map[net.Listener]struct{}{},
		connections: map[net.Conn]struct{}{},
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Serve accepts connections until Close, which makes it return ErrClosed, or until the listener fails. It closes
// the listener.
func (b *Balancer) Serve(l net.Listener) error {
	if !b.addListener(l) {
		l.Close()
		return ErrClosed
	}
	defer b.removeListener(l)
	for pause := time.Millisecond; ; {
		client, err := l.Accept()
		var temporary net.Error
		switch {
		case err == nil:
			pause = time.Millisecond
			b.start(client)
		case b.ctx.Err() != nil:
			return ErrClosed
		case errors.As(err, &temporary) && !errors.Is(err, net.ErrClosed):
			// Out of file descriptors, most likely: that passes when connections end.
			b.config.Logger.Warn("cannot accept a connection", "error", err, "retry_in", pause)
			select {
			case <-time.After(pause):
			case <-b.ctx.Done():
				return ErrClosed
			}
			pause = min(2*pause, time.Second)
		default:
			return fmt.Errorf("balancer: accepting: %w", err)
		}
	}
}

func (b *Balancer) addListener(l net.Listener) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.listeners[l] = struct{}{}
	return true
}

func (b *Balancer) removeListener(l net.Listener) {
	l.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.listeners, l)
}

// start gives the connection a slot and a goroutine, or closes it.
func (b *Balancer) start(client net.Conn) {
	select {
	case b.slots <- struct{}{}:
	default:
		b.config.Logger.Warn("connection refused: too many are open", "limit", b.config.Limits.Connections)
		client.Close()
		return
	}
	if !b.track(client) {
		<-b.slots
		return
	}
	go func() {
		defer b.running.Done() // last: after Close nothing is counted any more
		defer func() { <-b.slots }()
		defer b.untrack(client)
		b.connect(client)
	}()
}

// track notes an open client, so that Close ends it; it closes the client where the balancer is closed already.
func (b *Balancer) track(client net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		client.Close()
		return false
	}
	b.running.Add(1)
	b.connections[client] = struct{}{}
	return true
}

func (b *Balancer) untrack(client net.Conn) {
	client.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.connections, client)
}

// connect finds a backend for the client and copies until both are done.
func (b *Balancer) connect(client net.Conn) {
	backend, err := b.dial()
	if err != nil {
		b.config.Logger.Debug("no backend for a connection", "error", err)
		return
	}
	defer backend.Close()
	stop := context.AfterFunc(b.ctx, func() { backend.Close() })
	defer stop()
	if b.config.Preamble != nil {
		if err := b.announce(client, backend); err != nil {
			b.config.Logger.Debug("a backend did not take the preamble", "error", err)
			return
		}
	}
	b.copyBoth(client, backend)
}

// announce sends the preamble.
func (b *Balancer) announce(client, backend net.Conn) error {
	if err := backend.SetWriteDeadline(time.Now().Add(b.config.Limits.DialTimeout)); err != nil {
		return err
	}
	if _, err := backend.Write(b.config.Preamble(client)); err != nil {
		return err
	}
	return backend.SetWriteDeadline(time.Time{})
}

// dial tries healthy backends in random order.
func (b *Balancer) dial() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(b.ctx, b.config.Limits.DialTimeout)
	defer cancel()
	backends := b.config.Backends()
	var failed error
	attempts := 0
	for _, i := range rand.Perm(len(backends)) {
		backend := backends[i]
		if !backend.Healthy() {
			continue
		}
		if attempts == b.config.Limits.Attempts || ctx.Err() != nil {
			break
		}
		attempts++
		conn, err := backend.Dial(ctx)
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", backend.Name, err))
	}
	if failed == nil {
		return nil, fmt.Errorf("none of %d backends is healthy", len(backends))
	}
	return nil, failed
}

// copyBoth copies in both directions. A side that has finished sending gets the other's remaining bytes (half
// close) for DrainTimeout; an error in either direction ends both.
func (b *Balancer) copyBoth(client, backend net.Conn) {
	finished := make(chan bool, 2) // false: with an error
	pipe := func(to, from net.Conn) {
		_, err := io.Copy(to, from)
		if err == nil {
			err = closeWrite(to)
		}
		finished <- err == nil
	}
	go pipe(backend, client)
	go pipe(client, backend)
	if <-finished {
		deadline := time.Now().Add(b.config.Limits.DrainTimeout)
		client.SetDeadline(deadline)
		backend.SetDeadline(deadline)
	} else {
		client.Close()
		backend.Close()
	}
	<-finished // how the other direction ends changes nothing
}

// closeWrite tells the peer that no more bytes come. A connection that cannot say so is closed altogether.
func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// Close stops accepting, ends every connection and returns when no goroutine is left.
func (b *Balancer) Close() error {
	b.mu.Lock()
	b.closed = true
	b.cancel()
	for l := range b.listeners {
		l.Close()
	}
	for c := range b.connections {
		c.Close()
	}
	b.mu.Unlock()
	b.running.Wait()
	return nil
}

// Connections returns how many are open.
func (b *Balancer) Connections() int { return len(b.slots) }
