package process

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/detached"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// cluster is one physical cluster.
type cluster struct {
	substrate *Substrate
	id, dir   string

	// acting is held while an action is carried out: they come one at a time, and Observe does not wait for them.
	acting sync.Mutex

	mu     sync.Mutex
	record record
	// broken says why the cluster cannot be used; nothing is done to such a one.
	broken   error
	deleted  bool // its files are being removed
	ca       *pki.Authority
	operator pki.Reloader // who the platform itself is to the brokers
	public   lifetime     // of the gateways' certificate
	nodes    map[int32]*node
	gateways map[int32]*unit
	balancer *unit
}

// lifetime is that of a certificate; zero where there is none.
type lifetime struct{ issued, expires time.Time }

func nodeDir(n int32) string    { return fmt.Sprintf("node-%d", n) }
func gatewayDir(n int32) string { return fmt.Sprintf("gateway-%d", n) }

const (
	balancerDir  = "balancer"
	authorityDir = "ca"
)

func (s *Substrate) newCluster(id string) *cluster {
	return &cluster{substrate: s, id: id, dir: s.book.Dir(id), nodes: map[int32]*node{}, gateways: map[int32]*unit{}}
}

// load reads what is kept of the cluster.
func (c *cluster) load() error {
	var r record
	if err := c.substrate.book.Read(c.id, &r); err != nil {
		return err
	}
	if why := r.check(); why != "" {
		return c.substrate.book.Damaged(c.id, why)
	}
	authority := filepath.Join(c.dir, authorityDir)
	if _, err := os.Stat(filepath.Join(authority, pki.CertificateFile)); err != nil {
		return fmt.Errorf("the authority of the brokers of %s: %w; restore %s from a backup", c.id, err, authority)
	}
	return c.use(r)
}

// use makes the cluster what a record says.
func (c *cluster) use(r record) error {
	ca, err := pki.OpenClusterAuthority(filepath.Join(c.dir, authorityDir), c.id, c.substrate.config.Now())
	if err != nil {
		return err
	}
	c.record, c.ca = r, ca
	for _, n := range r.Nodes {
		c.addUnits(n)
	}
	if r.Spec.Gateways {
		c.balancer = c.newBalancer()
	}
	c.public = readLifetime(filepath.Join(c.dir, publicCertificate))
	return nil
}

// addUnits adds the processes of a node.
func (c *cluster) addUnits(n nodeRecord) {
	c.nodes[n.Node] = c.newNode(n)
	if n.isBroker() && c.record.Spec.Gateways {
		c.gateways[n.Node] = c.newGateway(n.Node)
	}
}

// units returns every process, in the order in which they are to end.
func (c *cluster) units() (balancers, gateways, brokers, controllers []*unit) {
	if c.balancer != nil {
		balancers = append(balancers, c.balancer)
	}
	for _, n := range slices.Sorted(maps.Keys(c.gateways)) {
		gateways = append(gateways, c.gateways[n])
	}
	for _, n := range slices.Sorted(maps.Keys(c.nodes)) {
		if n < orrery.FirstController {
			brokers = append(brokers, &c.nodes[n].unit)
		} else {
			controllers = append(controllers, &c.nodes[n].unit)
		}
	}
	return balancers, gateways, brokers, controllers
}

// adopt takes over the processes that run.
func (c *cluster) adopt(found map[string]detached.Identity) error {
	for _, units := range flat(c.units()) {
		for _, u := range units {
			if err := u.adopt(found); err != nil {
				return err
			}
		}
	}
	return nil
}

func flat(balancers, gateways, brokers, controllers []*unit) [][]*unit {
	return [][]*unit{balancers, gateways, brokers, controllers}
}

// usable returns why nothing can be done to the cluster.
func (c *cluster) usable() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

func (c *cluster) observe() (substrate.Observed, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return substrate.Observed{}, c.broken
	}
	if c.deleted {
		return substrate.Observed{Created: true, Spec: c.record.Spec}, nil
	}
	observed := substrate.Observed{Created: true, Spec: cloneSpec(c.record.Spec), Endpoints: c.record.Endpoints}
	observed.Endpoints.Brokers = slices.Clone(observed.Endpoints.Brokers)
	for _, n := range c.record.Nodes {
		b := c.nodes[n.Node].observe(n.Formatted)
		if n.isBroker() {
			observed.Brokers = append(observed.Brokers, b)
		} else {
			observed.Controllers = append(observed.Controllers, b)
		}
	}
	if !c.record.Spec.Gateways {
		return observed, nil
	}
	for _, n := range slices.Sorted(maps.Keys(c.gateways)) {
		at, message := c.gateways[n].state()
		g := substrate.Gateway{Node: n, Running: at != stopped, Serving: at == running}
		if at == stopped {
			g.Message = message
		}
		observed.Gateways = append(observed.Gateways, g)
	}
	at, message := c.balancer.state()
	observed.Balancer = substrate.Balancer{Running: at == running, Message: message}
	observed.CertificateIssued, observed.CertificateExpires = c.public.issued, c.public.expires
	return observed, nil
}

