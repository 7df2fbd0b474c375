package sim

import (
	"encoding/json"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/store"
	"github.com/orrery-kafka/orrery/internal/substrate"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// The checks of what is written, each at once: by the mothership into its store, by a satellite into its ledger and
// into the state topics, and by an operator on its substrate.

// checkDesired: generations only rise, content never changes without, a physical cluster that was deleted does not
// come back, and a record goes only when nothing is left of it.
func (w *World) checkDesired(before, after *orrery.Desired) {
	w.traceDesired(before, after)
	switch {
	case before == nil:
		return
	case after == nil:
		if !before.Gone || !before.Deleted {
			w.fail("the desired record %s is forgotten although something of it is left", before.Key())
		}
		return
	}
	order := after.Generation.Compare(before.Generation)
	same := string(after.Content) == string(before.Content) && after.Deleted == before.Deleted && after.SatelliteID == before.SatelliteID
	switch {
	case order < 0:
		w.fail("the generation of %s falls from %s to %s", after.Key(), before.Generation, after.Generation)
	case order == 0 && !same:
		w.fail("the content of %s changes in generation %s", after.Key(), after.Generation)
	case after.Published.Compare(after.Generation) > 0:
		w.fail("generation %s of %s is sent although it is at %s", after.Published, after.Key(), after.Generation)
	case after.Kind == orrery.DesiredPSC && before.Deleted && !after.Deleted:
		w.fail("the physical cluster %s comes back after its deletion", after.ID)
	}
}

func (w *World) traceDesired(before, after *orrery.Desired) {
	switch {
	case after == nil:
		w.trace.add("store", "forgets %s", before.Key())
	case before == nil || before.Generation != after.Generation:
		w.trace.add("store", "%s generation %s deleted=%v", after.Key(), after.Generation, after.Deleted)
	case before.Applied != after.Applied || before.Gone != after.Gone || before.Reason != after.Reason:
		w.trace.add("store", "%s observed %s applied=%v gone=%v %s", after.Key(), after.Observed, after.Applied, after.Gone, after.Reason)
	}
}

// checkLifecycle: a deletion is for good, and every wait has a reason.
func (w *World) checkLifecycle(what string, before *orrery.Lifecycle, after orrery.Lifecycle) {
	if before == nil || before.Phase != after.Phase || before.Reason != after.Reason || before.Applied != after.Applied {
		w.trace.add("store", "%s %s applied=%v %s", what, after.Phase, after.Applied, after.Reason)
	}
	switch {
	case before != nil && before.Phase == orrery.PhaseDeleting && after.Phase != orrery.PhaseDeleting:
		w.fail("%s was being deleted and is now %s", what, after.Phase)
	case before != nil && before.Phase == orrery.PhaseUsable && after.Phase == orrery.PhasePending:
		w.fail("%s was usable and is pending again", what)
	case after.Phase != orrery.PhaseUsable && !after.Applied && after.Reason == "":
		w.fail("%s is %s and nothing says why", what, after.Phase)
	}
}

// becomes reports whether a phase is new.
func becomes(phase orrery.Phase, before *orrery.Lifecycle, after orrery.Lifecycle) bool {
	return after.Phase == phase && (before == nil || before.Phase != phase)
}

// checkCluster: a logical cluster is placed once, is usable when it is said to be, and is forgotten only when
// somebody asked for that and nothing is left of it.
func (w *World) checkCluster(before, after *orrery.LogicalCluster) {
	if after == nil {
		w.checkForgottenCluster(*before)
		return
	}
	var state *orrery.Lifecycle
	if before != nil {
		state = &before.State
		if before.PhysicalClusterID != "" && before.PhysicalClusterID != after.PhysicalClusterID {
			w.fail("the logical cluster %s moves from %s to %q", after.ID, before.PhysicalClusterID, after.PhysicalClusterID)
		}
	}
	w.checkLifecycle(after.ID, state, after.State)
	if t := w.tenants.byID[after.ID]; after.State.Phase == orrery.PhaseDeleting && t != nil && !t.deleted {
		w.fail("the logical cluster %s is being deleted, and nobody asked for that", after.ID)
	}
	if becomes(orrery.PhaseUsable, state, after.State) {
		w.inForce(after.ID, after.PhysicalClusterID, tenancy.StateKey(tenancy.StateTenant, after.ID))
	}
}

func (w *World) checkForgottenCluster(before orrery.LogicalCluster) {
	w.trace.add("store", "forgets %s", before.ID)
	if t := w.tenants.byID[before.ID]; t == nil || !t.deleted {
		w.fail("the logical cluster %s is forgotten, and nobody asked for that", before.ID)
		return
	}
	c := w.physical(before.PhysicalClusterID)
	if c == nil {
		return
	}
	w.outOfForce(before.ID, c.id, tenancy.StateKey(tenancy.StateTenant, before.ID))
	if left := c.data[string(tenancy.PrefixOf(before.ID))]; left > 0 {
		w.fail("the logical cluster %s is forgotten, and %d of its topics and groups are left on %s", before.ID, left, c.id)
	}
}

// physical returns a physical cluster as it is, nil where there is none.
func (w *World) physical(id string) *cluster {
	for _, s := range w.sites {
		if c := s.clusters[id]; c != nil {
			return c
		}
	}
	return nil
}

// checkAPIKey: a key that is usable logs in at every gateway, and one whose deletion is answered at none.
func (w *World) checkAPIKey(before, after *orrery.APIKey) {
	if after == nil {
		return
	}
	var state *orrery.Lifecycle
	if before != nil {
		state = &before.State
	}
	w.checkLifecycle("key "+after.ID, state, after.State)
	if after.State.Phase == orrery.PhaseDeleting && !after.State.Withdrawn && !w.meant(w.tenants.deletedKeys[after.ID], after.LogicalClusterID) {
		w.fail("the key %s is being deleted, and nobody asked for that", after.ID)
	}
	c, ok := w.logical(after.LogicalClusterID)
	if !ok {
		return
	}
	key := tenancy.StateKey(tenancy.StateCredential, after.ID)
	if becomes(orrery.PhaseUsable, state, after.State) {
		w.inForce("key "+after.ID, c.PhysicalClusterID, key)
	}
	if after.State.Applied && state != nil && !state.Applied {
		w.outOfForce("key "+after.ID, c.PhysicalClusterID, key)
	}
}

// meant reports whether a deletion was asked for: of the thing itself, or of its cluster.
func (w *World) meant(asked bool, logicalClusterID string) bool {
	t := w.tenants.byID[logicalClusterID]
	return asked || t != nil && t.deleted
}

// checkRoleBinding is checkAPIKey for a role binding.
func (w *World) checkRoleBinding(before, after *orrery.RoleBinding) {
	if after == nil {
		return
	}
	var state *orrery.Lifecycle
	if before != nil {
		state = &before.State
	}
	w.checkLifecycle("role binding "+after.ID, state, after.State)
	pattern, err := orrery.ParseCRN(after.CRNPattern)
	if err != nil {
		w.fail("the role binding %s has the pattern %q: %v", after.ID, after.CRNPattern, err)
		return
	}
	clusterID := pattern.Element(orrery.CRNCloudCluster)
	c, ok := w.logical(clusterID)
	if after.State.Phase == orrery.PhaseDeleting && !after.State.Withdrawn && !w.meant(w.tenants.deletedBindings[after.ID], clusterID) {
		w.fail("the role binding %s is being deleted, and nobody asked for that", after.ID)
	}
	// Before its cluster is usable a binding waits for nobody: the cluster waits for the binding.
	if ok && becomes(orrery.PhaseUsable, state, after.State) && c.State.Phase == orrery.PhaseUsable {
		w.inForce("role binding "+after.ID, c.PhysicalClusterID, tenancy.StateKey(tenancy.StateBinding, after.ID))
	}
}

// inForce: what the mothership calls usable every gateway that serves has applied.
func (w *World) inForce(what, physicalClusterID, stateKey string) {
	w.applied(what, physicalClusterID, stateKey, false)
}

// outOfForce: what the mothership calls deleted no gateway that serves honours.
func (w *World) outOfForce(what, physicalClusterID, stateKey string) {
	w.applied(what, physicalClusterID, stateKey, true)
}

func (w *World) applied(what, physicalClusterID, stateKey string, deleted bool) {
	c := w.physical(physicalClusterID)
	if c == nil {
		if !deleted {
			w.fail("%s is said to be usable, and its physical cluster %s does not exist", what, physicalClusterID)
		}
		return
	}
	record, found := c.topics[brokers.TopicTenants].record(stateKey)
	var state tenancy.StateRecord
	if found {
		if err := json.Unmarshal(record.Value, &state); err != nil {
			w.fail("the state record %s of %s cannot be read: %v", stateKey, c.id, err)
		}
	}
	switch {
	case deleted && !found:
		return
	case !found:
		w.fail("%s is said to be usable, and is not in the state topic of %s", what, c.id)
	case state.Deleted != deleted:
		w.fail("the mothership says of %s that it is deleted=%v, and the state topic of %s does not", what, deleted, c.id)
	}
	for _, g := range c.gateways {
		if g.Serving && g.live(w.clock.now) && g.applied <= record.Offset {
			w.fail("%s is answered (deleted=%v), and gateway %d of %s has not applied it", what, deleted, g.Node, c.id)
		}
	}
}

// checkPSC: what a physical cluster is never changes but by asking for it, and it goes only with everything on it.
func (w *World) checkPSC(before, after *orrery.PSC) {
	switch {
	case before == nil:
		return
	case after == nil:
		if !before.Deleted {
			w.fail("the physical cluster %s is forgotten without having been deleted", before.ID)
		}
		if w.physical(before.ID) != nil {
			w.fail("the physical cluster %s is forgotten, and it still exists", before.ID)
		}
		return
	}
	if before.Deleted && !after.Deleted || before.SatelliteID != after.SatelliteID {
		w.fail("the physical cluster %s comes back after its deletion, or moves", after.ID)
	}
	w.traceConditions(*before, *after)
	for _, condition := range after.Status.Conditions {
		if condition.Reason == "" || condition.Status != orrery.True && condition.Message == "" {
			w.fail("the condition %s of %s is %s and nothing says why", condition.Type, after.ID, condition.Status)
		}
	}
}

func (w *World) traceConditions(before, after orrery.PSC) {
	was, _ := orrery.FindCondition(before.Status.Conditions, orrery.ConditionReady)
	is, _ := orrery.FindCondition(after.Status.Conditions, orrery.ConditionReady)
	if was.Status != is.Status || was.Message != is.Message {
		w.trace.add("store", "%s Ready=%s %s: %s", after.ID, is.Status, is.Reason, is.Message)
	}
}

// checkState: no state record goes back, or changes without another generation, or goes before it was deleted.
func (w *World) checkState(c *cluster, records []brokers.Record) {
	for _, r := range records {
		var before, after tenancy.StateRecord
		old, found := c.topics[brokers.TopicTenants].record(r.Key)
		if found && json.Unmarshal(old.Value, &before) != nil || r.Value != nil && json.Unmarshal(r.Value, &after) != nil {
			w.fail("the state record %s of %s cannot be read", r.Key, c.id)
			return
		}
		w.trace.add(c.site.id, "writes %s of %s: generation %s deleted=%v tombstone=%v", r.Key, c.id, after.Generation, after.Deleted, r.Value == nil)
		order := after.Generation.Compare(before.Generation)
		switch {
		case r.Value == nil && found && !before.Deleted:
			w.fail("the state record %s of %s is removed, and it was not deleted", r.Key, c.id)
		case r.Value == nil || !found:
		case order < 0:
			w.fail("generation %s of %s is written on %s over %s", after.Generation, r.Key, c.id, before.Generation)
		case order == 0 && (before.Hash != after.Hash || before.Deleted != after.Deleted):
			w.fail("generation %s of %s is written on %s a second time with other content", after.Generation, r.Key, c.id)
		}
		if id, isTenant := strings.CutPrefix(r.Key, tenancy.StateTenant+"/"); isTenant && after.Deleted {
			if t := w.tenants.byID[id]; t == nil || !t.deleted {
				w.fail("the tenant %s is deleted on %s, and nobody asked for that", id, c.id)
			}
		}
	}
}

// checkRemoval: a tenant's data goes only when somebody asked for that, and no gateway honours the tenant any more.
func (w *World) checkRemoval(c *cluster, id string) {
	if t := w.tenants.byID[id]; t == nil || !t.deleted {
		w.fail("the data of the tenant %s is removed from %s, and nobody asked for that", id, c.id)
	}
	w.outOfForce("the tenant "+id, c.id, tenancy.StateKey(tenancy.StateTenant, id))
}

// ledgerEntry is the part of a satellite's ledger entry that is checked.
type ledgerEntry struct {
	Generation orrery.Generation `json:"generation"`
	Deleted    bool              `json:"deleted"`
	Hash       string            `json:"hash"`
}

// checkLedger: a satellite never goes back to an older generation, nor to another content of the same one.
func (w *World) checkLedger(s *site, name string, before, after []byte) {
	var old, now ledgerEntry
	if len(before) > 0 && json.Unmarshal(before, &old) != nil || json.Unmarshal(after, &now) != nil {
		w.fail("the ledger entry %s of %s cannot be read", name, s.id)
		return
	}
	w.trace.add(s.id, "notes %s generation %s deleted=%v", name, now.Generation, now.Deleted)
	order := now.Generation.Compare(old.Generation)
	if order < 0 || order == 0 && (old.Hash != now.Hash || old.Deleted != now.Deleted) {
		w.fail("%s notes generation %s of %s over %s", s.id, now.Generation, name, old.Generation)
	}
}

// checkForgotten: a satellite forgets a physical cluster only when nothing is left of it.
func (w *World) checkForgotten(s *site, name string) {
	w.trace.add(s.id, "forgets %s", name)
	if id := strings.TrimSuffix(name, ".json"); s.clusters[id] != nil {
		w.fail("%s forgets %s, which still exists", s.id, id)
	}
}

// wanted reports whether the mothership has a physical cluster that is not deleted.
func (w *World) wanted(id string) bool {
	var psc orrery.PSC
	err := w.store.View(w.ctx, func(tx store.Tx) (err error) {
		psc, err = tx.PSCs().Get(id)
		return err
	})
	return err == nil && !psc.Deleted
}

// checkAction: a physical cluster goes only with no tenant on it, and no broker is stopped on purpose while another
// one does not run.
func (w *World) checkAction(s *site, id string, a substrate.Action) {
	w.trace.add(s.id, "%s %s %d: %s", a.Verb, id, a.Node, a.Reason)
	c := s.clusters[id]
	switch {
	case c == nil:
		if a.Verb == substrate.Create && !w.wanted(id) {
			w.fail("%s makes %s, which was deleted", s.id, id)
		}
		return
	case a.Verb == substrate.StopBroker:
		w.checkStop(c, a)
		return
	case a.Verb == substrate.StartBroker:
		w.checkStart(c, a)
		return
	case a.Verb == substrate.RemoveBroker || a.Verb == substrate.ReplaceStorage:
		w.checkLoss(c, a)
		return
	case a.Verb != substrate.Delete:
		return
	}
	for _, t := range w.tenants.all {
		if l, ok := w.logical(t.id); ok && l.PhysicalClusterID == id && !t.deleted {
			w.fail("%s deletes %s, and %s is on it", s.id, id, t.name)
		}
	}
	if len(c.data) > 0 {
		w.fail("%s deletes %s, and data of %d tenants is on it", s.id, id, len(c.data))
	}
}
