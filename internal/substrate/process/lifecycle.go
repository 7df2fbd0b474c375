package process

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/durable"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/substrate"
	"github.com/orrery-kafka/orrery/internal/substrate/book"
)

// maxBrokers bounds the brokers of one cluster on one host.
const maxBrokers = 100

func checkSpec(spec orrery.PSCSpec) error {
	switch {
	case spec.Engine != orrery.EngineApache:
		return orrery.Errorf(orrery.UnsupportedValue, "the engine %q cannot run as processes of this host; only %q can", spec.Engine, orrery.EngineApache)
	case !slices.Contains(engine.Versions(), spec.Version):
		return orrery.Errorf(orrery.UnsupportedValue, "Apache Kafka %q is not known here; known are %v", spec.Version, engine.Versions())
	case spec.Brokers < 1 || spec.Brokers > maxBrokers:
		return orrery.Errorf(orrery.Invalid, "a physical cluster has 1 to %d brokers, and the spec says %d", maxBrokers, spec.Brokers)
	case spec.Controllers != 0 && spec.Controllers != 1 && spec.Controllers != 3:
		return orrery.Errorf(orrery.Invalid, "a physical cluster has 1 or 3 controllers of their own, or 0 where brokers are controllers too, and the spec says %d", spec.Controllers)
	}
	return checkConfiguration(spec.Configuration)
}

// create makes the directory, chooses addresses and ids, and stores them: what is not in the record does not exist.
func (s *Substrate) create(id string, spec orrery.PSCSpec) error {
	if err := errors.Join(book.CheckID(id), checkSpec(spec)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	if c, ok := s.clusters[id]; ok {
		return c.usable()
	}
	c := s.newCluster(id)
	r, err := s.newRecord(id, spec)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("making the directory of %s: %w", id, err)
	}
	if _, err := pki.OpenClusterAuthority(filepath.Join(c.dir, authorityDir), id, s.config.Now()); err != nil {
		return err
	}
	if err := s.book.Add(id, r); err != nil {
		return err
	}
	if err := c.use(r); err != nil {
		return err
	}
	s.clusters[id] = c
	return nil
}

// reserved are the ports of all clusters. The caller holds the lock.
func (s *Substrate) reserved() map[int]bool {
	reserved := map[int]bool{}
	for _, c := range s.clusters {
		c.mu.Lock()
		for _, port := range c.record.ports() {
			reserved[port] = true
		}
		c.mu.Unlock()
	}
	return reserved
}

// choose picks ports for brokers' own listeners, and for what clients connect to. The caller holds the lock.
func (s *Substrate) choose(public, private int) (forBrokers, forClients []int, err error) {
	reserved := s.reserved()
	if public > 0 {
		if forClients, err = s.ports.Choose(public, reserved); err != nil {
			return nil, nil, err
		}
	}
	for _, port := range forClients {
		reserved[port] = true
	}
	forBrokers, err = s.private.Choose(private, reserved)
	return forBrokers, forClients, err
}

// newRecord chooses all that is chosen once. The caller holds the lock.
func (s *Substrate) newRecord(id string, spec orrery.PSCSpec) (record, error) {
	r := record{Record: book.Record{Format: book.Format, ID: id, Spec: cloneSpec(spec), CreatedAt: s.config.Now().UTC()}}
	var err error
	if r.KafkaClusterID, err = engine.NewID(rand.Reader); err != nil {
		return record{}, err
	}
	public := 0
	if spec.Gateways {
		public = 2 + spec.Brokers
		r.TenantsPassword = rand.Text()
	}
	for n := range int32(spec.Brokers) {
		r.Nodes = append(r.Nodes, nodeRecord{Node: n, Founder: isCombined(spec, n) && n < founders(spec.Brokers)})
	}
	for n := range int32(spec.Controllers) {
		r.Nodes = append(r.Nodes, nodeRecord{Node: orrery.FirstController + n, Founder: true})
	}
	private := 0
	for _, n := range r.Nodes {
		private += len(n.wantedPorts(spec))
	}
	ports, own, err := s.choose(public, private)
	if err != nil {
		return record{}, err
	}
	if spec.Gateways {
		r.Endpoints = s.ports.Endpoints(own)
	}
	for i := range r.Nodes {
		if ports, err = r.Nodes[i].take(spec, ports); err != nil {
			return record{}, err
		}
	}
	return r, nil
}

// wantedPorts are the ports that the node needs.
func (n *nodeRecord) wantedPorts(spec orrery.PSCSpec) []*int {
	var wanted []*int
	if n.isBroker() {
		wanted = append(wanted, &n.PlatformPort)
		if spec.Gateways {
			wanted = append(wanted, &n.TenantPort)
		}
	}
	if !n.isBroker() || isCombined(spec, n.Node) {
		wanted = append(wanted, &n.ControllerPort)
	}
	return wanted
}

// take gives the node its ports and an id for its directory, and returns the ports that are left.
func (n *nodeRecord) take(spec orrery.PSCSpec, ports []int) ([]int, error) {
	for i, port := range n.wantedPorts(spec) {
		*port = ports[i]
	}
	var err error
	n.DirectoryID, err = engine.NewID(rand.Reader)
	return ports[len(n.wantedPorts(spec)):], err
}

