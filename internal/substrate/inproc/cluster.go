package inproc

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/substrate"
	"github.com/orrery-kafka/orrery/internal/substrate/book"
)

// dataDir is where the engine keeps its files, below the cluster's directory.
const dataDir = "data"

// cluster is one physical cluster. Actions on it come one at a time.
type cluster struct {
	substrate *Substrate
	id        string
	engine    *engine
	reloader  pki.Reloader

	mu     sync.Mutex
	record book.Record
	// broken says why the record cannot be used; nothing is done to such a cluster.
	broken   error
	shutDown bool
	deleted  bool             // its files are being removed
	failures map[int32]string // why a broker is not running
	balancer *bootstrap
	// balancerFailure says why there is no balancer.
	balancerFailure string
	maintenance     *maintenance

	gatewaysMu sync.Mutex // for writing gateways; reading takes it or mu
	gateways   map[int32]*gatewayRun

	faultsMu sync.Mutex
	faults   map[int32]Fault
}

func (s *Substrate) newCluster(id string) *cluster {
	dir := s.book.Dir(id)
	return &cluster{
		substrate: s, id: id,
		engine:   newEngine(id, filepath.Join(dir, dataDir), s.config.Logger.With("physical_cluster", id)),
		failures: map[int32]string{}, gateways: map[int32]*gatewayRun{}, faults: map[int32]Fault{},
	}
}

// damage returns why the cluster cannot be used, if so.
func (c *cluster) damage() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unusable()
}

func (c *cluster) unusable() error {
	if c.shutDown {
		return errClosed
	}
	return c.broken
}

func (c *cluster) access() (substrate.Access, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.unusable(); err != nil {
		return substrate.Access{}, err
	}
	access := substrate.Access{Dial: c.engine.doors.dialAddress}
	for node := range int32(c.record.Spec.Brokers) {
		access.Seeds = append(access.Seeds, brokerAddress(node))
	}
	return access, nil
}

func (c *cluster) observe() (substrate.Observed, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deleted {
		return substrate.Observed{Created: true, Spec: c.record.Spec}, nil
	}
	if err := c.unusable(); err != nil {
		return substrate.Observed{}, err
	}
	observed := substrate.Observed{Created: true, Spec: c.record.Spec, Endpoints: c.record.Endpoints}
	for node := range int32(c.record.Spec.Brokers) {
		b := substrate.Broker{Node: node, Running: c.engine.isRunning(node)}
		if !b.Running {
			b.Message = c.whyStopped(node)
		}
		observed.Brokers = append(observed.Brokers, b)
	}
	if !c.record.Spec.Gateways {
		return observed, nil
	}
	for node := range int32(c.record.Spec.Brokers) {
		observed.Gateways = append(observed.Gateways, c.gateways[node].observe(node))
	}
	observed.Balancer = substrate.Balancer{Running: c.balancer != nil, Message: c.balancerFailure}
	if certificate, ok := c.reloader.Current(); ok {
		observed.CertificateIssued, observed.CertificateExpires = certificate.Issued, certificate.Expires
	}
	return observed, nil
}

func (c *cluster) whyStopped(node int32) string {
	if fault, ok := c.fault(node); ok {
		return fault.Message
	}
	if why := c.failures[node]; why != "" {
		return why
	}
	return "it has not been started"
}

func (c *cluster) do(ctx context.Context, action substrate.Action) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.unusable(); err != nil {
		return err
	}
	switch action.Verb {
	case substrate.StartBroker, substrate.StopBroker, substrate.StartGateway, substrate.StopGateway:
		if action.Node < 0 || int(action.Node) >= c.record.Spec.Brokers {
			return orrery.Errorf(orrery.Invalid, "%s has brokers 0 to %d, not %d", c.id, c.record.Spec.Brokers-1, action.Node)
		}
	}
	switch action.Verb {
	case substrate.StartBroker:
		return c.startBroker(ctx, action.Node)
	case substrate.StopBroker:
		return c.stopBroker(ctx, action.Node, "it was stopped on purpose")
	case substrate.StartGateway:
		return c.startGateway(action.Node)
	case substrate.StopGateway:
		c.stopGateway(action.Node)
		return nil
	case substrate.StartBalancer:
		return c.startBalancer()
	case substrate.RenewCertificate:
		return c.renewCertificate()
	case substrate.Configure:
		return c.configure(ctx, action.Spec)
	}
	return orrery.Errorf(orrery.UnsupportedValue, "the embedded engine has no action %q: its brokers are one process with one directory", action.Verb)
}

