// Package operator makes one physical cluster real on a substrate: it observes, compares with what is desired,
// carries out one action at a time, and says how far it is in conditions.
//
// Step is the whole of it: no goroutine, no clock. What fails is tried again after a pause that grows, which is
// state with a deadline and an explanation; a converged cluster takes one observation and nothing else.
package operator

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// Desired is what one physical cluster should be.
type Desired struct {
	Generation orrery.Generation
	Spec       orrery.PSCSpec
	// Deleted asks for its removal with everything in it; whoever sets it has proof that this is meant.
	Deleted bool
}

// Substrate is the port that an operator works through; who hands it on needs to know no more of it.
type Substrate = substrate.Substrate

// Config is what an operator needs.
type Config struct {
	ID        string // pkc-…
	Substrate Substrate
	Open      brokers.Opener
	// Changed is called, from any goroutine, when a step is worth taking before its time.
	Changed func()
	Logger  *slog.Logger
}

// Operator works on one physical cluster. It is not for more than one goroutine at a time.
type Operator struct {
	config  Config
	cluster brokers.Cluster
	view    View
	// known are the conditions of the last status, for their Since.
	known []orrery.Condition
	// endpoints are the addresses once known; they are told on when the substrate cannot be looked at.
	endpoints orrery.Endpoints
	failures  map[string]failure
}

// failure is an action that did not take hold: it waits until retry.
type failure struct {
	attempts int
	retry    time.Time
	message  string
	// seen is what was observed of its target after it failed. Once it looks different, the pause is cut short,
	// one time.
	seen     any
	cutShort bool
}

// Pauses after a failed action, and how long a converged cluster is left alone.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
	quiet      = time.Minute
)

