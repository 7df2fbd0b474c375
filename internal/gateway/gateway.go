// Package gateway is the tenants' Kafka endpoint, one beside each broker: TLS, SASL with API keys, and for each API
// key of the protocol the translation between a tenant's names and those of the physical cluster that it shares
// with others. What is not listed in api.go is not offered.
package gateway

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a gateway needs to know.
type Config struct {
	PhysicalClusterID string
	// Node is the broker beside which the gateway stands.
	Node int32
	// TLS is what clients see; GetCertificate in it allows a renewal in place.
	TLS *tls.Config
	// DialBroker is the tenants' path to a broker.
	DialBroker func(ctx context.Context, node int32) (net.Conn, error)
	// Control is the gateway's own path.
	Control Control
	// CheckProducerIDs is for an engine that does not bind producer ids to transactional ids.
	CheckProducerIDs bool
	Now              func() time.Time
	Logger           *slog.Logger
	Registerer       prometheus.Registerer // may be nil
}

// Gateway serves the tenants of one physical cluster at one broker.
type Gateway struct {
	config  Config
	state   atomic.Pointer[state]
	topics  *topicIndex
	control *control
}