func (c *cluster) startBroker(ctx context.Context, node int32) error {
	if fault, ok := c.fault(node); ok && fault.Stopped {
		if err := c.engine.stop(ctx, node); err != nil {
			return err
		}
		return orrery.Errorf(orrery.Unavailable, "%s", fault.Message)
	}
	if err := c.engine.start(ctx, node, c.record.Spec); err != nil {
		c.failures[node] = err.Error()
		return err
	}
	delete(c.failures, node)
	if c.maintenance == nil {
		c.maintenance = startMaintenance(c.engine, c.substrate.config.MaintenancePeriod, c.substrate.config.Now)
	}
	return nil
}

// stopBroker stops the gateway beside the broker first, so that clients move on and the lease is released.
func (c *cluster) stopBroker(ctx context.Context, node int32, why string) error {
	c.stopGateway(node)
	err := c.engine.stop(ctx, node)
	c.failures[node] = why
	return err
}

func (c *cluster) renewCertificate() error {
	authority := c.substrate.authority.Load()
	if authority == nil {
		return orrery.Errorf(orrery.Invalid, "this substrate has no certificate authority")
	}
	certificate, err := authority.Issue(c.id+" gateway", c.substrate.config.Names, c.substrate.config.Now())
	if err != nil {
		return err
	}
	c.reloader.Swap(certificate)
	return nil
}

// UseAuthority has another authority sign the gateways' certificates from now on, and those that there are anew, in
// place: no connection ends. After an error some of them are still signed by the one before; call it again.
func (s *Substrate) UseAuthority(authority *pki.Authority) error {
	s.authority.Store(authority)
	s.mu.Lock()
	clusters := slices.Collect(maps.Values(s.clusters))
	s.mu.Unlock()
	var errs []error
	for _, c := range clusters {
		errs = append(errs, c.reissue())
	}
	return errors.Join(errs...)
}

// reissue renews a certificate that was issued.
func (c *cluster) reissue() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, issued := c.reloader.Current(); !issued || c.unusable() != nil {
		return nil
	}
	return c.renewCertificate()
}

// configure stores a spec that needs no other brokers or addresses, and applies its broker configuration.
func (c *cluster) configure(ctx context.Context, spec orrery.PSCSpec) error {
	if err := checkSpec(spec); err != nil {
		return err
	}
	if old := c.record.Spec; spec.Brokers != old.Brokers || spec.Gateways != old.Gateways {
		return orrery.Errorf(orrery.UnsupportedValue, "%s has %d brokers (gateways: %v); the embedded engine cannot change that to %d (gateways: %v)",
			c.id, old.Brokers, old.Gateways, spec.Brokers, spec.Gateways)
	}
	if err := c.engine.configure(ctx, c.record.Spec.Configuration, spec); err != nil {
		return err
	}
	changed := c.record
	changed.Spec = spec
	if err := c.substrate.book.Write(c.id, changed); err != nil {
		return err
	}
	c.record = changed
	return nil
}

// shut stops everything of the cluster, in the order that clients notice least. It may be called again.
func (c *cluster) shut() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shutDown {
		return nil
	}
	c.shutDown = true
	c.stopBalancer()
	for _, node := range sortedNodes(c.gateways) {
		c.stopGateway(node)
	}
	if c.maintenance != nil {
		c.maintenance.stop()
	}
	c.engine.close()
	return nil
}

func sortedNodes(gateways map[int32]*gatewayRun) []int32 {
	nodes := make([]int32, 0, len(gateways))
	for node := range gateways {
		nodes = append(nodes, node)
	}
	slices.Sort(nodes)
	return nodes
}
