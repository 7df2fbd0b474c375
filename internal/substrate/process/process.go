// Package process is the substrate that runs physical clusters as processes of this host: one JVM of Apache Kafka for
// each broker and controller, a gateway beside each broker (`orrery gateway`), and one balancer for each cluster
// (`orrery balancer`). It needs Linux.
//
// The processes are detached: they outlive this one, and the next one adopts them by what is written down of them.
// Starting and stopping takes hold at once and goes on by itself; Observe says how far it is.
//
//	DIR/<id>/cluster.json    spec, addresses, ids and ports of the nodes, the password of the tenants' login
//	DIR/<id>/ca/             the cluster's own authority, for what is among brokers
//	DIR/<id>/public.pem …    what clients see, of all gateways
//	DIR/<id>/node-N/         server.properties, data/, log/, key stores, process.json
//	DIR/<id>/gateway-N/      gateway.json, its sockets and log, process.json
//	DIR/<id>/balancer/       balancer.json, its socket and log, process.json
//
// docs/decisions/0014-process-substrate.md says why it is like that.
package process

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/detached"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/substrate"
	"github.com/orrery-kafka/orrery/internal/substrate/book"
)

// Config is what the substrate needs.
type Config struct {
	// Dir holds one directory for each physical cluster. It is locked while the substrate is open.
	Dir string
	// Host is the address that gateways and balancers listen on; default 127.0.0.1. Brokers always listen on that.
	Host string
	// PortsFrom and PortsTo are the range, both ends included, that addresses are chosen from; both 0: by the system. A
	// broker needs four ports at most, a cluster two more.
	PortsFrom, PortsTo int
	// Authority signs the gateways' public certificates, for Names.
	Authority *pki.Authority
	// Names is what those certificates are for; default pki.Loopback.
	Names pki.Names
	// Install makes a version of Apache Kafka ready to run, as engine.Install does. It may take minutes, and is called
	// once for each version. It tells progress in lines.
	Install func(ctx context.Context, version string, progress io.Writer) (engine.Installation, error)
	// JVM says how brokers run. Without HeapMiB their heap is sized for the machine. Its options come after ours.
	JVM engine.JVM
	// Executable is the program that is started as `gateway --config FILE` and `balancer --config FILE`; default this one.
	Executable string
	// Login and BalancerLimits are what gateways and balancers are told.
	Login          LoginFile
	BalancerLimits BalancerLimits
	// StopGrace is how long a broker may take to end before it is ended by force; default a minute.
	StopGrace time.Duration
	// Changed, which may be nil, is called from any goroutine when what Observe says about a cluster has changed by itself.
	// It must not block, nor call the substrate.
	Changed func(id string)
	Now     func() time.Time
	Logger  *slog.Logger
}

// Substrate runs physical clusters as processes of this host.
type Substrate struct {
	config Config
	book   *book.Book
	ports  book.Ports
	// private is where the brokers' own listeners are: only this host's processes connect to them.
	private       book.Ports
	authority     atomic.Pointer[pki.Authority]
	installations installations
	ctx           context.Context
	cancel        context.CancelFunc
	watching      sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	clusters map[string]*cluster
}

var _ substrate.Substrate = (*Substrate)(nil)

const loopback = "127.0.0.1"

var errClosed = errors.New("the substrate is closed")

// New opens the directory, reads what is there and adopts the processes that run; it starts nothing. A cluster whose
// record is damaged is there with an error; the others go on. It fails where another process has the directory open.
func New(config Config) (*Substrate, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	ports := book.Ports{Host: config.Host, From: config.PortsFrom, To: config.PortsTo}
	if err := ports.Check(); err != nil {
		return nil, err
	}
	opened, err := book.Open(config.Dir)
	if err != nil {
		return nil, err
	}
	private := ports
	private.Host = loopback
	s := &Substrate{config: config, book: opened, ports: ports, private: private, clusters: map[string]*cluster{}}
	s.installations = installations{install: config.Install, byVersion: map[string]*installation{}, changed: s.changedAll}
	s.authority.Store(config.Authority)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// complete fills in what is not said.
func (c *Config) complete() error {
	if c.Host == "" {
		c.Host = loopback
	}
	if len(c.Names.DNS)+len(c.Names.IPs) == 0 {
		c.Names = pki.Loopback()
	}
	if c.StopGrace == 0 {
		c.StopGrace = time.Minute
	}
	if c.Changed == nil {
		c.Changed = func(string) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Install == nil {
		return errors.New("a substrate of processes needs a way to install Apache Kafka")
	}
	var err error
	if c.Executable == "" {
		if c.Executable, err = os.Executable(); err != nil {
			return err
		}
	}
	c.Dir, err = filepath.Abs(c.Dir) // processes run elsewhere, and are found by it
	return err
}

func (s *Substrate) load() error {
	ids, err := s.book.IDs(nodeDir(0))
	if err != nil {
		return err
	}
	found, err := detached.Find(s.config.Dir + string(filepath.Separator))
	if err != nil {
		return err
	}
	owners := book.Owners{}
	for _, id := range ids {
		c := s.newCluster(id)
		if c.broken = c.load(); c.broken == nil {
			c.broken = owners.Add(id, c.record.ports())
		}
		if c.broken == nil {
			c.broken = c.adopt(found)
		}
		s.clusters[id] = c
	}
	return nil
}

// List returns the ids of all clusters, sorted.
func (s *Substrate) List(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.clusters)), nil
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

// UseAuthority has another authority sign the gateways' public certificates from now on, and those that there are anew,
// in place: no connection ends. After an error some of them are still signed by the one before; call it again.
func (s *Substrate) UseAuthority(authority *pki.Authority) error {
	s.authority.Store(authority)
	var errs []error
	for _, c := range s.all() {
		errs = append(errs, c.reissue())
	}
	return errors.Join(errs...)
}

func (s *Substrate) all() []*cluster {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.clusters))
}

func (s *Substrate) changedAll() {
	for _, c := range s.all() {
		s.config.Changed(c.id)
	}
}

// Close ends the looking after the clusters, and leaves them running: the next substrate on the directory adopts them.
func (s *Substrate) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.watching.Wait()
	return s.book.Close()
}

// Stop ends every process of every cluster and then closes the substrate: balancers first, then gateways, which give
// their leases up while the brokers still run, then brokers, then controllers. What has not ended in its time, or when
// ctx ends, is ended by force.
func (s *Substrate) Stop(ctx context.Context) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return nil // what runs is another one's
	}
	clusters := s.all()
	errs := make([]error, len(clusters))
	var stopping sync.WaitGroup
	for i, c := range clusters {
		stopping.Go(func() { errs[i] = c.stopAll(ctx) })
	}
	stopping.Wait()
	return errors.Join(append(errs, s.Close())...)
}
