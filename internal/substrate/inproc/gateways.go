package inproc

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/balancer"
	"github.com/orrery-kafka/orrery/internal/substrate"
	"github.com/orrery-kafka/orrery/internal/substrate/book"
)

// gatewayRun is the gateway beside one broker while it runs. Its port is open only while it serves.
type gatewayRun struct {
	gateway  Gateway
	hostPort string
	purpose  string
	changed  func()
	cancel   context.CancelFunc
	// kafka and rest are for the balancers.
	kafka, rest hop
	deaf        chan error // why a listener of it does not accept any more: has room for all three
	running     sync.WaitGroup

	mu      sync.Mutex
	port    net.Listener // nil: not serving
	failure string
	ended   bool
}

// observe says what the gateway does; a nil run is one that was not started.
func (g *gatewayRun) observe(node int32) substrate.Gateway {
	if g == nil {
		return substrate.Gateway{Node: node, Message: "it has not been started"}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return substrate.Gateway{Node: node, Running: !g.ended, Serving: g.port != nil, Message: g.failure}
}

func (g *gatewayRun) serving() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.port != nil
}

// startGateway starts the gateway of a node, and where it runs already without serving because its port was
// taken, tries the port again.
func (c *cluster) startGateway(node int32) error {
	if !c.record.Spec.Gateways {
		return orrery.Errorf(orrery.Invalid, "%s has no gateways", c.id)
	}
	if run := c.gateways[node]; run != nil {
		switch observed := run.observe(node); {
		case observed.Serving, observed.Running && observed.Message == "":
			return nil
		case observed.Running:
			return run.open()
		}
		c.stopGateway(node)
	}
	if !c.engine.isRunning(node) {
		return orrery.Errorf(orrery.Unavailable, "broker %d is stopped, and a gateway without its broker serves nobody", node)
	}
	access := substrate.Access{Dial: c.engine.doors.dialAddress}
	for n := range int32(c.record.Spec.Brokers) {
		access.Seeds = append(access.Seeds, brokerAddress(n))
	}
	ctx, cancel := context.WithCancel(c.substrate.ctx)
	gateway, err := c.substrate.config.StartGateway(ctx, GatewaySpec{
		PhysicalClusterID: c.id, Node: node, TLS: c.reloader.ServerConfig(),
		DialBroker: c.engine.doors.dial, Access: access, Endpoints: c.record.Endpoints,
	})
	if err != nil {
		cancel()
		return fmt.Errorf("starting gateway %d: %w", node, err)
	}
	endpoint := c.record.Endpoints.Brokers[node]
	run := &gatewayRun{
		gateway: gateway, cancel: cancel,
		hostPort: net.JoinHostPort(endpoint.Host, strconv.Itoa(int(endpoint.Port))),
		purpose:  fmt.Sprintf("gateway %d of %s", node, c.id),
		changed:  func() { c.substrate.config.Changed(c.id) },
		kafka:    newHop(address(fmt.Sprintf("kafka-%d", node))),
		rest:     newHop(address(fmt.Sprintf("rest-%d", node))),
		deaf:     make(chan error, 3),
	}
	c.gatewaysMu.Lock()
	c.gateways[node] = run
	c.gatewaysMu.Unlock()
	run.running.Go(func() { run.watch(ctx) })
	return nil
}

// watch opens the port when the gateway is ready and closes it when the gateway ends. A gateway that does not accept
// clients any more is ended, so that it is seen to be down and started again.
func (g *gatewayRun) watch(ctx context.Context) {
	var deaf error
	select {
	case <-g.gateway.Ready():
		_ = g.open() // a failure is kept and observed
		g.changed()
		select {
		case <-g.gateway.Done():
		case deaf = <-g.deaf:
		case <-ctx.Done():
		}
	case <-g.gateway.Done():
	case <-ctx.Done():
	}
	g.end(cmp.Or(g.gateway.Close(), deaf))
	if ctx.Err() == nil {
		g.changed()
	}
}

// open opens the gateway's port and serves it.
func (g *gatewayRun) open() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.port != nil || g.ended {
		return nil
	}
	port, err := book.Listen(g.hostPort, g.purpose)
	if err != nil {
		g.failure = err.Error()
		return err
	}
	g.port, g.failure = port, ""
	g.running.Go(func() { g.deaf <- fmt.Errorf("accepting clients: %w", g.gateway.Serve(port)) })
	g.running.Go(func() {
		g.deaf <- fmt.Errorf("accepting the balancer's clients: %w", g.gateway.Serve(g.kafka.listener()))
	})
	g.running.Go(func() {
		g.deaf <- fmt.Errorf("accepting Kafka REST clients: %w", g.gateway.ServeREST(g.rest.listener()))
	})
	return nil
}

func (g *gatewayRun) end(why error) {
	g.kafka.Close()
	g.rest.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.port != nil {
		g.port.Close()
	}
	g.port, g.ended, g.failure = nil, true, "it ended"
	if why != nil {
		g.failure = "it ended: " + why.Error()
	}
}

// stopGateway closes the port, then the gateway, which releases its lease, and returns when nothing of it runs.
func (c *cluster) stopGateway(node int32) {
	run := c.gateways[node]
	if run == nil {
		return
	}
	run.end(nil)
	run.gateway.Close()
	run.cancel()
	run.running.Wait()
	c.gatewaysMu.Lock()
	delete(c.gateways, node)
	c.gatewaysMu.Unlock()
}

// gatewayRuns is what the balancers choose from; they ask at any time, also while an action runs.
func (c *cluster) gatewayRuns() []*gatewayRun {
	c.gatewaysMu.Lock()
	defer c.gatewaysMu.Unlock()
	runs := make([]*gatewayRun, 0, len(c.gateways))
	for _, node := range sortedNodes(c.gateways) {
		runs = append(runs, c.gateways[node])
	}
	return runs
}

// backendsOf returns the gateways as the places that a balancer sends its clients to, by a hop that each of them has.
func backendsOf(runs []*gatewayRun, by func(*gatewayRun) hop) []balancer.Backend {
	backends := make([]balancer.Backend, len(runs))
	for i, run := range runs {
		backends[i] = balancer.Backend{Name: run.purpose, Healthy: run.serving, Dial: by(run).dial}
	}
	return backends
}
