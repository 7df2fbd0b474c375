// Package door lets satellites to the link: it stands before the control plane's own broker, which nobody else reaches.
// It takes TLS with a client certificate for each connection, and of Kafka's protocol only what an end of the link
// needs, each request checked against what the certificate's name may do. So it is the same before the embedded engine,
// which has neither a port nor ACLs, and before Apache Kafka, where it comes in by the PLATFORM listener.
//
// One request of a connection is in work at a time. What is refused is answered as a broker does; what cannot be
// understood ends the connection.
package door

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	linkkafka "github.com/orrery-kafka/orrery/internal/link/kafka"
)

// Config is what a door is made of. All but Logger and the limits is required.
type Config struct {
	// Dial connects to the one broker that there is.
	Dial func(ctx context.Context) (net.Conn, error)
	// Advertised is HOST:PORT that clients are told instead of the broker's address.
	Advertised string
	// Certificate is what the door presents, Clients who may sign the certificates of those who come.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Clients     *x509.CertPool
	// Admitted reports whether a satellite, by the common name of its certificate, may come.
	Admitted func(satelliteID string) bool
	// Connections bounds them; 0 is DefaultConnections. One satellite may have MaxOfOne.
	Connections int
	// Logger gets who was refused; nil drops it.
	Logger *slog.Logger
}

// Limits of a door.
const (
	DefaultConnections = 4096
	MaxOfOne           = 32
	// handshakeTimeout bounds the time until who comes has shown a certificate, and transferTimeout the time that a
	// request, or an answer, may take from its first byte to its last.
	handshakeTimeout = 10 * time.Second
	transferTimeout  = 30 * time.Second
	// answerTimeout bounds the wait for the broker.
	answerTimeout = time.Minute
	// maxFrame bounds a request and an answer, in bytes: what an end of the link fetches at once, and some more.
	maxFrame = 8 << 20
)

// Door serves satellites. It is for concurrent use.
type Door struct {
	config Config
	host   string
	port   int32
	tls    *tls.Config
	ctx    context.Context
	cancel context.CancelFunc

	mu        sync.Mutex
	closed    bool
	listeners map[net.Listener]bool
	open      map[net.Conn]bool
	of        map[string]int // connections, by satellite
	running   sync.WaitGroup
}

// New makes a door. It does nothing until Serve.
func New(config Config) (*Door, error) {
	host, text, err := net.SplitHostPort(config.Advertised)
	if err != nil {
		return nil, fmt.Errorf("door: the advertised address: %w", err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("door: the advertised address %q has no port", config.Advertised)
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	config.Connections = cmp.Or(config.Connections, DefaultConnections)
	d := &Door{
		config: config, host: host, port: int32(port), listeners: map[net.Listener]bool{}, open: map[net.Conn]bool{}, of: map[string]int{},
		tls: &tls.Config{
			MinVersion: tls.VersionTLS13, GetCertificate: config.Certificate, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: config.Clients,
			SessionTicketsDisabled: true, // a session would outlive the certificate that it began with
		},
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d, nil
}

// Serve takes connections until the listener or the door closes, and returns why.
func (d *Door) Serve(l net.Listener) error {
	if !d.listens(l) {
		return errors.Join(net.ErrClosed, l.Close())
	}
	for pause := time.Duration(0); ; {
		client, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // such as too many open files, which passes
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			d.config.Logger.Warn("the link's door cannot take a connection", "error", err, "pause", pause)
			select {
			case <-time.After(pause):
			case <-d.ctx.Done():
				return net.ErrClosed
			}
			continue
		}
		pause = 0
		if !d.track(client) {
			client.Close()
		}
	}
}

func (d *Door) listens(l net.Listener) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.listeners[l] = true
	}
	return !d.closed
}

// track serves a connection unless there are too many.
func (d *Door) track(client net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || len(d.open) >= d.config.Connections {
		return false
	}
	d.open[client] = true
	d.running.Go(func() {
		defer func() {
			client.Close()
			d.mu.Lock()
			delete(d.open, client)
			d.mu.Unlock()
		}()
		if err := d.serve(client); err != nil {
			d.config.Logger.Warn("a connection to the link was ended", "address", client.RemoteAddr(), "error", err)
		}
	})
	return true
}

// serve finds out who comes, and passes on what that one may do.
func (d *Door) serve(client net.Conn) error {
	secure := tls.Server(client, d.tls)
	ctx, cancel := context.WithTimeout(d.ctx, handshakeTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		return ended(err)
	}
	id := secure.ConnectionState().PeerCertificates[0].Subject.CommonName
	if !d.config.Admitted(id) {
		return fmt.Errorf("%.64q has a certificate of this link, and is not registered here", id)
	}
	if !d.enter(id) {
		return fmt.Errorf("%s has %d connections, which is the limit", id, MaxOfOne)
	}
	defer d.leave(id)
	broker, err := d.config.Dial(ctx)
	if err != nil {
		return fmt.Errorf("the control plane's Kafka cannot be reached: %w", err)
	}
	defer broker.Close()
	stop := context.AfterFunc(d.ctx, func() { broker.Close(); client.Close() })
	defer stop()
	r := &relay{door: d, satelliteID: id, may: linkkafka.SatelliteRules(id), client: secure, broker: broker}
	for {
		if err := r.step(); err != nil {
			return ended(err)
		}
	}
}

func (d *Door) enter(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of[id] >= MaxOfOne {
		return false
	}
	d.of[id]++
	return true
}

func (d *Door) leave(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of[id]--; d.of[id] == 0 {
		delete(d.of, id)
	}
}

// Close ends every connection.
func (d *Door) Close() error {
	d.mu.Lock()
	d.closed = true
	var errs []error
	for l := range d.listeners {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for client := range d.open {
		client.Close()
	}
	d.mu.Unlock()
	d.cancel()
	d.running.Wait()
	return errors.Join(errs...)
}
