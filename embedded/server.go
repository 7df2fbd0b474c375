package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/engine"
	kafkalink "github.com/orrery-kafka/orrery/internal/link/kafka"
	"github.com/orrery-kafka/orrery/internal/mothership"
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

// Config is what a server is made of. Dir is required.
type Config struct {
	// Dir is the data directory; it is made where it does not exist, and locked.
	Dir string
	// Listen is the address of the API in clear, loopback only; "" is DefaultListen. Port 0 becomes a port that
	// is chosen once and stored.
	Listen string
	// TLSListen is an address of the API with TLS, for other hosts too; "" is none.
	TLSListen string
	// LinkListen is an address of the link with TLS and client certificates, for satellites that are processes of their
	// own; "" takes none. LinkHost is the host at which they reach it, where that is not the one of LinkListen.
	LinkListen, LinkHost string
	// ControlOnly runs nothing for tenants here: their clusters are on other satellites.
	ControlOnly bool
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
	// Engine is what brokers are: orrery.EngineEmbedded, inside this process, which is the default, or
	// orrery.EngineApache, processes of Apache Kafka. A directory stays with the one that it was made with.
	Engine string
	// EngineCache holds Apache Kafka, as in engine.Config; JVM says how it runs, where not as is right for the machine.
	EngineCache string
	JVM         engine.JVM
	// KafkaVersion is the release of Apache Kafka of new clusters; "" is the newest that the program knows.
	KafkaVersion string
	// Progress is told in lines what takes time; nil drops them.
	Progress func(text string)
	// Version is the program's, for reports.
	Version string
	// Logger gets the log; nil drops it.
	Logger *slog.Logger
}

// Server is every role in one process. Open starts one.
type Server struct {
	*host
	*worker
	config  Config
	hosted  hosted
	root    *rootAuthority
	changed *broadcast

	store      store.Store
	link       *kafkalink.Link // the mothership's end
	admission  *admission      // nil: no other satellites
	mothership *mothership.Mothership
	admin      admin
	plain      net.Listener
	tls        net.Listener
	api        *http.Server
}

// Open starts a server and returns once its API answers. An error says what to do about it; nothing stays open
// then. The server runs until Close.
func Open(ctx context.Context, config Config) (*Server, error) {
	config.Listen = cmp.Or(config.Listen, DefaultListen)
	hosted, err := hostedBy(config.Engine)
	if err != nil {
		return nil, err
	}
	h := newHost(ctx, config.Logger, loopSatellite, mothership.LoopPlace, mothership.LoopCompose, mothership.LoopPublish, mothership.LoopCollect, mothership.LoopSettle, mothership.LoopMonitor)
	s := &Server{host: h, config: config, hosted: hosted, changed: newBroadcast()}
	h.announce = s.changed.announce
	if err := h.open(ctx, s.openDirectory, s.openListeners, s.installEngine); err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, hosted.patience)
	defer stop()
	if err := h.open(ctx, s.openAdmission, s.openStore, s.openWorker, s.openLink, s.openMothership, s.openDoor, s.serve); err != nil {
		return nil, err
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

// LinkAddress is where satellites reach the link, "" where none are taken.
func (s *Server) LinkAddress() string {
	if s.admission == nil {
		return ""
	}
	return s.admission.address
}

// AdminKeyID is the id of the first administrator's Cloud API key.
func (s *Server) AdminKeyID() string { return s.admin.keyID }

// AdminEnvFile is the file with the administrator's key and secret, mode 0600.
func (s *Server) AdminEnvFile() string { return s.directory.join("admin.env") }

// Substrate is the embedded engine's substrate, with its fault switch; nil with another engine.
func (s *Server) Substrate() *inproc.Substrate { return s.inproc }

func (s *Server) openDirectory(context.Context) (err error) {
	if s.directory, err = openDirectory(s.config.Dir); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return s.directory.close() })
	if err := s.directory.claim(""); err != nil {
		return err
	}
	if err := s.directory.chooseEngine(s.hosted); err != nil {
		return err
	}
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

func (s *Server) installEngine(ctx context.Context) error {
	return s.hosted.install(ctx, s.config.EngineCache, s.config.Progress)
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

// openWorker starts the satellite beside the mothership, and waits until pkc-control runs.
func (s *Server) openWorker(ctx context.Context) error {
	authority, err := s.openIntermediate(s.root.signer.Load())
	if err != nil {
		return err
	}
	local, err := s.localPSCs()
	if err != nil {
		return err
	}
	about := orrery.Satellite{
		ID: s.directory.choices.SatelliteID, Cloud: anyOf(s.config.Cloud), Region: anyOf(s.config.Region),
		Engine: s.hosted.engine, Substrate: s.hosted.substrate, Version: s.config.Version, Capacity: s.hosted.capacity,
	}
	if s.config.ControlOnly {
		about.Cloud, about.Region, about.Capacity = orrery.ControlOnly, orrery.ControlOnly, orrery.Capacity{}
	}
	s.worker = &worker{host: s.host, config: workerConfig{
		about: about, lease: orrery.DefaultLease,
		hosted: s.hosted, engineCache: s.config.EngineCache, jvm: s.config.JVM, endProcesses: true, progress: s.config.Progress,
		authority: authority, local: local, portFirst: s.config.KafkaPortFirst, portLast: s.config.KafkaPortLast,
		identityProviderNetworks: s.config.IdentityProviderNetworks, identityProviderCAs: s.config.IdentityProviderCAs, login: s.config.Login,
	}}
	if err := s.worker.open(); err != nil {
		return err
	}
	return s.worker.await(ctx, controlCluster)
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
	ids, err := s.linked(ctx)
	if err != nil {
		return err
	}
	if s.link, err = kafkalink.OpenMothership(ctx, config(mothership.LoopCollect), ids...); err != nil {
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