func cloneSpec(spec orrery.PSCSpec) orrery.PSCSpec {
	spec.Configuration = maps.Clone(spec.Configuration)
	return spec
}

// access is how the platform reaches the brokers: their PLATFORM listeners, as who may do everything.
func (c *cluster) access() (substrate.Access, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return substrate.Access{}, c.broken
	}
	access := substrate.Access{Seeds: c.seeds(), Dial: c.dial, Controllers: map[int32]string{}}
	if c.record.Spec.Gateways {
		access.Tenants, access.Gateways = tenantsPrincipal, gatewayPrincipal
	}
	for _, controller := range c.controllers() {
		access.Controllers[controller.NodeID] = controller.Address
	}
	return access, nil
}

// seeds are the brokers' PLATFORM listeners.
func (c *cluster) seeds() []string {
	var seeds []string
	for _, n := range c.record.Nodes {
		if n.isBroker() {
			seeds = append(seeds, c.substrate.private.Address(n.PlatformPort))
		}
	}
	return seeds
}

// dial connects to a PLATFORM or CONTROLLER listener of the cluster.
func (c *cluster) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.dialTLS(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func (c *cluster) dialTLS(ctx context.Context, network, address string) (*tls.Conn, error) {
	now := c.substrate.config.Now()
	if mine, ok := c.operator.Current(); !ok || pki.NeedsRenewal(mine.Issued, mine.Expires, now) {
		fresh, err := c.ca.IssuePeer(pki.Peer{CommonName: operatorName, Unit: c.id}, now)
		if err != nil {
			return nil, err
		}
		c.operator.Swap(fresh)
	}
	mine, _ := c.operator.Current()
	dialer := tls.Dialer{Config: &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: c.ca.Root(), Certificates: []tls.Certificate{mine.TLS},
	}}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return conn.(*tls.Conn), nil
}

func (c *cluster) do(ctx context.Context, action substrate.Action) error {
	c.acting.Lock()
	defer c.acting.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	switch action.Verb {
	case substrate.StartBroker, substrate.StopBroker, substrate.RenewBrokerCertificate, substrate.ReplaceStorage, substrate.RemoveBroker:
		n, ok := c.nodes[action.Node]
		if !ok {
			return c.noNode(action.Node)
		}
		return c.doNode(ctx, n, action)
	case substrate.StartGateway, substrate.StopGateway:
		if !c.record.Spec.Gateways {
			return orrery.Errorf(orrery.Invalid, "%s has no gateways", c.id)
		}
		if _, ok := c.gateways[action.Node]; !ok {
			return c.noNode(action.Node)
		}
		if action.Verb == substrate.StartGateway {
			return c.startGateway(action.Node)
		}
		_, err := c.gateways[action.Node].stop(gatewayGrace)
		return err
	case substrate.StartBalancer:
		return c.startBalancer(ctx)
	case substrate.RenewCertificate:
		return c.renewPublic()
	case substrate.Configure:
		return c.configure(action.Spec)
	case substrate.AddBroker:
		return c.addBroker(action)
	}
	return orrery.Errorf(orrery.UnsupportedValue, "the action %q is not one of this substrate", action.Verb)
}

func (c *cluster) doNode(ctx context.Context, n *node, action substrate.Action) error {
	switch action.Verb {
	case substrate.StartBroker:
		return n.start(action.Spec)
	case substrate.StopBroker:
		_, err := n.stop(c.substrate.config.StopGrace)
		return err
	case substrate.RenewBrokerCertificate:
		return n.renew(ctx)
	case substrate.ReplaceStorage:
		return c.replaceStorage(n, action)
	default:
		return c.removeBroker(ctx, n, action)
	}
}

func (c *cluster) noNode(node int32) error {
	return orrery.Errorf(orrery.Invalid, "%s has brokers 0 to %d and %d controllers of their own, and no node %d", c.id, c.record.brokers()-1, c.record.Spec.Controllers, node)
}

// change replaces the record.
func (c *cluster) change(changed record) error {
	if err := c.substrate.book.Write(c.id, changed); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record = changed
	return nil
}

// stopAll ends every process, in the order that clients notice least.
func (c *cluster) stopAll(ctx context.Context) error {
	c.acting.Lock()
	defer c.acting.Unlock()
	if c.usable() != nil {
		return nil // nothing is known to run
	}
	for _, units := range flat(c.units()) {
		if err := stopUnits(ctx, units, c.substrate.config.StopGrace); err != nil {
			return err
		}
	}
	return nil
}

// stopUnits asks all of them to end and waits until they have.
func stopUnits(ctx context.Context, units []*unit, grace time.Duration) error {
	var waits []<-chan struct{}
	for _, u := range units {
		gone, err := u.stop(grace)
		if err != nil {
			return err
		}
		waits = append(waits, gone)
	}
	for i, gone := range waits {
		select {
		case <-gone:
		case <-ctx.Done():
			killing, cancel := context.WithTimeout(context.WithoutCancel(ctx), killPatience)
			defer cancel()
			if err := units[i].kill(killing); err != nil {
				return err
			}
		}
	}
	return nil
}

// killPatience bounds the wait for the end of a process that was ended by force.
const killPatience = 30 * time.Second
