package embedded

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/internal/link"
	kafkalink "github.com/orrery-kafka/orrery/internal/link/kafka"
	"github.com/orrery-kafka/orrery/internal/pki"
)

// DefaultSatelliteListen is where a satellite answers health checks and metrics unless it is told otherwise.
const DefaultSatelliteListen = "127.0.0.1:0"

// SatelliteConfig is what a satellite as a process of its own is made of. Dir is required.
type SatelliteConfig struct {
	// Dir is the data directory; it is made where it does not exist, and locked.
	Dir string
	// API is the mothership's, with a key that may register satellites. It is needed at the first start, and where the
	// certificates have run out; nil then is an error.
	API *client.Client
	// Engine, EngineCache and Progress are as in Config. Brokers of Apache Kafka and what is before them are processes of
	// their own, which go on when the satellite ends.
	Engine, EngineCache string
	Progress            func(text string)
	// Listen is a loopback address for health checks and metrics; "" is DefaultSatelliteListen. Port 0 becomes a port that
	// is chosen once and stored.
	Listen string
	// Host is the address, or name, of this host that brokers and bootstrap addresses are reached at; "" is 127.0.0.1.
	Host string
	// KafkaPortFirst and KafkaPortLast are as in Config.
	KafkaPortFirst, KafkaPortLast int
	// Cloud and Region are what the satellite serves; "" is any. Labels say more of it.
	Cloud, Region string
	Labels        map[string]string
	// Capacity is what it can carry; a part that is 0 is as much as one process of the engine can.
	Capacity orrery.Capacity
	// Lease is how long the mothership counts on it without hearing of it; 0 is orrery.DefaultLease.
	Lease time.Duration
	// Paused has it look at its physical clusters and report, and do nothing to them.
	Paused bool
	// IdentityProviderNetworks, IdentityProviderCAs and Login are as in Config.
	IdentityProviderNetworks []netip.Prefix
	IdentityProviderCAs      *x509.CertPool
	Login                    Login
	// Version is the program's, for reports.
	Version string
	// Logger gets the log; nil drops it.
	Logger *slog.Logger
}

// Satellite runs physical clusters in a process of its own. OpenSatellite starts one.
type Satellite struct {
	*host
	*worker
	config     SatelliteConfig
	hosted     hosted
	enrolment  *enrolment
	identity   pki.Reloader
	monitoring net.Listener

	mu   sync.Mutex
	link *kafkalink.Link // nil until it was reached
}

// loopLink is the loop that reaches for the link.
const loopLink = "link"

// OpenSatellite starts a satellite and returns once it has its certificates and works on what is in its ledger. Whether
// the mothership can be reached does not matter, but for the registration at the first start.
func OpenSatellite(ctx context.Context, config SatelliteConfig) (*Satellite, error) {
	config.Listen, config.Host = cmp.Or(config.Listen, DefaultSatelliteListen), cmp.Or(config.Host, "127.0.0.1")
	config.Lease = cmp.Or(config.Lease, orrery.DefaultLease)
	hosted, err := hostedBy(config.Engine)
	if err != nil {
		return nil, err
	}
	s := &Satellite{host: newHost(ctx, config.Logger, loopSatellite, loopLink), config: config, hosted: hosted}
	if err := s.host.open(ctx, s.openDirectory, s.installEngine); err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, hosted.patience)
	defer stop()
	if err := s.host.open(ctx, s.enrol, s.openWorker, s.serveMonitoring, s.reachForLink); err != nil {
		return nil, err
	}
	return s, nil
}

// ID is the satellite's, sat-….
func (s *Satellite) ID() string { return s.enrolment.ID }

// URL is where health checks and metrics are answered.
func (s *Satellite) URL() string { return "http://" + s.monitoring.Addr().String() }

// Link is where the satellite reaches for the link.
func (s *Satellite) Link() []string { return s.enrolment.Link }

func (s *Satellite) openDirectory(context.Context) (err error) {
	if s.directory, err = openDirectory(s.config.Dir); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return s.directory.close() })
	if err := s.directory.claim("satellite"); err != nil {
		return err
	}
	if err := s.directory.chooseEngine(s.hosted); err != nil {
		return err
	}
	if s.monitoring, err = s.directory.listenAPI(s.config.Listen); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return ignoreClosed(s.monitoring.Close()) })
	return nil
}

func (s *Satellite) installEngine(ctx context.Context) error {
	return s.hosted.install(ctx, s.config.EngineCache, s.config.Progress)
}

