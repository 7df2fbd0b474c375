// Package inproc is the substrate that runs physical clusters inside this process: brokers are nodes of franz-go's
// kfake, opened on a data directory with a sync after each write; gateways come from a function of the wiring; two
// layer 4 balancers give each cluster a bootstrap and a Kafka REST address on loopback.
//
// A broker never has a port. Platform and gateways reach it through in-memory connections, so nothing but this
// program's own well-formed requests gets to the engine. Addresses are chosen once and stored with the cluster:
//
//	DIR/<id>/cluster.json   spec and addresses
//	DIR/<id>/data/          the engine's
package inproc

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/substrate"
	"github.com/orrery-kafka/orrery/internal/substrate/book"
)

// Config is what the substrate needs.
type Config struct {
	// Dir holds one directory for each physical cluster. It is locked while the substrate is open.
	Dir string
	// Host is the address that gateways and balancers listen on; default 127.0.0.1.
	Host string
	// PortsFrom and PortsTo are the range, both ends included, that addresses are chosen from; both 0: by the system.
	PortsFrom, PortsTo int
	// Authority signs the gateways' certificates, for Names.
	Authority *pki.Authority
	// Names is what the gateways' certificates are for; default pki.Loopback.
	Names pki.Names
	// StartGateway starts the gateway of one broker. It must not block; ctx ends with the gateway.
	StartGateway func(ctx context.Context, spec GatewaySpec) (Gateway, error)
	// Changed, which may be nil, is called from any goroutine when what Observe says about a cluster has changed
	// by itself or through Fault. It must not block, nor call the substrate.
	Changed func(id string)
	// MaintenancePeriod is how often retention and compaction are looked after; default 5 min, as in Apache Kafka.
	MaintenancePeriod time.Duration
	Now               func() time.Time
	Logger            *slog.Logger
}

// GatewaySpec is what a gateway is started with.
type GatewaySpec struct {
	PhysicalClusterID string
	Node              int32
	// TLS serves the cluster's certificate, which is swapped in place on renewal.
	TLS *tls.Config
	// DialBroker opens a connection for a tenant's traffic to the broker of a node.
	DialBroker func(ctx context.Context, node int32) (net.Conn, error)
	// Access is the platform's own way, for the gateway's state.
	Access substrate.Access
	// Endpoints are the addresses of the cluster.
	Endpoints orrery.Endpoints
}

// Gateway is the tenants' endpoint beside one broker.
type Gateway interface {
	// Ready is closed once the gateway has read its state and may accept clients.
	Ready() <-chan struct{}
	// Done is closed when the gateway has ended, by Close or by itself; Close then says why.
	Done() <-chan struct{}
	// Serve accepts Kafka clients, with TLS inside, until the listener or the gateway closes. It always returns an
	// error. Connections of one of the listeners come from a balancer, and say the address of its client as theirs.
	Serve(net.Listener) error
	// ServeREST accepts Kafka REST clients, with TLS inside, until the listener or the gateway closes. It always
	// returns an error. All of them come from a balancer.
	ServeREST(net.Listener) error
	// Close releases the lease and ends every connection. It returns the error that ended the gateway by itself,
	// if one did, and may be called again.
	Close() error
}

// Substrate runs physical clusters in this process.
type Substrate struct {
	config Config
	book   *book.Book
	ports  book.Ports
	// authority signs the gateways' certificates; nil: there is none.
	authority atomic.Pointer[pki.Authority]
	ctx       context.Context
	cancel    context.CancelFunc

	mu       sync.Mutex
	closed   bool
	clusters map[string]*cluster
}

var _ substrate.Substrate = (*Substrate)(nil)

// New opens the directory and reads what is there, without starting anything. A cluster whose record is damaged
// is there with an error; the others go on. It fails where another process has the directory open.
func New(config Config) (*Substrate, error) {
	if config.Host == "" {
		config.Host = "127.0.0.1"
	}
	if config.MaintenancePeriod == 0 {
		config.MaintenancePeriod = 5 * time.Minute
	}
	if len(config.Names.DNS)+len(config.Names.IPs) == 0 {
		config.Names = pki.Loopback()
	}
	if config.Changed == nil {
		config.Changed = func(string) {}
	}
	ports := book.Ports{Host: config.Host, From: config.PortsFrom, To: config.PortsTo}
	if err := ports.Check(); err != nil {
		return nil, err
	}
	opened, err := book.Open(config.Dir)
	if err != nil {
		return nil, err
	}
	s := &Substrate{config: config, book: opened, ports: ports, clusters: map[string]*cluster{}}
	s.authority.Store(config.Authority)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.load(); err != nil {
		s.cancel()
		s.book.Close()
		return nil, err
	}
	return s, nil
}

func (s *Substrate) load() error {
	ids, err := s.book.IDs(dataDir)
	if err != nil {
		return err
	}
	owners := book.Owners{}
	for _, id := range ids {
		c := s.newCluster(id)
		c.record, c.broken = readRecord(s.book, id)
		if err := owners.Add(id, book.PortsOf(c.record.Endpoints)); c.broken == nil {
			c.broken = err
		}
		s.clusters[id] = c
	}
	return nil
}

// List returns the ids of all clusters, sorted.
func (s *Substrate) List(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, len(s.clusters))
	for id := range s.clusters {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

func (s *Substrate) find(id string) (*cluster, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	return s.clusters[id], nil
}

// Observe says what exists of a cluster. It fails for one whose record is damaged.
func (s *Substrate) Observe(_ context.Context, id string) (substrate.Observed, error) {
	c, err := s.find(id)
	if err != nil || c == nil {
		return substrate.Observed{}, err
	}
	return c.observe()
}

// Access says how the platform reaches the brokers of a cluster.
func (s *Substrate) Access(_ context.Context, id string) (substrate.Access, error) {
	c, err := s.find(id)
	if err != nil {
		return substrate.Access{}, err
	}
	if c == nil {
		return substrate.Access{}, unknown(id)
	}
	return c.access()
}

func unknown(id string) error {
	return orrery.Errorf(orrery.NotFound, "there is no physical cluster %s on this substrate", id)
}

// Do carries out an action. Create of a cluster that exists and Delete of one that does not do nothing.
func (s *Substrate) Do(ctx context.Context, id string, action substrate.Action) error {
	if action.Verb == substrate.Create {
		return s.create(id, action.Spec)
	}
	c, err := s.find(id)
	switch {
	case err != nil:
		return err
	case c == nil && action.Verb == substrate.Delete:
		return nil
	case c == nil:
		return unknown(id)
	case action.Verb == substrate.Delete && action.Proof == "":
		return orrery.Errorf(orrery.Invalid, "%s and everything in it is not deleted without a proof that this is meant", id)
	case action.Verb == substrate.Delete:
		return s.delete(c)
	}
	return c.do(ctx, action)
}

// Close stops every cluster: balancers first, then gateways, which release their leases while the brokers still
// run, then brokers, after everything is on disk.
func (s *Substrate) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	clusters := make([]*cluster, 0, len(s.clusters))
	for _, c := range s.clusters {
		clusters = append(clusters, c)
	}
	s.mu.Unlock()
	errs := make([]error, len(clusters))
	var all sync.WaitGroup
	for i, c := range clusters {
		all.Go(func() { errs[i] = c.shut() })
	}
	all.Wait()
	s.cancel()
	return errors.Join(append(errs, s.book.Close())...)
}