// New makes an operator for one physical cluster.
func New(config Config) *Operator {
	if config.Changed == nil {
		config.Changed = func() {}
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Operator{config: config, failures: map[string]failure{}}
}

// Cluster returns Kafka's own view of the cluster; ok is false until it exists and a broker runs.
func (o *Operator) Cluster() (cluster brokers.Cluster, ok bool) { return o.cluster, o.cluster != nil }

// StateTopics reports whether the state topics exist.
func (o *Operator) StateTopics() bool { return o.view.StateTopics }

// Close ends the connections to the cluster. The cluster itself goes on.
func (o *Operator) Close() {
	if o.cluster != nil {
		o.cluster.Close()
		o.cluster = nil
	}
}

// maxActions bounds the actions of one step: what a cluster of n brokers takes from nothing, and then some.
func maxActions(brokers int) int { return 4*brokers + 8 }

// Step brings the cluster nearer to what is desired, as far as it goes without waiting, and returns its status
// and when the next step is due. The error is for the log: what a user should know of it is in the conditions.
func (o *Operator) Step(ctx context.Context, now time.Time, desired Desired) (status orrery.PSCStatus, next time.Time, err error) {
	for range maxActions(desired.Spec.Brokers) {
		observed, err := o.config.Substrate.Observe(ctx, o.config.ID)
		if err != nil {
			return o.blind(desired, now, err), now.Add(lastPause), fmt.Errorf("observing %s: %w", o.config.ID, err)
		}
		if err := o.reach(ctx, observed); err != nil {
			return o.blind(desired, now, err), now.Add(lastPause), err
		}
		action, found := o.nextAction(Diff(desired, observed, o.view, now), observed, now)
		if !found {
			return o.status(desired, observed, now), o.due(observed, desired, now), nil
		}
		o.carryOut(ctx, now, action, observed)
		if ctx.Err() != nil {
			return o.status(desired, observed, now), now, ctx.Err()
		}
	}
	observed, err := o.config.Substrate.Observe(ctx, o.config.ID)
	if err != nil {
		return o.blind(desired, now, err), now.Add(lastPause), fmt.Errorf("observing %s: %w", o.config.ID, err)
	}
	return o.status(desired, observed, now), now.Add(firstPause), nil
}

// reach opens the view from inside once a broker runs, and closes it when the cluster is gone.
func (o *Operator) reach(ctx context.Context, observed substrate.Observed) error {
	if !observed.Created {
		o.Close()
		o.view = View{}
		return nil
	}
	running := false
	for _, b := range observed.Brokers {
		running = running || b.Running
	}
	if o.cluster != nil || !running {
		return nil
	}
	access, err := o.config.Substrate.Access(ctx, o.config.ID)
	if err != nil {
		return fmt.Errorf("reaching the brokers of %s: %w", o.config.ID, err)
	}
	cluster, err := o.config.Open(o.config.ID, brokers.Access(access), o.config.Changed)
	if err != nil {
		return fmt.Errorf("opening %s: %w", o.config.ID, err)
	}
	o.cluster = cluster
	return nil
}

// nextAction is the first that is not waiting after a failure.
func (o *Operator) nextAction(actions []substrate.Action, observed substrate.Observed, now time.Time) (substrate.Action, bool) {
	wanted := map[string]bool{}
	for _, a := range actions {
		wanted[key(a)] = true
	}
	for k := range o.failures {
		if !wanted[k] {
			delete(o.failures, k) // it took hold after all, or is not needed any more
		}
	}
	for _, a := range actions {
		f, failed := o.failures[key(a)]
		if !failed || !now.Before(f.retry) {
			return a, true
		}
		if !f.cutShort && !reflect.DeepEqual(f.seen, target(a, observed)) {
			f.cutShort = true
			o.failures[key(a)] = f
			return a, true
		}
	}
	return substrate.Action{}, false
}

// target is the part of what is observed that an action is about.
func target(a substrate.Action, observed substrate.Observed) any {
	node := int(a.Node)
	switch {
	case a.Verb == substrate.StartBroker && node < len(observed.Brokers):
		return observed.Brokers[node]
	case a.Verb == substrate.StartGateway && node < len(observed.Gateways):
		return observed.Gateways[node]
	case a.Verb == substrate.StartBalancer:
		return observed.Balancer
	}
	return observed.Created
}

func key(a substrate.Action) string { return fmt.Sprintf("%s/%d", a.Verb, a.Node) }

// carryOut takes one action and remembers its failure. An action that reports success and changes nothing that
// can be observed is a failure too: it would be taken again at once.
func (o *Operator) carryOut(ctx context.Context, now time.Time, a substrate.Action, before substrate.Observed) {
	failed := o.do(ctx, a)
	after, err := o.config.Substrate.Observe(ctx, o.config.ID)
	switch {
	case err != nil:
		return // the next look says so
	case failed == nil && a.Verb == substrate.PrepareStateTopics:
		o.view.StateTopics = true
	case failed == nil && reflect.DeepEqual(after, before):
		failed = orrery.Errorf(orrery.Unavailable, "%s reported success and changed nothing", a.Verb)
	}
	if failed == nil {
		delete(o.failures, key(a))
		o.config.Logger.Info("action", "physical_cluster", o.config.ID, "action", a.Verb, "node", a.Node, "reason", a.Reason)
		return
	}
	o.fail(a, now, after, message(failed))
	o.config.Logger.Warn("an action failed", "physical_cluster", o.config.ID, "action", a.Verb, "node", a.Node, "reason", a.Reason, "error", failed)
}

func (o *Operator) do(ctx context.Context, a substrate.Action) error {
	if a.Verb != substrate.PrepareStateTopics {
		return o.config.Substrate.Do(ctx, o.config.ID, a)
	}
	if o.cluster == nil {
		return orrery.Errorf(orrery.Unavailable, "no broker can be reached")
	}
	return o.cluster.PrepareStateTopics(ctx)
}

func (o *Operator) fail(a substrate.Action, now time.Time, observed substrate.Observed, message string) {
	f := o.failures[key(a)]
	f.attempts++
	pause := lastPause
	if f.attempts < 8 {
		pause = min(firstPause<<(f.attempts-1), lastPause)
	}
	if !now.Before(f.retry) {
		f.cutShort = false
	}
	f.retry, f.message, f.seen = now.Add(pause), message, target(a, observed)
	o.failures[key(a)] = f
}

// message is what a person may read of an error: an operator's conditions are for the people who run the
// platform, so a foreign error's text is shown too.
func message(err error) string {
	if orrery.ErrorCode(err) != orrery.Internal {
		return orrery.ErrorMessage(err)
	}
	return err.Error()
}

// due is when the next step is needed by itself: a retry, a certificate's renewal, or a look now and then.
func (o *Operator) due(observed substrate.Observed, desired Desired, now time.Time) time.Time {
	next := now.Add(quiet)
	for _, f := range o.failures {
		if f.retry.Before(next) {
			next = f.retry
		}
	}
	if desired.Spec.Gateways && !observed.CertificateExpires.IsZero() {
		if renewal := certificateRenewal(observed); renewal.After(now) && renewal.Before(next) {
			next = renewal
		}
	}
	return next
}

func (o *Operator) status(desired Desired, observed substrate.Observed, now time.Time) orrery.PSCStatus {
	o.known = o.conditions(desired, observed, now)
	if observed.Created {
		o.endpoints = observed.Endpoints
	}
	status := orrery.PSCStatus{
		ObservedGeneration: desired.Generation,
		Conditions:         o.known,
		Endpoints:          o.endpoints,
		Gone:               desired.Deleted && !observed.Created,
	}
	for _, b := range observed.Brokers {
		state := "running"
		if !b.Running {
			state = "stopped"
		}
		status.Brokers = append(status.Brokers, orrery.BrokerStatus{Node: b.Node, State: state, Message: b.Message})
	}
	return status
}

// blind is the status of a cluster that cannot be looked at.
func (o *Operator) blind(desired Desired, now time.Time, err error) orrery.PSCStatus {
	c := orrery.Condition{Type: orrery.ConditionBrokersRunning, Status: orrery.Unknown, Reason: reasonSubstrateFailed, Message: message(err), Since: now}
	o.known = Summarize(keep(orrery.SetCondition(o.known, c), []orrery.Condition{c}), now)
	return orrery.PSCStatus{ObservedGeneration: desired.Generation, Conditions: o.known, Endpoints: o.endpoints}
}
