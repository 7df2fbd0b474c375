package satellite

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/operator"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// conditionDeletable is False on a deleted physical cluster that still holds something.
const conditionDeletable = "Deletable"

// deletionPause is when a physical cluster that could not be deleted yet is looked at again.
const deletionPause = time.Second

// psc is one physical cluster of this satellite.
type psc struct {
	entry    entry
	spec     orrery.PSCSpec
	operator *operator.Operator
	status   orrery.PSCStatus
	// refused says why the last message about it was not taken; "" where it was.
	refused, refusedReason string
	// forget: its tombstone came, and its entry goes once nothing is left of it.
	forget    bool
	endpoints knownEndpoints
	// providers are its identity providers, by id; keySetHashes, of the keys that were written last, while the tail does
	// not show them yet.
	providers    map[string]knownProvider
	keySetHashes map[string]string
	// metered is when the use of its tenants was last added up.
	metered time.Time
	probing probing
	judged  judging
	// attempts counts writes of the state topic that failed in a row; retry is when the next one is due.
	attempts int
	retry    time.Time
}

// validPSC is what an id may look like: it names a file.
var validPSC = regexp.MustCompile(`^` + orrery.PrefixPhysicalKafka + `-[a-z0-9]{1,32}$`)

func (s *Satellite) newPSC(e entry) *psc {
	p := &psc{providers: map[string]knownProvider{}, keySetHashes: map[string]string{}, operator: operator.New(operator.Config{
		ID: e.ID, Substrate: s.config.Substrate, Open: s.config.Open, Paused: s.config.Paused, Changed: s.config.Changed, Logger: s.config.Logger,
	})}
	p.set(e)
	return p
}

// set replaces what is desired. The spec was checked before it came into an entry.
func (p *psc) set(e entry) {
	p.entry = e
	p.spec, _ = e.spec()
}

// report is the status of a physical cluster as it goes over the link.
func (p *psc) report() orrery.Status {
	status := orrery.Status{
		Generation: p.entry.Generation,
		Applied:    p.status.Ready(p.entry.Generation) && p.settled(),
		Gone:       p.status.Gone,
		PSC:        &p.status,
	}
	if p.entry.Local {
		status.Local = &p.spec
	}
	if p.entry.Deleted {
		status.Applied = p.status.Gone
	}
	for _, conditionType := range []string{orrery.ConditionProgressing, orrery.ConditionReady} { // whether it serves says more
		if c, ok := orrery.FindCondition(p.status.Conditions, conditionType); ok && !status.Applied && (status.Reason == "" || c.Status != orrery.True) {
			status.Reason = c.Message
		}
	}
	return status
}

// settled reports whether nothing is left to be done for what is desired, or nothing is to be done.
func (p *psc) settled() bool {
	c, ok := orrery.FindCondition(p.status.Conditions, orrery.ConditionProgressing)
	return ok && c.Status != orrery.True && (c.Reason == orrery.ReasonSettled || p.spec.Paused)
}

// takePSC notes a physical cluster from the link.
func (s *Satellite) takePSC(m link.Message) error {
	p, known := s.pscs[m.ID]
	if known && p.entry.Local {
		s.refuse(m, "the physical cluster comes from this satellite's own configuration")
		return nil
	}
	if !validPSC.MatchString(m.ID) {
		s.refuse(m, fmt.Sprintf("%q is not the id of a physical Kafka cluster", m.ID))
		return nil
	}
	if m.Tombstone {
		return s.forgetPSC(m.ID)
	}
	e := entry{ID: m.ID, Generation: m.Generation, Deleted: m.Deleted}
	problem := e.take(m.Content)
	switch {
	case !known && problem != "":
		s.refuse(m, problem)
		return nil
	case !known:
		if err := s.ledger.write(e); err != nil {
			return err
		}
		s.pscs[e.ID] = s.newPSC(e)
		return nil
	}
	switch order := m.Generation.Compare(p.entry.Generation); {
	case order < 0:
		s.config.Logger.Debug("an older generation came late and is passed over", "key", m.Key(), "generation", m.Generation, "in_force", p.entry.Generation)
		return nil
	case order == 0 && problem == "" && e.Hash == p.entry.Hash && e.Deleted == p.entry.Deleted:
		p.refused = ""
		s.reports.again(m)
		return nil
	case order == 0:
		p.refused, p.refusedReason = fmt.Sprintf("generation %s came a second time with other content; the first one stays in force", m.Generation), "SameGenerationOtherContent"
		return nil
	case p.entry.Deleted && !e.Deleted:
		p.refused, p.refusedReason = "it was deleted; a physical cluster does not come back under the same id", "Deleted"
		return nil
	case problem != "":
		p.refused, p.refusedReason = fmt.Sprintf("generation %s cannot be used: %s", m.Generation, problem), "InvalidContent"
		return nil
	}
	if err := s.ledger.write(e); err != nil {
		return err
	}
	p.refused = ""
	p.set(e)
	return nil
}