// about is what the satellite says of itself.
func (s *Satellite) about() orrery.Satellite {
	c, most := s.config.Capacity, s.hosted.capacity
	return orrery.Satellite{
		Cloud: anyOf(s.config.Cloud), Region: anyOf(s.config.Region), Labels: s.config.Labels,
		Engine: s.hosted.engine, Substrate: s.hosted.substrate, Version: s.config.Version,
		Capacity: orrery.Capacity{
			LogicalClusters: cmp.Or(c.LogicalClusters, most.LogicalClusters), Partitions: cmp.Or(c.Partitions, most.Partitions),
			Connections: cmp.Or(c.Connections, most.Connections), Brokers: cmp.Or(c.Brokers, most.Brokers),
			IngressBytesPerSecond: cmp.Or(c.IngressBytesPerSecond, most.IngressBytesPerSecond),
			EgressBytesPerSecond:  cmp.Or(c.EgressBytesPerSecond, most.EgressBytesPerSecond), StorageBytes: cmp.Or(c.StorageBytes, most.StorageBytes),
		},
	}
}

func (s *Satellite) openWorker(context.Context) error {
	authority, err := s.enrolment.use(&s.identity)
	if err != nil {
		return err
	}
	about := s.about()
	about.ID = s.enrolment.ID
	s.worker = &worker{host: s.host, config: workerConfig{
		hosted: s.hosted, engineCache: s.config.EngineCache, progress: s.config.Progress,
		about: about, lease: s.config.Lease, paused: s.config.Paused, install: s.install, authority: authority, listen: s.config.Host, names: s.names(),
		portFirst: s.config.KafkaPortFirst, portLast: s.config.KafkaPortLast,
		identityProviderNetworks: s.config.IdentityProviderNetworks, identityProviderCAs: s.config.IdentityProviderCAs, login: s.config.Login,
	}}
	return s.worker.open()
}

// names is what the certificates of brokers are for.
func (s *Satellite) names() pki.Names {
	names := pki.Loopback()
	switch ip := net.ParseIP(s.config.Host); {
	case ip == nil:
		names.DNS = append(names.DNS, s.config.Host)
	case !ip.IsLoopback():
		names.IPs = append(names.IPs, ip)
	}
	return names
}

// install puts certificates into force that came over the link.
func (s *Satellite) install(c orrery.SatelliteCertificates) error {
	changed, err := s.enrolment.replace(c)
	if err != nil || !changed {
		return err
	}
	authority, err := s.enrolment.use(&s.identity)
	if err != nil {
		return err
	}
	s.log.Info("new certificates are in force", "identity_expires", c.IdentityExpires, "authority_expires", c.AuthorityExpires)
	return s.substrate.UseAuthority(authority)
}

// reachForLink has the link opened as soon as it can be, and the satellite connected.
func (s *Satellite) reachForLink(context.Context) error {
	s.onClose(func(context.Context) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.link != nil {
			s.link.Close()
		}
		return nil
	})
	s.startLoops(&loop{
		name: loopLink, woken: s.nudges[loopLink], step: s.openLink, final: func(err error) bool { return errors.Is(err, link.ErrFenced) },
	})
	return nil
}

// openLink is a step of reaching for the link; once it was reached, the link's client keeps to it by itself.
func (s *Satellite) openLink(ctx context.Context, _ time.Time) (time.Time, error) {
	s.mu.Lock()
	reached := s.link != nil
	s.mu.Unlock()
	if reached {
		return time.Time{}, nil
	}
	opened, err := kafkalink.OpenSatellite(ctx, kafkalink.Config{
		Seeds: s.enrolment.Link, Dial: linkTLS(&s.identity, s.enrolment.trusted), Logger: s.log, Arrived: func() { s.nudge(loopSatellite) },
	}, s.enrolment.ID)
	if err != nil {
		return time.Time{}, err
	}
	s.mu.Lock()
	s.link = opened
	s.mu.Unlock()
	s.satellite.Connect(opened, opened)
	s.log.Info("the link is there", "satellite", s.enrolment.ID, "link", s.enrolment.Link)
	return time.Time{}, nil
}

// serveMonitoring answers health checks and metrics.
func (s *Satellite) serveMonitoring(context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", ok)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := server.Serve(s.monitoring); !errors.Is(err, http.ErrServerClosed) {
			s.fail(err)
		}
	}()
	s.onClose(func(context.Context) error { return server.Close() })
	return nil
}

// ready answers whether the mothership is reached. The satellite does its work without, too.
func (s *Satellite) ready(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	reached := s.link != nil
	s.mu.Unlock()
	if !reached {
		http.Error(w, "the link has not been reached since the start", http.StatusServiceUnavailable)
		return
	}
	ok(w, r)
}

// trustedBy returns the TLS of a client that trusts the authorities of a CA file.
func trustedBy(caFile string) *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(caFile))
	return &tls.Config{RootCAs: roots}
}
