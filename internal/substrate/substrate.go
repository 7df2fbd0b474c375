// Package substrate is the port to what runs brokers: inproc (the embedded engine in this process), later process
// and kube. The operator observes, decides and calls one action at a time; a substrate obeys and holds no policy.
// substratetest is the suite that every adapter must pass.
package substrate

import (
	"context"
	"net"
	"time"

	"github.com/orrery-kafka/orrery"
)

// Substrate runs physical clusters.
type Substrate interface {
	// List returns the ids of every physical cluster of which anything exists here, sorted.
	List(ctx context.Context) ([]string, error)
	// Observe says what exists of one physical cluster; of an unknown one, the zero Observed.
	Observe(ctx context.Context, id string) (Observed, error)
	// Do carries out one action. It is idempotent, and returns once the action has taken hold or failed.
	Do(ctx context.Context, id string, action Action) error
	// Access says how the platform itself reaches the brokers.
	Access(ctx context.Context, id string) (Access, error)
}

// Observed is what exists of one physical cluster. Equal states give equal values.
type Observed struct {
	// Created is true where the cluster's storage and addresses exist.
	Created bool
	// Spec is what the brokers were last started or configured with.
	Spec      orrery.PSCSpec
	Brokers   []Broker // by node
	Gateways  []Gateway
	Balancer  Balancer
	Endpoints orrery.Endpoints
	// CertificateExpires is when the gateways' certificate runs out, and CertificateIssued when it was made.
	CertificateIssued, CertificateExpires time.Time
}

// Broker is one broker as observed.
type Broker struct {
	Node    int32
	Running bool
	// Message says why it is not running.
	Message string
}

// Gateway is the gateway beside one broker as observed.
type Gateway struct {
	Node    int32
	Running bool
	// Serving is true once it has read its state and accepts clients.
	Serving bool
	Message string
}

// Balancer is the bootstrap balancer as observed.
type Balancer struct {
	Running bool
	Message string
}

// Verb names an action.
type Verb string

// The actions. Each takes hold of at most one broker.
const (
	Create             Verb = "create"               // storage, addresses (chosen once and stored) and, without Gateways, nothing else
	StartBroker        Verb = "start-broker"         // Node
	StopBroker         Verb = "stop-broker"          // Node
	StartGateway       Verb = "start-gateway"        // Node; after the state topics exist
	StopGateway        Verb = "stop-gateway"         // Node
	StartBalancer      Verb = "start-balancer"       //
	RenewCertificate   Verb = "renew-certificate"    // reloaded in place, no session drops
	Configure          Verb = "configure"            // broker configuration that needs no restart
	PrepareStateTopics Verb = "prepare-state-topics" // carried out by the operator through brokers, not by a substrate
	Delete             Verb = "delete"               // everything, after the operator's proof that it is meant
)

// Action is one step, with why it is taken.
type Action struct {
	Verb   Verb
	Node   int32
	Spec   orrery.PSCSpec
	Reason string
}

// Access is how the platform reaches the brokers of one physical cluster with its own rights: on inproc a
// connection inside the process, elsewhere the PLATFORM listener with mutual TLS.
type Access struct {
	Seeds []string
	Dial  func(ctx context.Context, network, address string) (net.Conn, error)
}
