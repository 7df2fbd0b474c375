package mothership

import (
	"context"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/placement"
	"github.com/orrery-kafka/orrery/internal/profile"
	"github.com/orrery-kafka/orrery/internal/store"
)

// PhysicalClusterChange is what a platform engineer sets by hand in a PSC; fields that are nil stay, and a zero value
// takes back what was set before, so that the profile's rule holds again. What is set so survives every composing, and
// its provenance says who set it.
type PhysicalClusterChange = profile.Override

// UpdatePhysicalCluster sets fields of a PSC by hand: the version of the engine, the number of brokers, a pause, and how
// long an upgrade bakes. It answers at once; the conditions of the PSC say how far the satellite is, and what it refuses.
func (m *Mothership) UpdatePhysicalCluster(ctx context.Context, actor Actor, id string, change PhysicalClusterChange) (out PhysicalCluster, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		if err := t.requirePlatform(); err != nil {
			return err
		}
		psc, ok, err := find(t.PSCs(), id)
		switch {
		case err != nil:
			return err
		case !ok:
			return unknown("physical cluster", id)
		case psc.Local:
			return orrery.Errorf(orrery.Conflict, "the physical cluster %s comes from the configuration of %s and is changed there", id, psc.SatelliteID)
		case psc.Deleted:
			return orrery.Errorf(orrery.Conflict, "the physical cluster %s was deleted and is being removed", id)
		}
		why := actor.PrincipalID + " set it on " + t.now.UTC().Format(time.DateOnly)
		if err := t.completeAgain(&psc, change, why); err != nil {
			return err
		}
		out, err = t.physicalCluster(psc)
		return err
	})
	return out, err
}

// completeAgain completes a PSC once more after something of it was changed, and has it sent.
func (t *transaction) completeAgain(psc *orrery.PSC, change PhysicalClusterChange, why string) error {
	before := psc.Spec.Brokers
	if stored, ok, err := find(t.PSCs(), psc.ID); err != nil {
		return err
	} else if ok {
		before = stored.Spec.Brokers
	}
	spec, provenance, err := profile.Again(psc.Spec, psc.Provenance, change, why)
	if err != nil {
		return err
	}
	if finding, wrong := profile.FirstError(profile.Check(spec)); wrong {
		return orrery.InvalidField("/spec"+finding.Pointer, "%s", finding.Message)
	}
	if more := spec.Brokers - before; more > 0 {
		if err := t.roomForBrokers(*psc, spec, more); err != nil {
			return err
		}
	}
	psc.Spec, psc.Provenance, psc.UpdatedAt = spec, provenance, t.now
	t.compose(orrery.DesiredPSC + "/" + psc.ID)
	return t.PSCs().Put(*psc)
}

// roomForBrokers returns an Unavailable error unless a satellite can carry that many more brokers.
func (t *transaction) roomForBrokers(psc orrery.PSC, spec orrery.PSCSpec, more int) error {
	satellite, err := t.Satellites().Get(psc.SatelliteID)
	if err != nil {
		return err
	}
	use := orrery.Capacity{Brokers: more, StorageBytes: int64(more) * spec.StorageBytes}
	err = each(t.PSCs(), store.Where(store.SatelliteID, psc.SatelliteID), func(other orrery.PSC) error {
		use = placement.Add(use, volumes(other.Spec))
		return nil
	})
	if err != nil {
		return err
	}
	if use.Brokers > satellite.Capacity.Brokers || use.StorageBytes > satellite.Capacity.StorageBytes {
		return orrery.Errorf(orrery.Unavailable, "the satellite %s of the physical cluster %s has no room for %d more brokers; try again later", satellite.ID, psc.ID, more)
	}
	return nil
}
