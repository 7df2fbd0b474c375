package embedded

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/kafkarest"
	"github.com/orrery-kafka/orrery/internal/substrate/inproc"
)

// gatewayProcess is a gateway with both of its faces: the Kafka protocol and Kafka REST.
type gatewayProcess struct {
	*gateway.Gateway
	tls     *tls.Config
	handler *kafkarest.Handler
	rest    *http.Server
	hide    func() // its diagnostic page
	done    chan struct{}
	err     error // of Run; valid once done is closed
	closing sync.Once
}

var _ inproc.Gateway = (*gatewayProcess)(nil)

// topicVersions has what the gateways of each physical cluster share, for as long as the process lives. The zero value
// is ready.
type topicVersions struct {
	mu        sync.Mutex
	byCluster map[string]*gateway.TopicVersions
}

func (t *topicVersions) of(physicalClusterID string) *gateway.TopicVersions {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byCluster == nil {
		t.byCluster = map[string]*gateway.TopicVersions{}
	}
	if t.byCluster[physicalClusterID] == nil {
		t.byCluster[physicalClusterID] = gateway.NewTopicVersions()
	}
	return t.byCluster[physicalClusterID]
}

// sharedByGateways is what all gateways of the process share.
type sharedByGateways struct {
	login   Login
	topics  *topicVersions
	journal *gateway.Journal
	audit   *slog.Logger
	pages   *gatewayPages
}

// startGateway is what the substrate starts a gateway with.
func startGateway(ctx context.Context, spec inproc.GatewaySpec, shared sharedByGateways, metrics prometheus.Registerer, log *slog.Logger) (inproc.Gateway, error) {
	log = log.With("cluster", spec.PhysicalClusterID, "node", spec.Node)
	g, err := gateway.New(gateway.Config{
		PhysicalClusterID: spec.PhysicalClusterID,
		Node:              spec.Node,
		TLS:               spec.TLS,
		DialBroker:        spec.DialBroker,
		Control:           gateway.Control{Seeds: spec.Access.Seeds, Dial: spec.Access.Dial},
		EmbeddedEngine:    true,
		Topics:            shared.topics.of(spec.PhysicalClusterID),
		Journal:           shared.journal,
		Audit:             shared.audit,
		Limits:            shared.login.limits(),
		ExemptAddresses:   shared.login.ExemptNetworks,
		Now:               time.Now,
		Logger:            log,
		Registerer: prometheus.WrapRegistererWith(prometheus.Labels{
			"physical_cluster": spec.PhysicalClusterID, "node": strconv.Itoa(int(spec.Node)),
		}, metrics),
	})
	if err != nil {
		return nil, err
	}
	handler := kafkarest.New(kafkarest.Config{Gateway: g, Logger: log})
	p := &gatewayProcess{
		Gateway: g,
		tls:     spec.TLS.Clone(),
		handler: handler,
		rest: &http.Server{
			Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
		hide: shared.pages.show(spec.PhysicalClusterID, spec.Node, g),
		done: make(chan struct{}),
	}
	p.tls.NextProtos = []string{"h2", "http/1.1"}
	go func() {
		defer close(p.done)
		p.err = g.Run(ctx)
	}()
	return p, nil
}

// Done is closed when the gateway has ended.
func (p *gatewayProcess) Done() <-chan struct{} { return p.done }

// ServeREST serves Kafka REST with TLS until the listener or the gateway closes.
func (p *gatewayProcess) ServeREST(l net.Listener) error {
	return p.rest.Serve(tls.NewListener(l, p.tls))
}

// Close ends every connection, gives the lease up and returns why the gateway ended, if it did so by itself.
func (p *gatewayProcess) Close() error {
	var err error
	p.hide()
	p.closing.Do(func() { err = errors.Join(p.rest.Close(), p.handler.Close(), p.Gateway.Close()) })
	<-p.done
	return errors.Join(err, p.err)
}
