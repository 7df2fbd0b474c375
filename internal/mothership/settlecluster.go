package mothership

import (
	"errors"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

func (t *transaction) settleCluster(id string) error {
	c, ok, err := find(t.LogicalClusters(), id)
	if err != nil || !ok {
		return err
	}
	switch c.State.Phase {
	case orrery.PhasePending:
		return t.settleNewCluster(c)
	case orrery.PhaseDeleting:
		return t.settleDeletedCluster(c)
	}
	return nil
}

// settleNewCluster makes a cluster usable once its physical cluster is ready and its tenant, and its organization's
// Cloud keys and role bindings, are in force there.
func (t *transaction) settleNewCluster(c orrery.LogicalCluster) error {
	if c.PhysicalClusterID == "" {
		return nil // placement says why
	}
	reason, err := t.clusterWaitsFor(c)
	if err != nil {
		return err
	}
	if reason == "" {
		t.changed = true
		c.State = orrery.Lifecycle{Phase: orrery.PhaseUsable, Since: t.now}
		c.UpdatedAt = t.now
		return t.putCluster(c)
	}
	if c.State.Reason == reason {
		return nil
	}
	t.changed = true
	c.State.Reason = reason
	return t.putCluster(c)
}

var errFound = errors.New("found")

func (t *transaction) clusterWaitsFor(c orrery.LogicalCluster) (reason string, err error) {
	psc, err := t.PSCs().Get(c.PhysicalClusterID)
	if err != nil {
		return "", err
	}
	if !psc.Status.Ready(psc.Generation) {
		ready, ok := orrery.FindCondition(psc.Status.Conditions, orrery.ConditionReady)
		switch {
		case !ok:
			return "waiting for " + psc.ID + ": " + psc.SatelliteID + " has not answered yet", nil
		case ready.Message != "":
			return "waiting for " + psc.ID + ": " + ready.Message, nil
		}
		return "waiting for " + psc.ID + ": " + ready.Reason, nil
	}
	if reason, err = t.missing(orrery.DesiredTenant + "/" + c.ID); err != nil || reason != "" {
		return reason, err
	}
	err = t.eachShared(psc.ID, c.OrganizationID, func(recordKey string) error {
		if reason, err = t.missing(recordKey); err == nil && reason != "" {
			err = errFound
		}
		return err
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return reason, err
}

// settleDeletedCluster forgets a deleted cluster once nothing is left of it, of its keys and, where it was the last
// one of its organization there, of what the organization had there. A Dedicated cluster then takes its physical
// cluster with it; a multi-tenant physical cluster stays for the next.
func (t *transaction) settleDeletedCluster(c orrery.LogicalCluster) error {
	tenant, exists, err := find(t.Desired(), orrery.DesiredTenant+"/"+c.ID)
	if err != nil {
		return err
	}
	reason, applied := "", !exists || tenant.Deleted && tenant.InForce()
	if !applied {
		reason = explain(tenant)
	} else if exists {
		reason = "waiting for its data to be removed: " + tenant.Reason
	} else if reason, err = t.leftOf(c); err != nil {
		return err
	}
	if reason == "" {
		return t.forgetCluster(c)
	}
	if c.State.Applied == applied && c.State.Reason == reason {
		return nil
	}
	t.changed = t.changed || applied
	c.State.Applied, c.State.Reason = applied, reason
	return t.putCluster(c)
}

// leftOf says what is still there because of a cluster whose tenant is gone; "" where nothing is.
func (t *transaction) leftOf(c orrery.LogicalCluster) (reason string, err error) {
	keys, err := t.APIKeys().List(store.Query{Where: map[store.Field]string{store.LogicalClusterID: c.ID}, Limit: 1})
	if err != nil {
		return "", err
	}
	if len(keys.Rows) > 0 {
		return "waiting for its API key " + keys.Rows[0].ID + " to be forgotten", nil
	}
	if c.PhysicalClusterID == "" {
		return "", nil
	}
	others, err := t.LogicalClusters().Count(store.Query{Where: map[store.Field]string{
		store.OrganizationID: c.OrganizationID, store.PhysicalClusterID: c.PhysicalClusterID,
	}})
	if err != nil || others > 1 {
		return "", err
	}
	err = t.eachShared(c.PhysicalClusterID, c.OrganizationID, func(recordKey string) error {
		_, exists, err := find(t.Desired(), recordKey)
		if err == nil && exists {
			reason, err = "waiting for "+recordKey+" to be removed", errFound
		}
		return err
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return reason, err
}

func (t *transaction) forgetCluster(c orrery.LogicalCluster) error {
	t.changed = true
	clear(t.live)
	if err := t.LogicalClusters().Delete(c.ID); err != nil {
		return err
	}
	if err := t.PlacementDecisions().Delete(c.ID); err != nil {
		return err
	}
	if c.PhysicalClusterID == "" {
		return nil
	}
	psc, ok, err := find(t.PSCs(), c.PhysicalClusterID)
	if err != nil || !ok {
		return err
	}
	if psc.Spec.Type == orrery.TypeDedicated {
		psc.Deleted, psc.UpdatedAt = true, t.now
		t.compose(orrery.DesiredPSC + "/" + psc.ID)
		return t.PSCs().Put(psc)
	}
	// Another cluster of the organization may have waited only because this one was there too.
	if err := t.settleClusters(psc.ID, orrery.PhaseDeleting); err != nil {
		return err
	}
	return t.waitingAgain()
}
