package dataplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orrery-kafka/orrery/internal/balancer"
	"github.com/orrery-kafka/orrery/internal/proxyprotocol"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

// balancerRole is the pair of balancers before one physical cluster while it runs as a process of its own.
type balancerRole struct {
	file        process.BalancerFile // as it was at the beginning
	logger      *slog.Logger
	gateways    atomic.Pointer[[]*gatewayBackend]
	kafka, rest *balancer.Balancer
	unready     atomic.Pointer[error] // why it takes no clients; nil: it does
	serving     sync.WaitGroup
	deaf        chan error // why a listener does not accept any more: has room for both
}

// RunBalancer runs the balancers that a file describes until ctx ends, and returns nil once their connections are
// closed. The file is read again when it is replaced, for its backends. An error says why they could not begin, or why
// they ended by themselves. Relative names in the file are meant from the working directory.
func RunBalancer(ctx context.Context, path string) (err error) {
	file, err := process.ReadBalancerFile(path)
	if err != nil {
		return err
	}
	log, logger, err := openLog(file.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	logger = logger.With("role", "balancer", "physical_cluster", file.PhysicalClusterID)
	registry, metrics := newRegistry(prometheus.Labels{"physical_cluster": file.PhysicalClusterID})
	listener, err := listenAdmin(file.Admin)
	if err != nil {
		return err
	}
	b := newBalancerRole(file, metrics, logger)
	followed := replaced{what: "the backends", files: []string{path}, logger: logger, take: func([][]byte) error { return b.takeFile(path) }}
	followed.count(metrics, prometheus.CounterOpts{
		Name: "orrery_balancer_configuration_reloads_total", Help: "Replaced configuration files whose backends were taken up, or could not be used.",
	}, nil)
	if err := followed.begin(); err != nil {
		return errors.Join(err, listener.Close())
	}
	admin := serveAdmin(listener, registry, b.ready, logger, nil)
	following, stop := context.WithCancel(ctx)
	var followers sync.WaitGroup
	followers.Go(func() { followed.follow(following) })
	followers.Go(func() { b.check(following) })
	logger.Info("the balancer begins", "kafka", file.Kafka, "rest", file.REST)
	err = errors.Join(b.run(ctx), b.close())
	stop()
	followers.Wait()
	return errors.Join(err, admin.close())
}

func newBalancerRole(file process.BalancerFile, metrics prometheus.Registerer, logger *slog.Logger) *balancerRole {
	b := &balancerRole{file: file, logger: logger, deaf: make(chan error, 2)}
	why := errors.New("the balancer begins")
	b.unready.Store(&why)
	over := func(face string, socket func(process.BalancerBackend) string) *balancer.Balancer {
		made := balancer.New(balancer.Config{
			Backends: func() []balancer.Backend { return b.backends(socket) },
			Preamble: func(client net.Conn) []byte { return proxyprotocol.Between(client).Append(nil) },
			Logger:   logger.With("face", face),
			Limits: balancer.Limits{
				Connections: file.Limits.Connections, DialTimeout: time.Duration(file.Limits.DialTimeout), DrainTimeout: time.Duration(file.Limits.DrainTimeout),
			},
		})
		metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "orrery_balancer_connections", Help: "Open connections of clients, by what they speak.", ConstLabels: prometheus.Labels{"face": face},
		}, func() float64 { return float64(made.Connections()) }))
		return made
	}
	b.kafka = over("kafka", func(g process.BalancerBackend) string { return g.Kafka })
	b.rest = over("rest", func(g process.BalancerBackend) string { return g.REST })
	return b
}

// run listens until ctx ends or a listener fails.
func (b *balancerRole) run(ctx context.Context) error {
	for err := b.listen(); err != nil; err = b.listen() {
		b.logger.Error("an address cannot be listened on; trying again", "error", err)
		b.unready.Store(&err)
		select {
		case <-time.After(listenRetry):
		case <-ctx.Done():
			return nil
		}
	}
	b.unready.Store(nil)
	b.logger.Info("the balancer serves")
	select {
	case err := <-b.deaf:
		return err
	case <-ctx.Done():
		return nil
	}
}

func (b *balancerRole) listen() error {
	kafka, err := net.Listen("tcp", b.file.Kafka)
	if err != nil {
		return err
	}
	rest, err := net.Listen("tcp", b.file.REST)
	if err != nil {
		return errors.Join(err, kafka.Close())
	}
	b.serving.Go(func() { b.deaf <- fmt.Errorf("accepting Kafka clients: %w", b.kafka.Serve(kafka)) })
	b.serving.Go(func() { b.deaf <- fmt.Errorf("accepting Kafka REST clients: %w", b.rest.Serve(rest)) })
	return nil
}

func (b *balancerRole) ready() error {
	if why := b.unready.Load(); why != nil {
		return *why
	}
	return nil
}

func (b *balancerRole) close() error {
	b.unready.Store(&errStopping)
	err := errors.Join(b.kafka.Close(), b.rest.Close())
	b.serving.Wait()
	b.logger.Info("the balancer has ended")
	return err
}
