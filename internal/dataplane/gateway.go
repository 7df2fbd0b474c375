package dataplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/logfile"
	"github.com/orrery-kafka/orrery/internal/proxyprotocol"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

const (
	// headerTimeout bounds how long a balancer takes to say where its client is.
	headerTimeout = 10 * time.Second
	// listenRetry is how often an address that is taken is tried again.
	listenRetry = 500 * time.Millisecond
	// closePatience bounds the end of a gateway: its lease, what it counted, its connections.
	closePatience = 8 * time.Second
)

// gatewayRole is a gateway while it runs as a process of its own.
type gatewayRole struct {
	file     process.GatewayFile
	logger   *slog.Logger
	endpoint *Endpoint
	unready  atomic.Pointer[error] // why it takes no clients; nil: it does

	listeners []net.Listener
	deaf      chan error // why a listener does not accept any more: has room for all three
	serving   sync.WaitGroup
}

var (
	errReading  = errors.New("the gateway reads its state")
	errStopping = errors.New("the gateway stops")
)

// RunGateway runs the gateway that a file describes until ctx ends, and returns nil once its lease is given up and its
// connections are closed. An error says why it could not begin, or why it ended by itself. Relative names in the file
// are meant from the working directory.
func RunGateway(ctx context.Context, file process.GatewayFile) (err error) {
	log, logger, err := openLog(file.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	audit, closeAudit, err := openAudit(file.Audit)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAudit()) }()
	logger = logger.With("role", "gateway", "physical_cluster", file.PhysicalClusterID, "node", file.Node)
	registry, metrics := newRegistry(prometheus.Labels{"physical_cluster": file.PhysicalClusterID, "node": strconv.Itoa(int(file.Node))})
	seen, err := openPresented(file.Certificate, metrics, logger)
	if err != nil {
		return fmt.Errorf("the certificate for clients: %w", err)
	}
	ways, err := openPlatform(file.Platform, metrics, logger)
	if err != nil {
		return fmt.Errorf("the certificate for brokers: %w", err)
	}
	clients, err := openTenants(file.Node, file.Tenants)
	if err != nil {
		return err
	}
	listener, err := listenAdmin(file.Sockets.Admin)
	if err != nil {
		return err
	}
	g := &gatewayRole{file: file, logger: logger, deaf: make(chan error, 3)}
	g.unready.Store(&errReading)
	g.endpoint, err = Start(context.WithoutCancel(ctx), gateway.Config{
		PhysicalClusterID: file.PhysicalClusterID, Node: file.Node, TLS: seen.ServerConfig(), DialBroker: clients.login.DialBroker(clients.dial),
		Control: gateway.Control{Seeds: file.Platform.Seeds, Dial: ways.dial},
		Limits:  limitsOf(file.Login), ExemptAddresses: file.Login.ExemptNetworks, Now: time.Now, Logger: logger, Registerer: metrics,
		Audit: audit,
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	admin := serveAdmin(listener, registry, g.ready, logger, map[string]http.Handler{
		"GET " + AdminDiagnostics: http.HandlerFunc(g.endpoint.ServeDiagnostics),
	})
	following, stop := context.WithCancel(ctx)
	var followers sync.WaitGroup
	followers.Go(func() { seen.follow(following) })
	followers.Go(func() { ways.follow(following) })
	logger.Info("the gateway begins", "engine", file.Engine, "engine_version", file.Version, "address", file.Listen)
	err = errors.Join(g.run(ctx), g.close())
	stop()
	followers.Wait()
	return errors.Join(err, admin.close())
}

// limitsOf are the gateway's limits; a field that is missing has its default there.
func limitsOf(login process.LoginFile) gateway.Limits {
	return gateway.Limits{
		SessionLifetime: time.Duration(login.SessionLifetime), Unauthenticated: login.HalfOpen,
		AddressConnections: login.AddressHalfOpen, AddressAttempts: login.AddressAttempts, AddressFailures: login.AddressFailures,
	}
}

// ready says why the gateway takes no clients, or nil.
func (g *gatewayRole) ready() error {
	if why := g.unready.Load(); why != nil {
		return *why
	}
	return nil
}

// run serves once the gateway has read its state, until ctx ends or the gateway does by itself.
func (g *gatewayRole) run(ctx context.Context) error {
	select {
	case <-g.endpoint.Ready():
	case <-g.endpoint.Done():
		return g.ended()
	case <-ctx.Done():
		return nil
	}
	for err := g.listen(); err != nil; err = g.listen() {
		g.logger.Error("an address cannot be listened on; trying again", "error", err)
		g.unready.Store(&err)
		select {
		case <-time.After(listenRetry):
		case <-g.endpoint.Done():
			return g.ended()
		case <-ctx.Done():
			return nil
		}
	}
	g.unready.Store(nil)
	g.logger.Info("the gateway serves")
	select {
	case err := <-g.deaf:
		return err
	case <-g.endpoint.Done():
		return g.ended()
	case <-ctx.Done():
		return nil
	}
}

// ended is why the gateway ended although nobody asked it to; the reason itself is what close returns.
func (g *gatewayRole) ended() error { return errors.New("the gateway ended by itself") }

// listen opens all of the gateway's addresses, or none, and serves them.
func (g *gatewayRole) listen() error {
	public, err := net.Listen("tcp", g.file.Listen)
	if err != nil {
		return err
	}
	kafka, err := process.ListenSocket(g.file.Sockets.Kafka)
	if err != nil {
		return errors.Join(err, public.Close())
	}
	rest, err := process.ListenSocket(g.file.Sockets.REST)
	if err != nil {
		return errors.Join(err, public.Close(), kafka.Close())
	}
	g.listeners = []net.Listener{public, kafka, rest}
	g.serve("accepting clients", g.endpoint.Serve, public)
	g.serve("accepting the balancer's clients", g.endpoint.Serve, proxyprotocol.NewListener(kafka, headerTimeout))
	g.serve("accepting Kafka REST clients", g.endpoint.ServeREST, proxyprotocol.NewListener(rest, headerTimeout))
	return nil
}

func (g *gatewayRole) serve(what string, serve func(net.Listener) error, l net.Listener) {
	g.serving.Go(func() { g.deaf <- fmt.Errorf("%s: %w", what, serve(l)) })
}

// close closes the listeners first, so that clients go elsewhere, then the connections, and gives the lease up.
func (g *gatewayRole) close() error {
	g.unready.Store(&errStopping)
	for _, l := range g.listeners {
		l.Close() // which the gateway may have done already
	}
	closed := make(chan error, 1)
	go func() {
		err := g.endpoint.Close()
		g.serving.Wait()
		closed <- err
	}()
	select {
	case err := <-closed:
		g.logger.Info("the gateway has ended", "error", err)
		return err
	case <-time.After(closePatience):
		return fmt.Errorf("the gateway did not end within %v of being asked to", closePatience)
	}
}

// openAudit opens the audit log, where there is to be one.
func openAudit(file process.LogFile) (audit *slog.Logger, closeLog func() error, err error) {
	if file.File == "" {
		return nil, func() error { return nil }, nil
	}
	log, audit, err := openLog(file)
	if err != nil {
		return nil, nil, err
	}
	return audit, log.Close, nil
}

// openLog opens the log of a role.
func openLog(file process.LogFile) (*logfile.File, *slog.Logger, error) {
	log, err := logfile.Open(file.File, logfile.Limits{Bytes: file.MaxBytes, Files: file.Files})
	if err != nil {
		return nil, nil, fmt.Errorf("opening the log: %w", err)
	}
	return log, slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: file.Level})), nil
}
