package inproc_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/substrate/inproc"
	"github.com/orrery-kafka/orrery/internal/substrate/substratetest"
)

// forwarder is the smallest gateway: TLS outside, the broker's own bytes inside, no tenants.
type forwarder struct {
	spec        inproc.GatewaySpec
	ready, done chan struct{}
	closing     sync.Once
	running     sync.WaitGroup

	mu          sync.Mutex
	failure     error
	connections map[net.Conn]struct{}
	servers     []io.Closer
}

func startForwarder(_ context.Context, spec inproc.GatewaySpec) (inproc.Gateway, error) {
	f := &forwarder{spec: spec, ready: make(chan struct{}), done: make(chan struct{}), connections: map[net.Conn]struct{}{}}
	close(f.ready)
	return f, nil
}

func (f *forwarder) Ready() <-chan struct{} { return f.ready }
func (f *forwarder) Done() <-chan struct{}  { return f.done }

func (f *forwarder) Serve(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.connections[c] = struct{}{}
		f.mu.Unlock()
		f.running.Go(func() {
			defer func() {
				c.Close()
				f.mu.Lock()
				delete(f.connections, c)
				f.mu.Unlock()
			}()
			inside := tls.Server(c, f.spec.TLS)
			upstream, err := f.spec.DialBroker(context.Background(), f.spec.Node)
			if err != nil {
				return
			}
			defer upstream.Close()
			f.running.Go(func() { io.Copy(inside, upstream); c.Close() })
			io.Copy(upstream, inside)
		})
	}
}

func (f *forwarder) ServeREST(l net.Listener) error {
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, f.spec.PhysicalClusterID) })}
	f.mu.Lock()
	f.servers = append(f.servers, server)
	f.mu.Unlock()
	return server.Serve(tls.NewListener(l, f.spec.TLS))
}

// fail ends the gateway by itself.
func (f *forwarder) fail(err error) {
	f.mu.Lock()
	f.failure = err
	f.mu.Unlock()
	f.Close()
}

func (f *forwarder) Close() error {
	f.closing.Do(func() { close(f.done) })
	f.mu.Lock()
	for c := range f.connections {
		c.Close()
	}
	for _, s := range f.servers {
		s.Close()
	}
	err := f.failure
	f.mu.Unlock()
	f.running.Wait()
	return err
}

var discard = slog.New(slog.DiscardHandler)

var errTest = errors.New("the test ended it")

func spec(brokers int, gateways bool) orrery.PSCSpec {
	return orrery.PSCSpec{
		Kind: orrery.KindKafka, Type: orrery.TypeMultiTenant, Cloud: "AWS", Region: "us-east-1", Profile: "kafka-1",
		Engine: orrery.EngineEmbedded, Version: "test", Brokers: brokers, Gateways: gateways, StorageBytes: 1 << 30,
		Configuration: map[string]string{"message.max.bytes": "8388608"},
	}
}

// config is a substrate's on a directory, with a certificate authority of its own.
func config(t *testing.T, dir string) inproc.Config {
	t.Helper()
	root, err := pki.OpenRoot(filepath.Join(dir, "pki"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	intermediate, err := pki.OpenIntermediate(filepath.Join(dir, "satellite"), root, "Orrery sat-test", pki.Loopback(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return inproc.Config{
		Dir: filepath.Join(dir, "clusters"), Authority: intermediate, StartGateway: startForwarder,
		Now: time.Now, Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

func open(t *testing.T, c inproc.Config) *inproc.Substrate {
	t.Helper()
	s, err := inproc.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	substratetest.Suite{
		Open: func(t *testing.T, dir string) substratetest.Opened {
			s := open(t, config(t, dir))
			return substratetest.Opened{
				Substrate: s,
				Fault: func(id string, node int32, stopped bool, message string) error {
					return s.Fault(id, node, inproc.Fault{Stopped: stopped, Message: message})
				},
				Close: s.Close, Stop: s.Close,
			}
		},
		Spec: spec, Replicas: 1,
	}.Run(t)
}
