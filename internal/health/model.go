package health

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Model is what is remembered of the brokers of one physical cluster from one round to the next. It is a value: Next
// returns another one and leaves it as it is.
type Model struct {
	rules   Rules
	brokers map[int32]broker
	// acting is the broker about which something is asked for, where busy is true; acted, when that last began.
	acting int32
	busy   bool
	acted  time.Time
}

// broker is what is remembered of one broker.
type broker struct {
	verdict Verdict
	// bad and good count such rounds in a row; badSince and goodSince are the first of them.
	bad, good           int
	badSince, goodSince time.Time
	// down is when it was last seen down, until its first good round after that or Rules.Settle: its gateway begins after
	// it, and its replicas have to catch up.
	down time.Time
	// demoted is when the present demotion began; restarts are when restarts were asked for, the newest last.
	demoted  time.Time
	restarts []time.Time
}

// New returns a model of a cluster of which nothing is known.
func New(rules Rules) Model { return Model{rules: rules.withDefaults()} }

// Next takes in one round and returns the verdicts, by node: one for each broker that there are signals of. A broker
// that no signals come of any more is forgotten.
func (m Model) Next(now time.Time, signals []Signals) (Model, []Verdict) {
	r := round{rules: m.rules, now: now}
	for _, s := range signals {
		r.signals = append(r.signals, r.known(s))
	}
	slices.SortFunc(r.signals, func(a, b Signals) int { return cmp.Compare(a.Node, b.Node) })
	r.signals = slices.CompactFunc(r.signals, func(a, b Signals) bool { return a.Node == b.Node })

	next := Model{rules: m.rules, brokers: map[int32]broker{}, acting: m.acting, busy: m.busy, acted: m.acted}
	symptoms := map[int32]symptom{}
	judged, bad, down := 0, 0, 0
	for _, s := range r.signals {
		b, known := m.brokers[s.Node]
		if !known {
			b.verdict = Verdict{Node: s.Node, Standing: Healthy, Since: now}
		}
		switch {
		case !s.Up:
			down++
			b = b.reset(now)
		case anything(s):
			judged++
			found := r.examine(s)
			if found.cause == "" || now.Sub(b.down) >= m.rules.Settle {
				b.down = time.Time{}
			}
			if found.cause != "" {
				bad++
			}
			if !b.down.IsZero() {
				break // it comes
			}
			if found.cause != "" {
				symptoms[s.Node] = found
			}
			b = b.count(found.cause != "", now)
		}
		next.brokers[s.Node] = b
	}
	next.settle(now, symptoms, 2*bad > judged)
	if down == 0 && 2*bad <= judged {
		next.choose(now, symptoms)
	}
	verdicts := make([]Verdict, 0, len(next.brokers))
	for _, node := range slices.Sorted(maps.Keys(next.brokers)) {
		verdicts = append(verdicts, next.brokers[node].verdict)
	}
	return next, verdicts
}

// reset is a broker that is down or on its way: whatever was asked for about it is being done or is beside the point,
// and what it looks like when it is back is seen then.
func (b broker) reset(now time.Time) broker {
	b.bad, b.good, b.down = 0, 0, now
	b.demoted = time.Time{}
	if b.verdict.Standing.Acts() {
		b.verdict.Standing, b.verdict.Since = Suspect, now
	}
	return b
}

// count takes a round into account.
func (b broker) count(bad bool, now time.Time) broker {
	if bad {
		if b.bad == 0 {
			b.badSince = now
		}
		b.bad, b.good = b.bad+1, 0
		return b
	}
	if b.good == 0 {
		b.goodSince = now
	}
	b.bad, b.good = 0, b.good+1
	return b
}

