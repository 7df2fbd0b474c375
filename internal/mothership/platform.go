package mothership

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/store"
)

// What all organizations share is seen by the administrators of the organization that runs the installation only:
// how full a physical cluster is says something about the other tenants.

// Satellite returns one satellite.
func (m *Mothership) Satellite(ctx context.Context, actor Actor, id string) (out orrery.Satellite, err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		if err := t.requirePlatform(); err != nil {
			return err
		}
		satellite, ok, err := find(t.Satellites(), id)
		if err == nil && !ok {
			err = unknown("satellite", id)
		}
		out = satellite
		return err
	})
	return out, err
}

// ListSatellites lists the satellites.
func (m *Mothership) ListSatellites(ctx context.Context, actor Actor, page Page) (out List[orrery.Satellite], err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		if err := t.requirePlatform(); err != nil {
			return err
		}
		out, err = list(t.Satellites(), nil, page, func(s orrery.Satellite) (orrery.Satellite, bool, error) { return s, true, nil })
		return err
	})
	return out, err
}

// PhysicalCluster returns one PSC.
func (m *Mothership) PhysicalCluster(ctx context.Context, actor Actor, id string) (out PhysicalCluster, err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		if err := t.requirePlatform(); err != nil {
			return err
		}
		psc, ok, err := find(t.PSCs(), id)
		if err != nil {
			return err
		}
		if !ok {
			return unknown("physical cluster", id)
		}
		out, err = t.physicalCluster(psc)
		return err
	})
	return out, err
}

// ListPhysicalClusters lists the PSCs.
func (m *Mothership) ListPhysicalClusters(ctx context.Context, actor Actor, page Page) (out List[PhysicalCluster], err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		if err := t.requirePlatform(); err != nil {
			return err
		}
		out, err = list(t.PSCs(), nil, page, func(psc orrery.PSC) (PhysicalCluster, bool, error) {
			v, err := t.physicalCluster(psc)
			return v, true, err
		})
		return err
	})
	return out, err
}

func (t *transaction) physicalCluster(psc orrery.PSC) (v PhysicalCluster, err error) {
	v.PSC = psc
	if v.LogicalClusters, err = t.LogicalClusters().Count(store.Where(store.PhysicalClusterID, psc.ID)); err != nil {
		return v, err
	}
	v.Desired, _, err = find(t.Desired(), orrery.DesiredPSC+"/"+psc.ID)
	v.Desired.Content = nil
	return v, err
}

// PlacementDecision returns why a logical cluster is where it is. An OrganizationAdmin of another organization than
// the one that runs the installation sees those of its own clusters, without the reasons.
func (m *Mothership) PlacementDecision(ctx context.Context, actor Actor, logicalClusterID string) (out orrery.PlacementDecision, err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		platform, err := t.decisionsSeen()
		if err != nil {
			return err
		}
		decision, ok, err := find(t.PlacementDecisions(), logicalClusterID)
		if err == nil && (!ok || !platform && decision.OrganizationID != actor.OrganizationID) {
			err = unknown("placement decision of", logicalClusterID)
		}
		if err == nil {
			out = shown(decision, platform)
		}
		return err
	})
	return out, err
}

// ListPlacementDecisions lists the decisions that PlacementDecision would return.
func (m *Mothership) ListPlacementDecisions(ctx context.Context, actor Actor, page Page) (out List[orrery.PlacementDecision], err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		platform, err := t.decisionsSeen()
		if err != nil {
			return err
		}
		where := map[store.Field]string{}
		if !platform {
			where[store.OrganizationID] = actor.OrganizationID
		}
		out, err = list(t.PlacementDecisions(), where, page, func(d orrery.PlacementDecision) (orrery.PlacementDecision, bool, error) {
			return shown(d, platform), true, nil
		})
		return err
	})
	return out, err
}

// decisionsSeen reports whether the actor sees the decisions about all clusters, not only those of its own
// organization; a Forbidden error where it sees none.
func (t *transaction) decisionsSeen() (all bool, err error) {
	if err := t.requireOrganization(authz.Manage); err != nil {
		return false, err
	}
	return t.requirePlatform() == nil, nil
}

// shown leaves out the reasons, which name other tenants' physical clusters and how full they are.
func shown(d orrery.PlacementDecision, platform bool) orrery.PlacementDecision {
	if !platform {
		d.Reasons = nil
	}
	return d
}
