package operator

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/health"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// questions are what Kafka is asked in one look.
type questions struct{ kafka, partitions, settings, features bool }

// asked is what the operator remembers of Kafka's answers.
type asked struct {
	at      time.Time
	last    *brokers.View // nil until the first answer
	failed  string        // why the last question had no answer; "" where it had
	running []int32       // the brokers that ran then
	// releases are the versions of the nodes when features were asked for: what they can do together changes with them.
	releases []string
	// settled are when settings and features were asked for.
	settings, features time.Time
}

// question says what Kafka has to be asked for a plan. A cluster at rest is asked once in a while; one that is being
// changed at each look, because nothing is decided on what was true before.
func question(desired Desired, observed substrate.Observed, view View, was asked, now time.Time) questions {
	running := runningBrokers(observed)
	if desired.Deleted || len(running) == 0 {
		return questions{}
	}
	l := newLook(desired, observed, view, now)
	changes := l.scaling() || len(l.due()) > 0 && l.versioned()
	lost := len(view.Condemned) > 0 || slices.ContainsFunc(l.nodes, func(b substrate.Broker) bool { return b.Lost })
	old := func(at time.Time) bool { return at.IsZero() || now.Sub(at) >= quiet }
	ill := slices.ContainsFunc(desired.Verdicts, func(v health.Verdict) bool { return v.Standing.Acts() })
	q := questions{partitions: l.scaling() || lost || ill || was.last != nil && l.versioned() && l.anyIdle(*was.last)}
	q.kafka = changes || q.partitions || old(was.at) || was.failed != "" || !slices.Equal(was.running, running) || !l.atRest(was.last)
	if l.versioned() {
		q.settings = l.everStarted() && l.mayDiffer() && (view.Settings == nil || old(was.settings))
		q.features = view.Features == nil || old(was.features) || desired.Spec.Version != observed.Spec.Version ||
			l.othersRun(-1) == "" && !slices.Equal(was.releases, releases(observed))
	}
	return q
}

func runningBrokers(observed substrate.Observed) (running []int32) {
	for _, b := range observed.Brokers {
		if b.Running {
			running = append(running, b.Node)
		}
	}
	return running
}

// releases are the versions of all nodes, by node.
func releases(observed substrate.Observed) (all []string) {
	for _, b := range slices.Concat(observed.Brokers, observed.Controllers) {
		all = append(all, b.Version)
	}
	return all
}

func (l *look) anyIdle(k brokers.View) bool {
	return slices.ContainsFunc(l.observed.Brokers, func(b substrate.Broker) bool { return l.idle(k, b.Node) })
}

// atRest reports whether Kafka has nothing to catch up with.
func (l *look) atRest(k *brokers.View) bool {
	if k == nil || k.Reassigning != 0 || k.Throttle > 0 || k.UnderReplicatedPartitions > 0 || k.OfflinePartitions > 0 {
		return false
	}
	if !l.versioned() {
		return true
	}
	led := !slices.ContainsFunc(k.Nodes, func(n brokers.NodeView) bool { return n.Alive && n.Leaders < n.PreferredLeaders })
	return led && len(k.Quorum.Voters)%2 == 1
}

// ask asks Kafka what a plan needs to know. What it does not answer is not known; that is no error of a step.
func (o *Operator) ask(ctx context.Context, now time.Time, desired Desired, observed substrate.Observed) {
	o.view.Kafka, o.view.Partitions, o.view.Unknown = nil, nil, o.asked.failed
	q := question(desired, observed, o.view, o.asked, now)
	if o.cluster == nil || q == (questions{}) {
		return
	}
	err := o.answers(ctx, now, q)
	if q.kafka {
		o.asked.at, o.asked.running = now, runningBrokers(observed)
	}
	if q.features && err == nil {
		o.asked.releases = releases(observed)
	}
	o.asked.failed = ""
	if err != nil {
		o.view.Kafka, o.view.Partitions = nil, nil
		o.asked.failed = message(err)
		o.config.Logger.Debug("Kafka does not answer", "physical_cluster", o.config.ID, "error", err)
	}
	o.view.Unknown = o.asked.failed
}

func (o *Operator) answers(ctx context.Context, now time.Time, q questions) error {
	if q.kafka {
		view, err := o.cluster.View(ctx)
		if err != nil {
			return err
		}
		o.view.Kafka, o.asked.last = &view, &view
	}
	if q.partitions {
		partitions, err := o.cluster.Partitions(ctx)
		if err != nil {
			return err
		}
		o.view.Partitions = slices.Clip(append([]brokers.Partition{}, partitions...)) // not nil where there are none
	}
	if q.settings {
		list, err := o.cluster.Configuration(ctx, brokers.ClusterWide)
		if err != nil {
			return err
		}
		o.view.Settings, o.asked.settings = settings(list), now
	}
	if q.features {
		features, err := o.cluster.Features(ctx)
		if err != nil {
			return err
		}
		o.view.Features, o.asked.features = features, now
	}
	return nil
}

// tell carries out an action through Kafka. What was known of what it changes is not known any more.
func (o *Operator) tell(ctx context.Context, a Action) error {
	if o.cluster == nil {
		return orrery.Errorf(orrery.Unavailable, "no broker can be reached")
	}
	o.asked.at = time.Time{}
	switch a.Verb {
	case substrate.PrepareStateTopics:
		return o.cluster.PrepareStateTopics(ctx)
	case AlterConfiguration:
		o.view.Settings = nil
		return o.cluster.AlterConfiguration(ctx, a.Node, maps.Clone(a.Changes))
	case Reassign:
		return o.cluster.Reassign(ctx, a.Moves, a.BytesPerSecond)
	case EndReassignment:
		_, err := o.cluster.EndReassignment(ctx)
		return err
	case ElectLeaders:
		_, err := o.cluster.ElectPreferredLeaders(ctx)
		return err
	case FinalizeFeatures:
		o.view.Features = nil
		return o.cluster.FinalizeFeatures(ctx, maps.Clone(a.Levels))
	case RemoveVoter:
		return o.cluster.RemoveVoter(ctx, a.Node, a.Directory)
	case AddVoter:
		return o.cluster.AddVoter(ctx, a.Node, a.Directory)
	}
	return orrery.Errorf(orrery.Internal, "%q is no action that Kafka carries out", a.Verb)
}

// throughKafka reports whether an action is carried out by Kafka and not by the substrate.
func throughKafka(verb substrate.Verb) bool {
	switch verb {
	case substrate.PrepareStateTopics, AlterConfiguration, Reassign, EndReassignment, ElectLeaders, FinalizeFeatures, RemoveVoter, AddVoter:
		return true
	}
	return false
}
