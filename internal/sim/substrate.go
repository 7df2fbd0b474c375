package sim

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// substrateFaults is what is wrong with a site's substrate: each a share of its actions, 0 to 1.
type substrateFaults struct {
	// fail: nothing happens, and it says so. slow: it says that it failed, and it takes hold later. lie: it says that
	// it is done, and nothing happens. half: it takes hold, and says that it failed; what it started ends soon.
	fail, slow, lie, half float64
	// full: no disk has room.
	full bool
	// blind: nothing can be looked at.
	blind bool
}

// platform is the substrate as one life of a satellite sees it.
type platform struct {
	site    *site
	process *process
}

var _ substrate.Substrate = platform{}

// List implements substrate.Substrate.
func (p platform) List(context.Context) ([]string, error) {
	if err := p.reach(); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(p.site.clusters)), nil
}

func (p platform) reach() error {
	switch {
	case p.process.dead:
		return errCrashed
	case p.site.faults.blind:
		return orrery.Errorf(orrery.Unavailable, "the substrate does not answer")
	}
	return nil
}

// Observe implements substrate.Substrate.
func (p platform) Observe(_ context.Context, id string) (substrate.Observed, error) {
	if err := p.reach(); err != nil {
		return substrate.Observed{}, err
	}
	if c := p.site.clusters[id]; c != nil {
		return c.observe(), nil
	}
	return substrate.Observed{}, nil
}

// Access implements substrate.Substrate.
func (p platform) Access(_ context.Context, id string) (substrate.Access, error) {
	if err := p.reach(); err != nil {
		return substrate.Access{}, err
	}
	if p.site.clusters[id] == nil {
		return substrate.Access{}, orrery.Errorf(orrery.NotFound, "there is no physical cluster %s on this substrate", id)
	}
	return substrate.Access{Seeds: []string{id}}, nil
}

// Do implements substrate.Substrate.
func (p platform) Do(_ context.Context, id string, a substrate.Action) error {
	if err := p.reach(); err != nil {
		return err
	}
	return p.process.effect(func() error {
		w, faults := p.site.world, p.site.faults
		w.counts.Actions++
		w.checkAction(p.site, id, a)
		switch draw := w.random.Float64(); {
		case faults.full && (a.Verb == substrate.Create || a.Verb == substrate.StartBroker):
			return orrery.Errorf(orrery.Unavailable, "no space left on device")
		case draw < faults.fail:
			return orrery.Errorf(orrery.Unavailable, "%s: too many requests; try again later", a.Verb)
		case draw < faults.fail+faults.slow && !atOnce(a.Verb):
			w.clock.after(w.clock.between(time.Second, 3*time.Minute), func() {
				if err := p.site.carryOut(id, a); err == nil {
					p.site.changed()
				}
			})
			return orrery.Errorf(orrery.Unavailable, "%s takes longer than this call", a.Verb)
		case draw < faults.fail+faults.slow+faults.lie:
			return nil
		case draw < faults.fail+faults.slow+faults.lie+faults.half:
			p.site.halfDone(id, a)
			return orrery.Errorf(orrery.Internal, "the connection was lost during %s", a.Verb)
		}
		return p.site.carryOut(id, a)
	})
}

// atOnce reports whether an action is done when its call ends, or not at all: a cluster that appears late would be nobody's,
// and a proof does not hold for long.
func atOnce(verb substrate.Verb) bool {
	return slices.Contains([]substrate.Verb{substrate.Create, substrate.AddBroker, substrate.RemoveBroker, substrate.ReplaceStorage}, verb)
}

// carryOut does what an action says.
func (s *site) carryOut(id string, a substrate.Action) error {
	c := s.clusters[id]
	switch {
	case a.Verb == substrate.Create:
		if c == nil {
			s.clusters[id] = newCluster(s, id, a.Spec)
		}
		return nil
	case a.Verb == substrate.Delete:
		delete(s.clusters, id)
		return nil
	case c == nil:
		return orrery.Errorf(orrery.NotFound, "there is no physical cluster %s on this substrate", id)
	}
	node := int(a.Node)
	if a.Verb == substrate.AddBroker {
		return c.addBroker(node)
	}
	if node >= len(c.brokers) {
		return nil // it is gone
	}
	switch a.Verb {
	case substrate.RemoveBroker:
		return c.removeBroker(node)
	case substrate.ReplaceStorage:
		return c.replaceStorage(node)
	case substrate.StartBroker:
		if s.faults.full {
			return orrery.Errorf(orrery.Unavailable, "no space left on device")
		}
		return c.startBroker(node, a.Spec)
	case substrate.StopBroker:
		c.endBroker(node)
	case substrate.StartGateway:
		if !c.brokers[node].Running || c.issued.IsZero() {
			return orrery.Errorf(orrery.Unavailable, "its broker does not run, or it has no certificate")
		}
		if !c.gateways[node].Serving {
			c.startGateway(node)
		}
	case substrate.StopGateway:
		c.stopGateway(node, "it was stopped")
	case substrate.StartBalancer:
		c.balancer = substrate.Balancer{Running: true}
	case substrate.RenewCertificate:
		c.issued = s.world.clock.now
	case substrate.Configure:
		c.spec = a.Spec
	}
	return nil
}

// halfDone does an action in part: what it starts does not last, and a deletion stops at the data.
func (s *site) halfDone(id string, a substrate.Action) {
	c := s.clusters[id]
	if a.Verb == substrate.Delete && c != nil {
		for node := range c.brokers {
			c.stopBroker(node, "it was stopped to be deleted")
		}
		return
	}
	if s.carryOut(id, a) != nil || a.Verb != substrate.StartBroker {
		return
	}
	s.world.clock.after(s.world.clock.between(time.Second, 20*time.Second), func() {
		if now := s.clusters[id]; now == c && c != nil && int(a.Node) < len(c.brokers) {
			c.stopBroker(int(a.Node), "it ended by itself")
		}
	})
}
