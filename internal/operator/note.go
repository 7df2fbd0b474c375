package operator

import (
	"fmt"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/profile"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// waiting is a wait as it was first seen.
type waiting struct {
	since   time.Time
	message string
}

func (w Wait) key() string { return fmt.Sprintf("%s/%d", w.What, w.Node) }

// note remembers since when there is what there is: waits, unrest, and health. What has changed gets on, and so begins
// anew.
func (o *Operator) note(desired Desired, observed substrate.Observed, now time.Time) {
	still := map[string]waiting{}
	for _, w := range o.plan.Waits {
		if old, ok := o.waiting[w.key()]; ok && old.message == w.Message {
			still[w.key()] = old
		} else {
			still[w.key()] = waiting{since: now, message: w.Message}
		}
	}
	o.waiting = still
	l := newLook(desired, observed, View{}, now)
	rest := o.asked.last != nil && l.atRest(o.asked.last) && o.asked.failed == ""
	switch {
	case rest:
		o.restless = time.Time{}
	case o.restless.IsZero():
		o.restless = now
	}
	switch {
	case !rest || !o.plan.settled() || l.othersRun(-1) != "" || desired.Deleted:
		o.view.Healthy = time.Time{}
	case o.view.Healthy.IsZero():
		o.view.Healthy = now
	}
}

// progressing says what is being done, why nothing is, or that it is stuck.
func (o *Operator) progressing(desired Desired, now time.Time) orrery.Condition {
	c := orrery.Condition{Type: orrery.ConditionProgressing, Status: orrery.False, Reason: orrery.ReasonSettled, Message: "nothing is under way"}
	what, text, since, patience, owner := o.underWay()
	switch why := paused(desired, o.config.Paused); {
	case why != "":
		c.Reason, c.Message = reasonPaused, "nothing is done, because "+why
		if what != "" {
			c.Message += "; this would be: " + text
		}
	case what == "":
	case !since.IsZero() && now.Sub(since) >= patience:
		c.Reason = reasonStuck
		c.Message = fmt.Sprintf("it has not got on since %s, and should have after %s; it is for %s: %s", since.UTC().Format(time.RFC3339), patience, owner, text)
	default:
		c.Status, c.Reason, c.Message = orrery.True, what, text
	}
	return c
}

// underWay is what is most worth telling of what goes on, with since when it has been like that: what is stuck for
// longest before what gets on.
func (o *Operator) underWay() (what, text string, since time.Time, patience time.Duration, owner string) {
	most := func(w, t, by string, at time.Time, p time.Duration) {
		if what == "" || !at.IsZero() && (since.IsZero() || at.Add(p).Before(since.Add(patience))) {
			what, text, since, patience, owner = w, t, at, p, by
		}
	}
	for _, w := range o.plan.Waits {
		at := o.waiting[w.key()].since
		most(w.What, w.Message, w.Owner, at, w.Patience)
	}
	for _, a := range o.plan.Actions {
		if f, failed := o.failures[key(a)]; failed {
			most(reasonActionFails, fmt.Sprintf("%s: %s fails and is tried again: %s", a.Reason, a.Verb, f.message), "the substrate", f.since, actionPatience)
		} else {
			most(reasonActing, fmt.Sprintf("%s: %s", a.Verb, a.Reason), "the operator", time.Time{}, 0)
		}
	}
	return what, text, since, patience, owner
}

// actionPatience is how long an action may fail before it is stuck.
const actionPatience = 5 * time.Minute

// replicated says how Kafka is, as it was last asked.
func (o *Operator) replicated() (orrery.Condition, bool) {
	c := orrery.Condition{Type: orrery.ConditionReplicated, Status: orrery.True, Reason: reasonInSync, Message: "every replica is in sync"}
	k := o.asked.last
	switch {
	case o.asked.failed != "":
		c.Status, c.Reason, c.Message = orrery.Unknown, reasonKafkaSilent, "Kafka cannot be asked: "+o.asked.failed
	case k == nil:
		return c, false
	case k.OfflinePartitions > 0:
		c.Status, c.Reason, c.Message = orrery.False, reasonOffline, fmt.Sprintf("%d partitions have no leader", k.OfflinePartitions)
	case k.UnderReplicatedPartitions > 0:
		c.Status, c.Reason, c.Message = orrery.False, reasonUnderReplicated, fmt.Sprintf("%d partitions have a replica that is not in sync", k.UnderReplicatedPartitions)
	}
	return c, true
}

// finalized says whether the version before can still be gone back to.
func (o *Operator) finalized(desired Desired, observed substrate.Observed) (orrery.Condition, bool) {
	if desired.Spec.Engine == orrery.EngineEmbedded || o.view.Features == nil {
		return orrery.Condition{}, false
	}
	version := observed.Spec.Version
	c := orrery.Condition{
		Type: orrery.ConditionFeaturesFinalized, Status: orrery.True, Reason: reasonFinalized,
		Message: "everything that version " + version + " can do is in use",
	}
	levels := unfinalized(version, o.view.Features)
	if len(levels) == 0 {
		return c, true
	}
	c.Status, c.Reason = orrery.False, reasonBaking
	c.Message = fmt.Sprintf("it can still go back to the version before: %s is finalised once all has been well for %s", describeLevels(levels), profile.Bake(desired.Spec))
	if !o.view.Healthy.IsZero() {
		c.Message += ", which is the case on " + o.view.Healthy.Add(profile.Bake(desired.Spec)).UTC().Format(time.RFC3339)
	}
	return c, true
}
