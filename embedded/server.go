package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
	kafkalink "github.com/orrery-kafka/orrery/internal/link/kafka"
	"github.com/orrery-kafka/orrery/internal/logfile"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/internal/satellite"
	"github.com/orrery-kafka/orrery/internal/store"
	"github.com/orrery-kafka/orrery/internal/store/sqlite"
	"github.com/orrery-kafka/orrery/internal/substrate/inproc"
)

// Defaults of Config.
const (
	DefaultListen         = "127.0.0.1:8080"
	DefaultKafkaPortFirst = 19092
	DefaultKafkaPortLast  = 19591
)

// openTimeout bounds the start of what the API needs: the store, pkc-control and the link.
const openTimeout = time.Minute

// Config is what a server is made of. Dir is required.
type Config struct {
	// Dir is the data directory; it is made where it does not exist, and locked.
	Dir string
	// Listen is the address of the API in clear, loopback only; "" is DefaultListen. Port 0 becomes a port that
	// is chosen once and stored.
	Listen string
	// TLSListen is an address of the API with TLS, for other hosts too; "" is none.
	TLSListen string
	// KafkaPortFirst and KafkaPortLast are the range that brokers, bootstrap addresses and Kafka REST take their
	// ports from; both 0: the system chooses. A chosen port is stored and never changes.
	KafkaPortFirst, KafkaPortLast int
	// Cloud and Region are what the satellite serves; "" is any.
	Cloud, Region string
	// IdentityProviderNetworks are networks in which identity providers may be although they are not public, and
	// IdentityProviderCAs who may sign their certificates; nil: the system's.
	IdentityProviderNetworks []netip.Prefix
	IdentityProviderCAs      *x509.CertPool
	// Login bounds what Kafka clients can do before they have logged in, and for how long they are.
	Login Login
	// Version is the program's, for reports.
	Version string
	// Logger gets the log; nil drops it.
	Logger *slog.Logger
}

// Server is every role in one process. Open starts one.
type Server struct {
	config    Config
	log       *slog.Logger
	directory *directory
	root      *rootAuthority
	registry  *prometheus.Registry
	changed   *broadcast
	nudges    map[string]nudge // by loop; never written after Open began

	store      store.Store
	substrate  *inproc.Substrate
	satellite  *satellite.Satellite
	link       *kafkalink.Link // the mothership's end
	mothership *mothership.Mothership
	pages      gatewayPages
	admin      admin
	plain      net.Listener
	tls        net.Listener
	api        *http.Server

	ctx     context.Context // of the loops
	cancel  context.CancelFunc
	failed  chan error
	closers []func(context.Context) error // in the order of opening
	once    sync.Once
	closed  error
}

// Open starts a server and returns once its API answers. An error says what to do about it; nothing stays open
// then. The server runs until Close.
func Open(ctx context.Context, config Config) (*Server, error) {
	config.Listen = cmp.Or(config.Listen, DefaultListen)
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		config: config, log: config.Logger, registry: prometheus.NewRegistry(), changed: newBroadcast(),
		nudges: map[string]nudge{}, failed: make(chan error, 1),
	}
	for _, name := range []string{loopSatellite, mothership.LoopPlace, mothership.LoopCompose, mothership.LoopPublish, mothership.LoopCollect, mothership.LoopSettle} {
		s.nudges[name] = make(nudge, 1)
	}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	ctx, stop := context.WithTimeout(ctx, openTimeout)
	defer stop()
	for _, open := range []func(context.Context) error{
		s.openDirectory, s.openListeners, s.openStore, s.openSubstrate, s.openSatellite, s.openLink, s.openMothership, s.serve,
	} {
		if err := open(ctx); err != nil {
			return nil, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
		}
	}
	return s, nil
}

// URL is the address of the API.
func (s *Server) URL() string { return "http://" + s.plain.Addr().String() }

// TLSURL is the address of the API with TLS, "" where there is none. Its certificate is signed by CAFile.
func (s *Server) TLSURL() string {
	if s.tls == nil {
		return ""
	}
	return "https://" + s.tls.Addr().String()
}

// AdminKeyID is the id of the first administrator's Cloud API key.
func (s *Server) AdminKeyID() string { return s.admin.keyID }

// AdminEnvFile is the file with the administrator's key and secret, mode 0600.
func (s *Server) AdminEnvFile() string { return s.directory.join("admin.env") }

// CAFile is the certificate that Kafka clients have to trust.
func (s *Server) CAFile() string { return s.directory.join("ca.pem") }

// Substrate is the brokers' substrate, with its fault switch.
func (s *Server) Substrate() *inproc.Substrate { return s.substrate }

