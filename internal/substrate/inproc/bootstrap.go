package inproc

import (
	"sync"

	"github.com/orrery-kafka/orrery/internal/balancer"
	"github.com/orrery-kafka/orrery/internal/substrate/book"
)

// bootstrap is the pair of balancers in front of a cluster.
type bootstrap struct {
	kafka, rest *balancer.Balancer
	served      sync.WaitGroup
}

func (c *cluster) startBalancer() error {
	if !c.record.Spec.Gateways || c.balancer != nil {
		return nil
	}
	kafka, err := book.Listen(c.record.Endpoints.Bootstrap, "the bootstrap balancer of "+c.id)
	if err != nil {
		c.balancerFailure = err.Error()
		return err
	}
	rest, err := book.Listen(c.record.Endpoints.REST, "Kafka REST of "+c.id)
	if err != nil {
		kafka.Close()
		c.balancerFailure = err.Error()
		return err
	}
	logger := c.substrate.config.Logger.With("physical_cluster", c.id)
	over := func(by func(*gatewayRun) hop) *balancer.Balancer {
		return balancer.New(balancer.Config{
			Logger: logger, Preamble: headerOf,
			Backends: func() []balancer.Backend { return backendsOf(c.gatewayRuns(), by) },
		})
	}
	b := &bootstrap{
		kafka: over(func(g *gatewayRun) hop { return g.kafka }),
		rest:  over(func(g *gatewayRun) hop { return g.rest }),
	}
	b.served.Go(func() { c.note("bootstrap balancer", b.kafka.Serve(kafka)) })
	b.served.Go(func() { c.note("Kafka REST balancer", b.rest.Serve(rest)) })
	c.balancer, c.balancerFailure = b, ""
	return nil
}

func (c *cluster) note(what string, err error) {
	c.substrate.config.Logger.Debug(what+" ended", "physical_cluster", c.id, "error", err)
}

func (c *cluster) stopBalancer() {
	if c.balancer == nil {
		return
	}
	c.balancer.kafka.Close()
	c.balancer.rest.Close()
	c.balancer.served.Wait()
	c.balancer = nil
}
