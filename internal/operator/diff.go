package operator

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// Diff returns what has to be done, and what is waited for, to turn what is observed into what is desired: nodes that do
// not run, new brokers, configuration, what the gateways need, restarts for a change, partitions that move, leaders,
// features. It is empty where nothing is left to do. It is total: whatever is observed, there is a plan, and every action
// in it is safe by itself.
//
// A gateway is started only beside a running broker and after the state topics; a deletion is one action, with the proof
// that was made before.
func Diff(desired Desired, observed substrate.Observed, view View, now time.Time) Plan {
	l := newLook(desired, observed, view, now)
	switch {
	case desired.Deleted && !observed.Created:
		return l.plan
	case desired.Deleted:
		l.do(Action{Action: substrate.Action{Verb: substrate.Delete, Reason: "the physical cluster was deleted", Proof: desired.Proof}})
		return l.plan
	case !observed.Created:
		l.act(substrate.Create, 0, "it does not exist yet")
		return l.plan
	}
	if l.plan.Refused = Unchangeable(desired.Spec, observed, view); l.plan.Refused != "" {
		l.target = observed.Spec
	}
	l.start()
	l.voters()
	l.add()
	l.configure()
	l.renew()
	l.serve()
	if l.versioned() {
		l.restart()
	}
	l.scale()
	if l.versioned() {
		l.demote()
		l.leaders()
		l.finalize()
	}
	return l.plan
}

func newLook(desired Desired, observed substrate.Observed, view View, now time.Time) *look {
	return &look{
		target: desired.Spec, observed: observed, nodes: slices.Concat(observed.Brokers, observed.Controllers),
		view: view, verdicts: desired.Verdicts, now: now,
	}
}

// serve starts what clients need beside brokers: state topics, gateways, balancer.
func (l *look) serve() {
	if !l.target.Gateways {
		return
	}
	running := map[int32]bool{}
	for _, b := range l.observed.Brokers {
		running[b.Node] = b.Running
	}
	if !l.view.StateTopics && len(running) > 0 && !slices.Contains(slices.Collect(maps.Values(running)), false) {
		l.act(substrate.PrepareStateTopics, 0, "the gateways' state topics must exist")
	}
	if l.view.StateTopics {
		for _, g := range l.observed.Gateways {
			if running[g.Node] && (!g.Running || (!g.Serving && g.Message != "")) {
				l.act(substrate.StartGateway, g.Node, "gateway %d does not serve%s", g.Node, because(g.Message))
			}
		}
	}
	if !l.observed.Balancer.Running {
		l.act(substrate.StartBalancer, 0, "the bootstrap address has no balancer")
	}
}

// configure stores the specification, as far as it is true already: its number of brokers is only once they hold their
// part, and nothing of it is before Kafka has what it can change without a restart.
func (l *look) configure() {
	if !l.alter() {
		return
	}
	spec := l.target
	if spec.Brokers != l.observed.Spec.Brokers && !l.spread() {
		spec.Brokers = l.observed.Spec.Brokers
	}
	if !sameSpec(spec, l.observed.Spec) {
		l.do(Action{Action: substrate.Action{Verb: substrate.Configure, Spec: spec, Reason: "the specification changed"}})
	}
}

func sameSpec(a, b orrery.PSCSpec) bool {
	if !maps.Equal(a.Configuration, b.Configuration) {
		return false
	}
	a.Configuration, b.Configuration = nil, nil
	return reflect.DeepEqual(a, b)
}

// Unchangeable says which change that is asked for cannot be made, and "" where all can. The cluster goes on as it is
// until the desired spec is possible again.
func Unchangeable(desired orrery.PSCSpec, observed substrate.Observed, view View) string {
	current := observed.Spec
	switch {
	case desired.Gateways != current.Gateways:
		return "gateways can neither be added nor taken away"
	case desired.Engine != current.Engine:
		return fmt.Sprintf("the engine cannot be changed from %s to %s", current.Engine, desired.Engine)
	case desired.Kind != current.Kind:
		return fmt.Sprintf("a %s cluster cannot become a %s cluster", current.Kind, desired.Kind)
	case desired.Controllers != current.Controllers:
		return fmt.Sprintf("the number of nodes that are a controller only cannot be changed from %d to %d", current.Controllers, desired.Controllers)
	}
	if desired.Engine == orrery.EngineEmbedded && desired.Brokers != current.Brokers {
		return fmt.Sprintf("the number of brokers of the embedded engine, which is one process with one directory, cannot be changed from %d to %d", current.Brokers, desired.Brokers)
	}
	if why := tooFewBrokers(desired, observed, view); why != "" {
		return why
	}
	return unreachableVersion(desired, observed, view)
}