// settle brings every verdict up to date but does not let a broker be asked something about that was not before.
func (m *Model) settle(now time.Time, symptoms map[int32]symptom, most bool) {
	for node, b := range m.brokers {
		v := &b.verdict
		switch {
		case v.Standing != Healthy && b.good >= m.rules.RecoverRounds && now.Sub(b.goodSince) >= m.rules.RecoverAfter:
			*v = Verdict{Node: node, Standing: Healthy, Since: now}
			b.demoted = time.Time{}
		case v.Standing.Acts() && most:
			*v = Verdict{Node: node, Standing: Suspect, Cause: v.Cause, Since: now, Evidence: append(slices.Clone(v.Evidence), "most brokers look bad at once, so nothing is done")}
			b.bad, b.demoted = 0, time.Time{}
		case v.Standing == Healthy && b.bad >= m.rules.SuspectRounds:
			*v = Verdict{Node: node, Standing: Suspect, Cause: symptoms[node].cause, Evidence: symptoms[node].evidence, Since: now}
		}
		m.brokers[node] = b
	}
	if m.busy {
		m.busy = m.brokers[m.acting].verdict.Standing.Acts()
	}
}

// choose asks for something about the broker that has looked bad for longest, where there is one and it is time; or for
// more about the one about which something is asked for already.
func (m *Model) choose(now time.Time, symptoms map[int32]symptom) {
	if m.busy {
		m.escalate(now, symptoms)
		return
	}
	if !m.acted.IsZero() && now.Sub(m.acted) < m.rules.Pause {
		return
	}
	chosen := broker{}
	for _, node := range slices.Sorted(maps.Keys(symptoms)) {
		b := m.brokers[node]
		confirmed := b.bad >= m.rules.ConfirmRounds && now.Sub(b.badSince) >= m.rules.ConfirmAfter
		if confirmed && (chosen.bad == 0 || b.badSince.Before(chosen.badSince)) {
			chosen = b
		}
	}
	if chosen.bad == 0 {
		return
	}
	m.ask(now, chosen, symptoms[chosen.verdict.Node])
}

// ask makes the verdict that asks for something.
func (m *Model) ask(now time.Time, b broker, found symptom) {
	node := b.verdict.Node
	b.verdict = Verdict{Node: node, Standing: Demote, Cause: found.cause, Since: now, Evidence: slices.Clone(found.evidence)}
	b.verdict.Evidence = append(b.verdict.Evidence, fmt.Sprintf("so for %d rounds, %s", b.bad, now.Sub(b.badSince).Round(time.Second)))
	b.restarts = slices.DeleteFunc(slices.Clone(b.restarts), func(at time.Time) bool { return now.Sub(at) > m.rules.RestartsWithin })
	switch {
	case found.cause == StorageFailed:
		b.verdict.Standing = Replace
	case (found.cause == ProcessStopped || found.cause == NoAnswer) && len(b.restarts) < m.rules.Restarts:
		b.verdict.Standing = Restart
		b.restarts = append(b.restarts, now)
	case found.cause == ProcessStopped || found.cause == NoAnswer:
		b.verdict.Evidence = append(b.verdict.Evidence, fmt.Sprintf("%d restarts within %s did not help", len(b.restarts), m.rules.RestartsWithin))
	}
	if b.verdict.Standing == Demote {
		b.demoted = now
	}
	m.brokers[node] = b
	m.acting, m.busy, m.acted = node, true, now
}

// escalate asks for the replacement of a disk that does not get better, or is found to have failed.
func (m *Model) escalate(now time.Time, symptoms map[int32]symptom) {
	b := m.brokers[m.acting]
	found, ill := symptoms[m.acting]
	if !ill || b.verdict.Standing == Replace {
		return
	}
	worn := found.cause == SlowDisk && b.verdict.Standing == Demote && now.Sub(b.demoted) >= m.rules.ReplaceAfter
	failed := found.cause == StorageFailed && b.bad >= m.rules.ConfirmRounds
	if !worn && !failed {
		return
	}
	b.verdict = Verdict{Node: m.acting, Standing: Replace, Cause: found.cause, Since: now, Evidence: slices.Clone(found.evidence)}
	if worn {
		b.verdict.Evidence = append(b.verdict.Evidence, fmt.Sprintf("it has been demoted for %s", now.Sub(b.demoted).Round(time.Second)))
	}
	m.brokers[m.acting] = b
}
