package embedded

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orrery-kafka/orrery/internal/dataplane"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/substrate/inproc"
)

// gatewayInside is a gateway in this process, with its diagnostic page.
type gatewayInside struct {
	*dataplane.Endpoint
	hide func()
}

var _ inproc.Gateway = (*gatewayInside)(nil)

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

// startGateway is what the inproc substrate starts a gateway with.
func startGateway(ctx context.Context, spec inproc.GatewaySpec, shared sharedByGateways, metrics prometheus.Registerer, log *slog.Logger) (inproc.Gateway, error) {
	endpoint, err := dataplane.Start(ctx, gateway.Config{
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
		Logger:            log.With("cluster", spec.PhysicalClusterID, "node", spec.Node),
		Registerer: prometheus.WrapRegistererWith(prometheus.Labels{
			"physical_cluster": spec.PhysicalClusterID, "node": strconv.Itoa(int(spec.Node)),
		}, metrics),
	})
	if err != nil {
		return nil, err
	}
	return &gatewayInside{endpoint, shared.pages.show(spec.PhysicalClusterID, spec.Node, endpoint.Gateway)}, nil
}

// Close implements inproc.Gateway.
func (g *gatewayInside) Close() error {
	g.hide()
	return g.Endpoint.Close()
}
