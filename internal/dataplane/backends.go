package dataplane

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orrery-kafka/orrery/internal/balancer"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

const (
	// checkPeriod is how often each gateway is asked whether it takes clients.
	checkPeriod = time.Second
	// checkTimeout is long, because a slow machine is no reason to send clients away.
	checkTimeout = 5 * time.Second
	maxReadiness = 4096 // bytes of the answer
)

// gatewayBackend is one gateway as the balancers see it.
type gatewayBackend struct {
	described process.BalancerBackend
	away      atomic.Bool // it was asked and does not take clients; a new one is taken to do
	asking    atomic.Bool // the last question has no answer yet
}

// backends are the gateways as the places of one kind of client. Where all of them are said to be away, each is tried:
// it is then more likely that the question failed.
func (b *balancerRole) backends(socket func(process.BalancerBackend) string) []balancer.Backend {
	gateways := *b.gateways.Load()
	desperate := !slices.ContainsFunc(gateways, func(g *gatewayBackend) bool { return !g.away.Load() })
	list := make([]balancer.Backend, len(gateways))
	for i, g := range gateways {
		name := socket(g.described)
		list[i] = balancer.Backend{
			Name:    name,
			Healthy: func() bool { return desperate || !g.away.Load() },
			Dial:    func(ctx context.Context) (net.Conn, error) { return process.DialSocket(ctx, name) },
		}
	}
	return list
}

// check asks the gateways until ctx ends.
func (b *balancerRole) check(ctx context.Context) {
	ticker := time.NewTicker(checkPeriod)
	defer ticker.Stop()
	var asking sync.WaitGroup
	defer asking.Wait()
	for {
		for _, g := range *b.gateways.Load() {
			if g.described.Admin != "" && g.asking.CompareAndSwap(false, true) {
				asking.Go(func() {
					defer g.asking.Store(false)
					b.ask(ctx, g)
				})
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// ask asks one gateway whether it takes clients.
func (b *balancerRole) ask(ctx context.Context, g *gatewayBackend) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, err := read(ctx, g.described.Admin, process.AdminReady, maxReadiness)
	if away := err != nil; g.away.Swap(away) != away {
		b.logger.Info("a gateway has come or gone", "node", g.described.Node, "takes_clients", !away, "error", err)
	}
}

// takeFile takes up the backends of a file. What is known of those that were there before is kept.
func (b *balancerRole) takeFile(path string) error {
	file, err := process.ReadBalancerFile(path)
	if err != nil {
		return err
	}
	before := b.gateways.Load()
	now := make([]*gatewayBackend, len(file.Backends))
	for i, described := range file.Backends {
		now[i] = &gatewayBackend{described: described}
		if before == nil {
			continue
		}
		if at := slices.IndexFunc(*before, func(g *gatewayBackend) bool { return g.described == described }); at >= 0 {
			now[i] = (*before)[at]
		}
	}
	b.gateways.Store(&now)
	return nil
}
