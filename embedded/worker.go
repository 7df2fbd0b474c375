package embedded

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers/kafka"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/health"
	"github.com/orrery-kafka/orrery/internal/jwks"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/logfile"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/satellite"
	"github.com/orrery-kafka/orrery/internal/substrate"
	"github.com/orrery-kafka/orrery/internal/substrate/inproc"
)

// meterPeriod is how often what tenants use is added up and reported.
const meterPeriod = 5 * time.Second

// loopSatellite is the satellite's only loop; the mothership's have names of its own.
const loopSatellite = "satellite"

// worker runs physical clusters: a substrate and the satellite above it, in the mothership's process or in its own.
type worker struct {
	*host
	config    workerConfig
	pages     pages
	substrate hosting
	inproc    *inproc.Substrate // nil on another substrate
	satellite *satellite.Satellite
	stepped   chan struct{} // one token: a step of the satellite has ended
}

// hosting is what every substrate is to a worker.
type hosting interface {
	substrate.Substrate
	// UseAuthority has another authority sign the certificates of gateways from now on, and those that there are anew.
	UseAuthority(*pki.Authority) error
}

// workerConfig is what a worker is made of.
type workerConfig struct {
	hosted    hosted
	about     orrery.Satellite
	lease     time.Duration
	paused    bool
	install   func(orrery.SatelliteCertificates) error // nil: the satellite has its own certificates
	authority *pki.Authority
	local     []satellite.Local
	// listen is the address of gateways and balancers, "" 127.0.0.1; names is what their certificates are for.
	listen                   string
	names                    pki.Names
	portFirst, portLast      int
	identityProviderNetworks []netip.Prefix
	identityProviderCAs      *x509.CertPool
	login                    Login
	// health are the rules by which brokers are judged, where they are processes, and watchPeriod is how often they are
	// looked at; the zero of each is the default.
	health      health.Rules
	watchPeriod time.Duration
	// engineCache and jvm are for Apache Kafka, as in Config. endProcesses says that the end of this process is that of
	// brokers, gateways and balancers, where they are processes of their own.
	engineCache  string
	jvm          engine.JVM
	endProcesses bool
	// progress gets what takes time.
	progress lines
}

// open starts the substrate and the satellite, which has no link yet.
func (w *worker) open() error {
	for _, d := range []string{"local", "ledger"} {
		if err := os.MkdirAll(w.directory.join("satellite", d), 0o700); err != nil {
			return directoryError(w.directory.path, err)
		}
	}
	if err := w.config.hosted.open(w); err != nil {
		return err
	}
	keys := jwks.New(jwks.Config{
		Networks: w.config.identityProviderNetworks, RootCAs: w.config.identityProviderCAs,
		Changed: func() { w.nudge(loopSatellite) },
	})
	w.onClose(func(context.Context) error { keys.Close(); return nil })
	looking, err := w.openWatch()
	if err != nil {
		return err
	}
	w.satellite, err = satellite.New(satellite.Config{
		Satellite: w.config.about,
		Ledger:    satellite.Directory(w.directory.join("satellite", "ledger")), Substrate: w.substrate, Open: kafka.Opener(w.log), Local: w.config.local,
		Lease: w.config.lease, Paused: w.config.paused, Install: w.config.install, MeterPeriod: meterPeriod, Keys: keys, Watch: looking, Health: w.config.health,
		Changed: func() { w.nudge(loopSatellite); w.announce() }, Logger: w.log,
	})
	if err != nil {
		return err
	}
	w.onClose(func(context.Context) error { w.satellite.Close(); return nil })
	w.stepped = make(chan struct{}, 1)
	loops := []*loop{{
		name: loopSatellite, woken: w.nudges[loopSatellite], final: func(err error) bool { return errors.Is(err, link.ErrFenced) },
		step: func(ctx context.Context, now time.Time) (time.Time, error) {
			next, err := w.satellite.Step(ctx, now)
			nudge(w.stepped).give()
			return next, err
		},
	}}
	if looking != nil {
		loops = append(loops, &loop{name: loopWatch, step: looking.Step})
	}
	w.startLoops(loops...)
	return nil
}

// openInproc opens the substrate on which everything is in this process.
func (w *worker) openInproc() error {
	audit, err := logfile.Open(w.directory.join("audit.log"), logfile.Default())
	if err != nil {
		return directoryError(w.directory.path, err)
	}
	w.onClose(func(context.Context) error { return audit.Close() })
	inside := &gatewayPages{}
	shared := sharedByGateways{
		login: w.config.login, topics: &topicVersions{}, journal: gateway.NewJournal(), pages: inside, audit: slog.New(slog.NewJSONHandler(audit, nil)),
	}
	w.inproc, err = inproc.New(inproc.Config{
		Dir: w.directory.join("clusters"), Host: w.config.listen, Names: w.config.names, PortsFrom: w.config.portFirst, PortsTo: w.config.portLast, Authority: w.config.authority,
		StartGateway: func(ctx context.Context, spec inproc.GatewaySpec) (inproc.Gateway, error) {
			return startGateway(ctx, spec, shared, w.registry, w.log)
		},
		Changed: func(string) { w.nudge(loopSatellite) },
		Now:     time.Now,
		Logger:  w.log,
	})
	if err != nil {
		return err
	}
	w.substrate, w.pages = w.inproc, inside
	w.onClose(func(context.Context) error { return w.inproc.Close() })
	return nil
}

// await waits until a physical cluster runs that the satellite has by itself.
func (w *worker) await(ctx context.Context, id string) error {
	told := ""
	for {
		select {
		case <-w.stepped:
		case <-ctx.Done():
			return w.explain(id)
		}
		status, ok := w.satellite.Status(id)
		if ok && status.Ready(status.ObservedGeneration) {
			return nil
		}
		if reason := readiness(status); reason != told {
			told = reason
			w.config.progress.tell(id + ": " + reason)
		}
	}
}

// explain says why a physical cluster does not run.
func (w *worker) explain(id string) error {
	status, _ := w.satellite.Status(id)
	return orrery.Errorf(orrery.Unavailable, "the control plane's own Kafka, %s, did not start within %s: %s", id, w.config.hosted.patience, readiness(status))
}

// readiness says in a line how far a physical cluster is.
func readiness(status orrery.PSCStatus) string {
	c, ok := orrery.FindCondition(status.Conditions, orrery.ConditionReady)
	if !ok {
		return "nothing is known about it"
	}
	return c.Reason + ": " + c.Message
}

func anyOf(name string) string {
	if name == "" {
		return "*"
	}
	return name
}