// configure stores a spec. What each broker runs with changes when it is started again.
func (c *cluster) configure(spec orrery.PSCSpec) error {
	if err := checkSpec(spec); err != nil {
		return err
	}
	if old := c.record.Spec; spec.Gateways != old.Gateways || spec.Controllers != old.Controllers {
		return orrery.Errorf(orrery.UnsupportedValue, "%s has %d controllers of their own (gateways: %v), which cannot be changed to %d (gateways: %v)",
			c.id, old.Controllers, old.Gateways, spec.Controllers, spec.Gateways)
	}
	changed := c.record
	changed.Spec = cloneSpec(spec)
	return c.change(changed)
}

// addBroker gives the next broker addresses and an id. Its storage is made when it is started.
func (c *cluster) addBroker(action substrate.Action) error {
	if _, ok := c.nodes[action.Node]; ok && action.Node < orrery.FirstController {
		return nil
	}
	next := c.record.brokers()
	if int(action.Node) != next || next >= maxBrokers {
		return orrery.Errorf(orrery.Invalid, "%s has %d brokers of at most %d, so the next one is %d and not %d", c.id, next, maxBrokers, next, action.Node)
	}
	s, spec := c.substrate, c.record.Spec
	added := nodeRecord{Node: action.Node}
	public := 0
	if spec.Gateways {
		public = 1
	}
	s.mu.Lock()
	ports, own, err := s.choose(public, len(added.wantedPorts(spec)))
	if err == nil {
		_, err = added.take(spec, ports)
	}
	changed := c.record
	if err == nil {
		changed.Nodes = slices.Insert(slices.Clone(changed.Nodes), next, added)
		if spec.Gateways {
			endpoint := orrery.BrokerEndpoint{Node: action.Node, Host: s.ports.Host, Port: int32(own[0])}
			changed.Endpoints.Brokers = append(slices.Clone(changed.Endpoints.Brokers), endpoint)
		}
		err = c.change(changed)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.addUnits(added)
	c.mu.Unlock()
	return c.writeBalancer()
}

// removeBroker removes the last broker, which does not run, with all that it has.
func (c *cluster) removeBroker(ctx context.Context, n *node, action substrate.Action) error {
	switch last := int32(c.record.brokers() - 1); {
	case action.Proof == "":
		return orrery.Errorf(orrery.Invalid, "%s of %s is not removed without a proof that what it has is elsewhere", n.name, c.id)
	case action.Node != last || last == 0:
		return orrery.Errorf(orrery.Invalid, "only the last of several brokers can be removed, and %s is not that: %s has brokers 0 to %d", n.name, c.id, last)
	case n.began():
		return orrery.Errorf(orrery.Unavailable, "%s of %s runs; stop it first", n.name, c.id)
	}
	gateway := c.gateways[action.Node]
	if gateway != nil {
		if err := stopUnits(ctx, []*unit{gateway}, gatewayGrace); err != nil {
			return err
		}
	}
	changed := c.record
	changed.Nodes = slices.Delete(slices.Clone(changed.Nodes), int(action.Node), int(action.Node)+1)
	if gateway != nil {
		changed.Endpoints.Brokers = changed.Endpoints.Brokers[:action.Node:action.Node]
	}
	if err := c.change(changed); err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.nodes, action.Node)
	delete(c.gateways, action.Node)
	c.mu.Unlock()
	if err := c.writeBalancer(); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(n.dir), os.RemoveAll(filepath.Join(c.dir, gatewayDir(action.Node))), durable.SyncDirectory(c.dir))
}

// replaceStorage makes the storage of a node anew. It gets another id and joins what the others have: told of the first
// voters again, it could found a second quorum.
func (c *cluster) replaceStorage(n *node, action substrate.Action) error {
	i, _ := c.record.find(action.Node)
	switch unmade := slices.IndexFunc(c.record.Nodes, func(n nodeRecord) bool { return n.Founder && !n.Formatted }); {
	case action.Proof == "":
		return orrery.Errorf(orrery.Invalid, "the storage of %s of %s is not made anew without a proof that what it had is elsewhere", n.name, c.id)
	case n.began():
		return orrery.Errorf(orrery.Unavailable, "%s of %s runs; stop it first", n.name, c.id)
	case unmade >= 0:
		return orrery.Errorf(orrery.Unavailable, "the storage of %s of %s was never made; start it first", c.record.Nodes[unmade].name(), c.id)
	}
	id, err := engine.NewID(rand.Reader)
	if err != nil {
		return err
	}
	changed := c.record
	changed.Nodes = slices.Clone(changed.Nodes)
	changed.Nodes[i].DirectoryID, changed.Nodes[i].Founder, changed.Nodes[i].Formatted = id, false, false
	// First the record: a crash in between leaves storage that is not taken for the new one, for it has another id.
	if err := c.change(changed); err != nil {
		return err
	}
	n.forget()
	if err := os.RemoveAll(n.data()); err != nil {
		return fmt.Errorf("removing the old storage of %s of %s: %w", n.name, c.id, err)
	}
	return durable.SyncDirectory(n.dir)
}

// delete ends everything of a cluster by force, for nobody needs its data any more, and removes its directory.
func (s *Substrate) delete(c *cluster) error {
	c.acting.Lock()
	defer c.acting.Unlock()
	if err := c.usable(); err != nil {
		return err // it is not known what runs
	}
	ctx, cancel := context.WithTimeout(context.Background(), killPatience)
	defer cancel()
	for _, units := range flat(c.units()) {
		for _, u := range units {
			if err := u.kill(ctx); err != nil {
				return err
			}
		}
	}
	c.mu.Lock()
	c.deleted = true
	c.mu.Unlock()
	if err := s.book.Remove(c.id); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clusters, c.id)
	return nil
}
