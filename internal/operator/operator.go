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
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/health"
	"github.com/orrery-kafka/orrery/internal/profile"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// Desired is what one physical cluster should be.
type Desired struct {
	Generation orrery.Generation
	Spec       orrery.PSCSpec
	// Deleted asks for its removal with everything in it, and Proof says why that is meant and nothing is lost by it, as
	// it was found when it was asked for.
	Deleted bool
	Proof   string
	// Verdicts are what is thought of the health of the brokers; none where nobody looks.
	Verdicts []health.Verdict
}

// Substrate is the port that an operator works through; who hands it on needs to know no more of it.
type Substrate = substrate.Substrate

// Config is what an operator needs.
type Config struct {
	ID        string // pkc-…
	Substrate Substrate
	Open      brokers.Opener
	// Paused has the operator look and report, and do nothing, whatever is desired.
	Paused bool
	// Changed is called, from any goroutine, when a step is worth taking before its time.
	Changed func()
	Logger  *slog.Logger
}

// Operator works on one physical cluster. It is not for more than one goroutine at a time.
type Operator struct {
	config  Config
	cluster brokers.Cluster
	view    View
	asked   asked
	plan    Plan // of the last look
	// waiting is since when there are the waits of the last plan, by what and whom.
	waiting map[string]waiting
	// told is the last action that went through Kafka, by its key: one that is asked for again in the same words has
	// changed nothing.
	told map[string]Action
	// restless is since when Kafka has something to catch up with.
	restless time.Time
	// known are the conditions of the last status, for their Since.
	known []orrery.Condition
	// endpoints are the addresses once known; they are told on when the substrate cannot be looked at.
	endpoints orrery.Endpoints
	failures  map[string]failure
}

// failure is an action that did not take hold: it waits until retry.
type failure struct {
	attempts int
	since    time.Time
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
	return &Operator{config: config, failures: map[string]failure{}, waiting: map[string]waiting{}, told: map[string]Action{}}
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
	for left := maxActions(desired.Spec.Brokers); ; left-- {
		observed, err := o.config.Substrate.Observe(ctx, o.config.ID)
		if err != nil {
			return o.blind(desired, now, err), now.Add(lastPause), fmt.Errorf("observing %s: %w", o.config.ID, err)
		}
		if err := o.reach(ctx, observed); err != nil {
			return o.blind(desired, now, err), now.Add(lastPause), err
		}
		o.ask(ctx, now, desired, observed)
		o.plan = Diff(desired, observed, o.view, now)
		action, found := o.nextAction(observed, now)
		if paused(desired, o.config.Paused) != "" {
			found = false
		}
		if !found || left == 0 {
			o.note(desired, observed, now)
			next := o.due(observed, desired, now)
			if found {
				next = now.Add(firstPause)
			}
			return o.status(desired, observed, now), next, nil
		}
		o.carryOut(ctx, now, action, observed)
		o.treat(desired, action)
		if ctx.Err() != nil {
			return o.status(desired, observed, now), now, ctx.Err()
		}
	}
}

// paused says why nothing is done; "" where it is.
func paused(desired Desired, satellite bool) string {
	switch {
	case satellite:
		return "the satellite is paused"
	case desired.Spec.Paused:
		return "its specification says that it is paused"
	}
	return ""
}