// take puts content into the entry and says what is wrong with it.
func (e *entry) take(content []byte) (problem string) {
	canonical, err := orrery.CanonicalJSON(content)
	if err != nil {
		return "its content is not JSON: " + err.Error()
	}
	e.Content, e.Hash = canonical, orrery.Hash(canonical)
	spec, err := e.spec()
	switch {
	case err != nil:
		return "its content is not a specification: " + err.Error()
	case spec.Kind != orrery.KindKafka:
		return fmt.Sprintf("this satellite runs %s clusters and no %q", orrery.KindKafka, spec.Kind)
	case spec.Brokers < 1:
		return fmt.Sprintf("a physical cluster has at least one broker, and this one %d", spec.Brokers)
	}
	return ""
}

// takeLocal notes a physical cluster from the configuration; a changed spec is a new generation.
func (s *Satellite) takeLocal(local Local) error {
	content, err := json.Marshal(local.Spec)
	if err != nil {
		return fmt.Errorf("satellite: encoding the spec of %s: %w", local.ID, err)
	}
	e := entry{ID: local.ID, Generation: orrery.Generation{Number: 1}, Local: true}
	if problem := e.take(content); problem != "" || !validPSC.MatchString(local.ID) {
		return orrery.Errorf(orrery.Invalid, "the local physical cluster %q cannot be run: %s", local.ID, problem)
	}
	p, known := s.pscs[local.ID]
	if known {
		if !p.entry.Local {
			return orrery.Errorf(orrery.Conflict, "the local physical cluster %s has the id of one that the mothership made; give it another id", local.ID)
		}
		if p.entry.Hash == e.Hash {
			return nil
		}
		e.Generation = p.entry.Generation.Next(0)
	}
	if err := s.ledger.write(e); err != nil {
		return err
	}
	if known {
		p.set(e)
	} else {
		s.pscs[local.ID] = s.newPSC(e)
	}
	return nil
}

// forgetPSC removes the ledger entry of a physical cluster of which nothing is left. Of a deleted one of which this is
// not known yet (after a restart the link brings creation, deletion and tombstone at once) it goes later. A tombstone
// for any other one changes nothing: absence never deletes.
func (s *Satellite) forgetPSC(id string) error {
	p, known := s.pscs[id]
	if known && !p.entry.Deleted {
		s.config.Logger.Warn("a tombstone came for a physical cluster that was not deleted; it is ignored", "physical_cluster", id)
		return nil
	}
	if known && !p.status.Gone {
		p.forget = true
		return nil
	}
	if known {
		if err := s.ledger.forget(id); err != nil {
			return err
		}
		p.operator.Close()
		delete(s.pscs, id)
		s.mu.Lock()
		delete(s.statuses, id)
		s.mu.Unlock()
	}
	s.reports.forget(link.Message{Kind: orrery.DesiredPSC, ID: id})
	return nil
}

// intact adds the condition DesiredStateIntact, which is False while a message was refused, and keeps the Since of
// every condition whose status has not changed since the last report.
func (p *psc) intact(status orrery.PSCStatus, now time.Time) orrery.PSCStatus {
	c := orrery.Condition{Type: orrery.ConditionDesiredStateIntact, Status: orrery.True, Reason: "Intact", Message: "generation " + p.entry.Generation.String() + " is in the ledger", Since: now}
	if p.refused != "" {
		c.Status, c.Reason, c.Message = orrery.False, p.refusedReason, p.refused
	}
	status.Conditions = operator.Summarize(orrery.SetCondition(status.Conditions, c), now)
	for i, condition := range status.Conditions {
		if old, ok := orrery.FindCondition(p.status.Conditions, condition.Type); ok && old.Status == condition.Status {
			status.Conditions[i].Since = old.Since
		}
	}
	return status
}

// proveEmpty returns the proof that a deleted physical cluster may be removed: it does not exist any more, or its state
// topic, read to the end now, says of every tenant that it is deleted. Without one it says what it waits for.
func (s *Satellite) proveEmpty(ctx context.Context, p *psc) (proof, waits string) {
	observed, err := s.config.Substrate.Observe(ctx, p.entry.ID)
	if err != nil {
		return "", "it cannot be looked at"
	}
	if !observed.Created {
		return "nothing of it exists", ""
	}
	cluster, open := p.operator.Cluster()
	if !open {
		return "", "none of its brokers can be asked for tenants yet"
	}
	asked := "generation " + p.entry.Generation.String() + " asks for its deletion, and "
	if !p.spec.Gateways {
		view, err := cluster.View(ctx)
		if err != nil || view.Topics > 0 {
			return "", "it holds topics, or cannot say that it holds none"
		}
		return asked + "it holds no topic", ""
	}
	if !p.operator.StateTopics() {
		return "", "its state topics are not there yet"
	}
	records, err := cluster.ReadState(ctx, brokers.TopicTenants)
	if err != nil {
		return "", "its tenants cannot be read: " + err.Error()
	}
	deleted := 0
	for _, r := range records {
		kind, id, err := tenancy.ParseStateKey(r.Key)
		if err != nil || kind != tenancy.StateTenant || id == orrery.ProbeCluster {
			continue
		}
		var record tenancy.StateRecord
		if err := json.Unmarshal(r.Value, &record); err != nil || !record.Deleted {
			return "", fmt.Sprintf("the logical cluster %s is on it", id)
		}
		deleted++
	}
	return fmt.Sprintf("%sits state topic, read to the end, says of each of its %d tenants that it is deleted", asked, deleted), ""
}