// Wait returns nil when ctx ends, and an error when the server cannot go on.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// Close ends the server in the opposite order of its start: first what takes requests, last what keeps data. It
// returns once everything is on disk. A second call returns what the first did.
func (s *Server) Close(ctx context.Context) error {
	s.once.Do(func() {
		s.changed.announce() // whoever waits in a request learns that it ends
		var problems []error
		for i := len(s.closers) - 1; i >= 0; i-- {
			problems = append(problems, s.closers[i](ctx))
		}
		s.cancel()
		s.closed = errors.Join(problems...)
	})
	return s.closed
}

func (s *Server) onClose(f func(context.Context) error) { s.closers = append(s.closers, f) }

func (s *Server) openDirectory(context.Context) (err error) {
	if s.directory, err = openDirectory(s.config.Dir); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return s.directory.close() })
	if s.directory.choices.SatelliteID == "" {
		if s.directory.choices.SatelliteID, err = orrery.NewID(rand.Reader, orrery.PrefixSatellite); err != nil {
			return err
		}
		if err := s.directory.save(); err != nil {
			return err
		}
	}
	if err := s.openRoot(); err != nil {
		return err
	}
	s.admin, err = s.directory.loadAdmin()
	return err
}

// openListeners takes the API's addresses before anything else starts, so that a port that is taken is told at
// once; nothing is accepted yet.
func (s *Server) openListeners(context.Context) (err error) {
	if s.plain, err = s.directory.listenAPI(s.config.Listen); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return ignoreClosed(s.plain.Close()) })
	if s.config.TLSListen == "" {
		return nil
	}
	if s.tls, err = s.directory.listenTLS(s.config.TLSListen, s.root.signer.Load); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return ignoreClosed(s.tls.Close()) })
	return nil
}

func (s *Server) openStore(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.directory.join("mothership"), 0o700); err != nil {
		return directoryError(s.directory.path, err)
	}
	if s.store, err = sqlite.Open(ctx, s.directory.join("mothership")); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return s.store.Close() })
	return nil
}

func (s *Server) openSubstrate(context.Context) error {
	authority, err := s.openIntermediate(s.root.signer.Load())
	if err != nil {
		return err
	}
	audit, err := logfile.Open(s.directory.join("audit.log"), logfile.Default())
	if err != nil {
		return directoryError(s.directory.path, err)
	}
	s.onClose(func(context.Context) error { return audit.Close() })
	shared := sharedByGateways{login: s.config.Login, topics: &topicVersions{}, journal: gateway.NewJournal(), pages: &s.pages, audit: slog.New(slog.NewJSONHandler(audit, nil))}
	s.substrate, err = inproc.New(inproc.Config{
		Dir: s.directory.join("clusters"), PortsFrom: s.config.KafkaPortFirst, PortsTo: s.config.KafkaPortLast, Authority: authority,
		StartGateway: func(ctx context.Context, spec inproc.GatewaySpec) (inproc.Gateway, error) {
			return startGateway(ctx, spec, shared, s.registry, s.log)
		},
		Changed: func(string) { s.nudge(loopSatellite) },
		Now:     time.Now,
		Logger:  s.log,
	})
	if err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return s.substrate.Close() })
	return nil
}

// openLink opens both ends of the link over the topics of pkc-control.
func (s *Server) openLink(ctx context.Context) error {
	access, err := s.substrate.Access(ctx, controlCluster)
	if err != nil {
		return err
	}
	config := func(loop string) kafkalink.Config {
		return kafkalink.Config{Seeds: access.Seeds, Dial: access.Dial, Logger: s.log, Arrived: func() { s.nudge(loop) }}
	}
	if s.link, err = kafkalink.OpenMothership(ctx, config(mothership.LoopCollect), s.directory.choices.SatelliteID); err != nil {
		return fmt.Errorf("opening the mothership's end of the link: %w", err)
	}
	s.onClose(func(context.Context) error { s.link.Close(); return nil })
	below, err := kafkalink.OpenSatellite(ctx, config(loopSatellite), s.directory.choices.SatelliteID)
	if err != nil {
		return fmt.Errorf("opening the satellite's end of the link: %w", err)
	}
	s.onClose(func(context.Context) error { below.Close(); return nil })
	s.satellite.Connect(below, below)
	return nil
}

// nudge wakes a loop; one that does not run yet takes its nudge when it starts.
func (s *Server) nudge(name string) { s.nudges[name].give() }

// startLoops runs steps until Close. The loops of a group end before what was opened before them closes.
func (s *Server) startLoops(loops ...*loop) {
	ctx, cancel := context.WithCancel(s.ctx)
	var running sync.WaitGroup
	for _, l := range loops {
		running.Go(func() {
			if err := l.run(ctx, s.log); err != nil {
				s.fail(fmt.Errorf("the loop %s cannot go on: %w", l.name, err))
			}
		})
	}
	s.onClose(func(context.Context) error { cancel(); running.Wait(); return nil })
}

func (s *Server) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