// reach opens the view from inside once a broker runs, and closes it when the cluster is gone.
func (o *Operator) reach(ctx context.Context, observed substrate.Observed) error {
	if !observed.Created {
		o.Close()
		o.view, o.asked = View{}, asked{}
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
func (o *Operator) nextAction(observed substrate.Observed, now time.Time) (Action, bool) {
	wanted := map[string]bool{}
	for _, a := range o.plan.Actions {
		wanted[key(a)] = true
	}
	for k := range o.failures {
		if !wanted[k] {
			delete(o.failures, k) // it took hold after all, or is not needed any more
		}
	}
	for k := range o.told {
		if !wanted[k] {
			delete(o.told, k)
		}
	}
	for _, a := range o.plan.Actions {
		f, failed := o.failures[key(a)]
		if before, told := o.told[key(a)]; told && !failed && sameWords(a, before) {
			o.fail(a, now, observed, fmt.Sprintf("%s was done and is needed again", a.Verb))
			continue
		}
		if !failed || !now.Before(f.retry) {
			return a, true
		}
		if !f.cutShort && !reflect.DeepEqual(f.seen, target(a, observed)) {
			f.cutShort = true
			o.failures[key(a)] = f
			return a, true
		}
	}
	return Action{}, false
}

// sameWords reports whether an action is another one's repetition, whatever its reason.
func sameWords(a, b Action) bool {
	a.Reason, b.Reason = "", ""
	return reflect.DeepEqual(a, b)
}

// target is the part of what is observed that an action is about.
func target(a Action, observed substrate.Observed) any {
	switch a.Verb {
	case substrate.StartBroker:
		for _, b := range slices.Concat(observed.Brokers, observed.Controllers) {
			if b.Node == a.Node {
				return b
			}
		}
	case substrate.StartGateway:
		for _, g := range observed.Gateways {
			if g.Node == a.Node {
				return g
			}
		}
	case substrate.StartBalancer:
		return observed.Balancer
	}
	return observed.Created
}

func key(a Action) string { return actionKey(a.Verb, a.Node) }

func actionKey(verb substrate.Verb, node int32) string { return fmt.Sprintf("%s/%d", verb, node) }

// failed returns the failure of an action that did not take hold.
func (o *Operator) failed(verb substrate.Verb, node int32) (failure, bool) {
	f, ok := o.failures[actionKey(verb, node)]
	return f, ok
}

// carryOut takes one action and remembers its failure. An action that reports success and changes nothing that
// can be observed is a failure too: it would be taken again at once.
func (o *Operator) carryOut(ctx context.Context, now time.Time, a Action, before substrate.Observed) {
	failed := o.do(ctx, a)
	after, err := o.config.Substrate.Observe(ctx, o.config.ID)
	switch {
	case err != nil:
		return // the next look says so
	case failed == nil && a.Verb == substrate.PrepareStateTopics:
		o.view.StateTopics = true
	case failed == nil && throughKafka(a.Verb):
		o.told[key(a)] = a
	case failed == nil && reflect.DeepEqual(after, before):
		failed = orrery.Errorf(orrery.Unavailable, "%s reported success and changed nothing", a.Verb)
	}
	if failed == nil {
		o.did(a)
		o.config.Logger.Info("action", "physical_cluster", o.config.ID, "action", a.Verb, "node", a.Node, "reason", a.Reason)
		return
	}
	o.fail(a, now, after, message(failed))
	o.config.Logger.Warn("an action failed", "physical_cluster", o.config.ID, "action", a.Verb, "node", a.Node, "reason", a.Reason, "error", failed)
}

// treat remembers that a broker was stopped for its health, and why its storage is to be replaced: of one that is down
// nobody says that it is ill.
func (o *Operator) treat(desired Desired, a Action) {
	if _, failed := o.failures[key(a)]; failed || a.Verb != substrate.StopBroker {
		return
	}
	l := &look{verdicts: desired.Verdicts, view: o.view}
	v, condemned := l.ill(a.Node, health.Replace)
	if condemned {
		o.view.Condemned = with(o.view.Condemned, a.Node, diagnosis(v))
	} else if v, condemned = l.ill(a.Node, health.Restart); !condemned {
		return
	}
	o.view.Treated = with(o.view.Treated, a.Node, v.Since)
}

// with adds to a map, which others may hold.
func with[T any](all map[int32]T, node int32, v T) map[int32]T {
	all = maps.Clone(all)
	if all == nil {
		all = map[int32]T{}
	}
	all[node] = v
	return all
}

// did notes that an action took hold.
func (o *Operator) did(a Action) {
	delete(o.failures, key(a))
	if a.Verb == substrate.StartBroker {
		o.view.Ordered = with(o.view.Ordered, a.Node, a.Spec)
	}
	if a.Verb == substrate.ReplaceStorage {
		o.view.Condemned = maps.Clone(o.view.Condemned)
		delete(o.view.Condemned, a.Node)
	}
}

func (o *Operator) do(ctx context.Context, a Action) error {
	if throughKafka(a.Verb) {
		return o.tell(ctx, a)
	}
	if a.Verb == substrate.RemoveBroker {
		if err := o.cluster.Unregister(ctx, a.Node); err != nil {
			return fmt.Errorf("unregistering %s: %w", nodeName(a.Node), err)
		}
	}
	return o.config.Substrate.Do(ctx, o.config.ID, a.Action)
}

func (o *Operator) fail(a Action, now time.Time, observed substrate.Observed, message string) {
	f, failedBefore := o.failures[key(a)]
	if !failedBefore {
		f.since = now
	}
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

// due is when the next step is needed by itself: a retry, a certificate's renewal, the end of somebody's patience, what
// Kafka does without telling, or a look now and then.
func (o *Operator) due(observed substrate.Observed, desired Desired, now time.Time) time.Time {
	next := now.Add(quiet)
	sooner := func(t time.Time) {
		if t.After(now) && t.Before(next) {
			next = t
		}
	}
	for _, f := range o.failures {
		if f.retry.Before(next) {
			next = f.retry
		}
	}
	if desired.Spec.Gateways && !observed.CertificateExpires.IsZero() {
		sooner(certificateRenewal(observed))
	}
	for _, b := range observed.Brokers {
		if !b.CertificateExpires.IsZero() {
			sooner(renewal(b.CertificateIssued, b.CertificateExpires))
		}
	}
	for _, w := range o.plan.Waits {
		since := o.waiting[w.key()].since
		sooner(since.Add(w.Patience))
		sooner(now.Add(min(max(firstLook, now.Sub(since)/4), quiet)))
	}
	if l := newLook(desired, observed, View{}, now); o.asked.last != nil && (!l.atRest(o.asked.last) || o.asked.failed != "") {
		sooner(now.Add(min(max(firstLook, now.Sub(o.restless)/4), quiet)))
	}
	if !o.view.Healthy.IsZero() && len(unfinalized(desired.Spec.Version, o.view.Features)) > 0 {
		sooner(o.view.Healthy.Add(profile.Bake(desired.Spec)))
	}
	return next
}

// firstLook is when something is looked at again that gets on by itself and sends no word; later ones are rarer.
const firstLook = time.Second

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
	for _, b := range slices.Concat(observed.Brokers, observed.Controllers) {
		status.Brokers = append(status.Brokers, orrery.BrokerStatus{Node: b.Node, State: state(b), Version: b.Version, Message: b.Message})
	}
	return status
}

func state(b substrate.Broker) string {
	switch {
	case b.Running:
		return "running"
	case b.Starting:
		return "starting"
	case b.Stopping:
		return "stopping"
	}
	return "stopped"
}

// blind is the status of a cluster that cannot be looked at.
func (o *Operator) blind(desired Desired, now time.Time, err error) orrery.PSCStatus {
	c := orrery.Condition{Type: orrery.ConditionBrokersRunning, Status: orrery.Unknown, Reason: reasonSubstrateFailed, Message: message(err), Since: now}
	o.known = Summarize(keep(orrery.SetCondition(o.known, c), []orrery.Condition{c}), now)
	return orrery.PSCStatus{ObservedGeneration: desired.Generation, Conditions: o.known, Endpoints: o.endpoints}
}
