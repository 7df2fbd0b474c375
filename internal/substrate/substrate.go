// Package substrate is the port to what runs brokers: inproc (the embedded engine in this process), process (Apache
// Kafka on this host), later kube. The operator observes, decides and calls one action at a time; a substrate obeys and holds no policy.
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
	// Do carries out one action. It is idempotent, and returns once the action has taken hold or failed; starting and
	// stopping a broker may go on after that, which Observe shows.
	Do(ctx context.Context, id string, action Action) error
	// Access says how the platform itself reaches the brokers.
	Access(ctx context.Context, id string) (Access, error)
}

// Observed is what exists of one physical cluster. Equal states give equal values.
type Observed struct {
	// Created is true where the cluster's storage and addresses exist.
	Created bool
	// Spec is what Create or Configure stored last. What each broker runs with is in Brokers.
	Spec    orrery.PSCSpec
	Brokers []Broker // by node; also those that are more than Spec has, until RemoveBroker
	// Controllers are the nodes that are a controller only, by node; empty where brokers are controllers too.
	Controllers []Broker
	Gateways    []Gateway
	Balancer    Balancer
	Endpoints   orrery.Endpoints
	// CertificateExpires is when the gateways' certificate runs out, and CertificateIssued when it was made.
	CertificateIssued, CertificateExpires time.Time
}

// Broker is one node of a physical cluster, a broker or a controller, as observed.
type Broker struct {
	Node int32
	// Running is true while it takes requests. Starting and Stopping are true while it is on its way there, or to its
	// end: nothing needs to be done but to wait. At most one of the three is true.
	Running, Starting, Stopping bool
	// Message says why it is not running.
	Message string
	// Version and Configuration are what it was last started with. Empty on an engine that has one version only, and
	// where it was never started.
	Version       string
	Configuration map[string]string
	// CertificateIssued and CertificateExpires are about the certificate of its own listeners, which is renewed in
	// place; ControllerCertificateExpires about that of the controllers' listener, which only a restart replaces
	// (KAFKA-20583). All are zero where it has no listener with TLS.
	CertificateIssued, CertificateExpires, ControllerCertificateExpires time.Time
	// Lost is true where it once had storage, and that is gone or empty now.
	Lost bool
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
	Create                 Verb = "create"                   // storage, addresses (chosen once and stored) and, without Gateways, nothing else
	StartBroker            Verb = "start-broker"             // Node, a controller too; with Spec's version and configuration
	StopBroker             Verb = "stop-broker"              // Node, a controller too; in an orderly way (controlled shutdown), by force where that takes too long
	StartGateway           Verb = "start-gateway"            // Node; after the state topics exist
	StopGateway            Verb = "stop-gateway"             // Node
	StartBalancer          Verb = "start-balancer"           //
	RenewCertificate       Verb = "renew-certificate"        // of the gateways; reloaded in place, no session drops
	RenewBrokerCertificate Verb = "renew-broker-certificate" // Node; of the broker's own listeners, in place
	Configure              Verb = "configure"                // stores Spec; where the engine needs no restart for it, it takes hold at once
	AddBroker              Verb = "add-broker"               // Node, the next one: storage and addresses; Spec
	RemoveBroker           Verb = "remove-broker"            // Node, the last one, which does not run: its storage and addresses; needs Proof
	ReplaceStorage         Verb = "replace-storage"          // Node, which does not run: its storage is made anew, empty, to join what the others have; needs Proof
	PrepareStateTopics     Verb = "prepare-state-topics"     // carried out by the operator through brokers, not by a substrate
	Delete                 Verb = "delete"                   // everything; needs Proof
)

// Action is one step, with why it is taken.
type Action struct {
	Verb   Verb
	Node   int32
	Spec   orrery.PSCSpec
	Reason string
	// Proof says why data that the action removes is not needed: that it is elsewhere, or that its removal was asked
	// for. A substrate refuses to remove anything without.
	Proof string
}

// Access is how the platform reaches the brokers of one physical cluster with its own rights: on inproc a
// connection inside the process, elsewhere the PLATFORM listener with mutual TLS.
type Access struct {
	Seeds []string
	Dial  func(ctx context.Context, network, address string) (net.Conn, error)
	// Tenants and Gateways are the principals, such as User:tenants, that the gateways have for tenants' traffic and
	// for their own; the brokers let them do what their ACLs say. Empty where the engine does not ask.
	Tenants, Gateways string
	// Controllers are the addresses (HOST:PORT) of the controllers' listeners, by node; empty where the engine has none.
	Controllers map[int32]string
}
