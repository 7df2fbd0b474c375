package mothership

import (
	"context"
	"fmt"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/placement"
	"github.com/orrery-kafka/orrery/internal/profile"
	"github.com/orrery-kafka/orrery/internal/store"
)

// CreateCluster asks for a logical Kafka cluster. It answers at once, in PhasePending.
func (m *Mothership) CreateCluster(ctx context.Context, actor Actor, in ClusterInput) (out Cluster, err error) {
	in.Cloud = strings.ToUpper(in.Cloud)
	if in.Availability == "" {
		in.Availability = orrery.AvailabilitySingleZone
	}
	err = m.update(ctx, actor, func(t *transaction) error {
		environment, err := t.environment(authz.View, in.EnvironmentID)
		if err != nil {
			return err
		}
		if err := t.require(authz.Manage, environment.CRN(), unknown("environment", in.EnvironmentID)); err != nil {
			return err
		}
		if err := checkCluster(in, m.profile); err != nil {
			return err
		}
		if err := t.freeClusterName(in.EnvironmentID, in.DisplayName, ""); err != nil {
			return err
		}
		if err := t.clusterLimits(in.EnvironmentID); err != nil {
			return err
		}
		id, err := newID(t, t.LogicalClusters(), prefixed(orrery.PrefixLogicalKafka))
		if err != nil {
			return err
		}
		c := orrery.LogicalCluster{
			ID: id, OrganizationID: actor.OrganizationID, EnvironmentID: in.EnvironmentID, DisplayName: in.DisplayName, Type: in.Type,
			Availability: in.Availability, Cloud: in.Cloud, Region: in.Region, CKU: in.CKU, MaxECKU: in.MaxECKU,
			DeletionProtection: in.DeletionProtection, CreatedAt: t.now, UpdatedAt: t.now,
			State: orrery.Lifecycle{Phase: orrery.PhasePending, Since: t.now, Reason: "waiting for placement"},
		}
		if err := t.putCluster(c); err != nil {
			return err
		}
		if out, err = t.clusterView(c); err != nil {
			return err
		}
		return t.enqueue(LoopPlace, id)
	})
	return out, err
}

// Cluster returns one logical cluster. environmentID, where not "", must be the cluster's.
func (m *Mothership) Cluster(ctx context.Context, actor Actor, environmentID, id string) (out Cluster, err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		c, err := t.cluster(authz.View, environmentID, id)
		if err != nil {
			return err
		}
		out, err = t.clusterView(c)
		return err
	})
	return out, err
}

// ListClusters lists the clusters of one environment that the actor may see.
func (m *Mothership) ListClusters(ctx context.Context, actor Actor, filter ClusterFilter, page Page) (out List[Cluster], err error) {
	if filter.EnvironmentID == "" {
		return out, orrery.InvalidField("environment", "the query parameter environment is required")
	}
	where := map[store.Field]string{store.EnvironmentID: filter.EnvironmentID}
	err = m.view(ctx, actor, func(t *transaction) error {
		if _, err := t.environment(authz.View, filter.EnvironmentID); err != nil {
			return err
		}
		out, err = list(t.LogicalClusters(), where, page, func(c orrery.LogicalCluster) (Cluster, bool, error) {
			other := filter.DeletionProtection != nil && *filter.DeletionProtection != c.DeletionProtection
			if c.State.Phase == orrery.PhaseDeleting || other || !t.may(authz.View, c.CRN()) {
				return Cluster{}, false, nil
			}
			v, err := t.clusterView(c)
			return v, true, err
		})
		return err
	})
	return out, err
}

// UpdateCluster changes a cluster. environmentID, where not "", must be the cluster's.
func (m *Mothership) UpdateCluster(ctx context.Context, actor Actor, environmentID, id string, change ClusterChange) (out Cluster, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		c, err := t.cluster(authz.Manage, environmentID, id)
		if err != nil {
			return err
		}
		if err := t.resize(&c, change); err != nil {
			return err
		}
		if change.DisplayName != nil && *change.DisplayName != c.DisplayName {
			c.DisplayName = *change.DisplayName
			if err := orrery.CheckDisplayName("/spec/display_name", c.DisplayName); err != nil {
				return err
			}
			if err := t.freeClusterName(c.EnvironmentID, c.DisplayName, id); err != nil {
				return err
			}
		}
		if change.DeletionProtection != nil {
			c.DeletionProtection = *change.DeletionProtection
		}
		c.UpdatedAt = t.now
		if err := t.putCluster(c); err != nil {
			return err
		}
		t.compose(orrery.DesiredTenant + "/" + id)
		out, err = t.clusterView(c)
		return err
	})
	return out, err
}

// resize changes type and size as far as that is possible.
func (t *transaction) resize(c *orrery.LogicalCluster, change ClusterChange) error {
	before := *c
	if change.CKU != nil {
		c.CKU = *change.CKU
	}
	if change.Type != nil && *change.Type != c.Type {
		if c.Type != orrery.TypeBasic || *change.Type != orrery.TypeStandard {
			return orrery.InvalidField("/spec/config/kind", "a %s cluster cannot become %q; only Basic can become Standard", c.Type, *change.Type)
		}
		c.Type, c.MaxECKU = orrery.TypeStandard, 0
	}
	if change.MaxECKU != nil {
		c.MaxECKU = *change.MaxECKU
	}
	if err := checkUnits(c.Type, c.CKU, c.MaxECKU, t.m.profile); err != nil {
		return err
	}
	if c.Type == before.Type && c.CKU == before.CKU || c.PhysicalClusterID == "" {
		return nil
	}
	psc, err := t.PSCs().Get(c.PhysicalClusterID)
	if err != nil {
		return err
	}
	if c.Dedicated() {
		psc.Spec.CKU = c.CKU
		return t.completeAgain(&psc, PhysicalClusterChange{}, "")
	}
	use, err := t.use(psc)
	if err != nil {
		return err
	}
	more := placement.Add(placement.Add(use, placement.Reservation(c.Type)), placement.Times(placement.Reservation(before.Type), -1))
	if name, ok := placement.Fits(more, psc.Spec.Capacity); !ok {
		return orrery.Errorf(orrery.Unavailable, "there is no room for a %s cluster on the physical cluster %s (%s); try again later", c.Type, psc.ID, name)
	}
	return nil
}

// DeleteCluster deletes a cluster with its data, its API keys and the role bindings that name it alone; one with
// deletion protection is a Conflict. Done once ClusterState is Applied or NotFound; calling it again before that is
// no error.
func (m *Mothership) DeleteCluster(ctx context.Context, actor Actor, environmentID, id string) (out orrery.Lifecycle, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		c, err := t.anyCluster(authz.Manage, environmentID, id)
		if err != nil {
			return err
		}
		if c.State.Phase == orrery.PhaseDeleting {
			out = c.State
			return nil
		}
		if c.DeletionProtection {
			return orrery.Errorf(orrery.Conflict, "the cluster %s has deletion protection; take it off first", id)
		}
		if err := t.deleteCluster(c); err != nil {
			return err
		}
		out, err = t.stateAfter(func() (orrery.Lifecycle, bool, error) {
			c, ok, err := find(t.LogicalClusters(), id)
			return c.State, ok, err
		})
		return err
	})
	return out, err
}

func (t *transaction) deleteCluster(c orrery.LogicalCluster) error {
	err := each(t.APIKeys(), store.Where(store.LogicalClusterID, c.ID), func(k orrery.APIKey) error { return t.deleteKey(k, false) })
	if err != nil {
		return err
	}
	if err := t.deleteBindingsOf(c.CRN()); err != nil {
		return err
	}
	c.State = orrery.Lifecycle{Phase: orrery.PhaseDeleting, Since: t.now, Reason: "waiting to be sent"}
	c.UpdatedAt = t.now
	t.changed = true
	if c.PhysicalClusterID != "" {
		t.compose(orrery.DesiredTenant+"/"+c.ID, composeOrganization+c.PhysicalClusterID+"/"+c.OrganizationID)
	}
	t.settle(settleCluster + c.ID)
	return t.putCluster(c)
}

// ClusterState is like ServiceAccountState, for a cluster.
func (m *Mothership) ClusterState(ctx context.Context, id string) (out orrery.Lifecycle, err error) {
	err = m.store.View(ctx, func(tx store.Tx) error {
		c, err := tx.LogicalClusters().Get(id)
		out = c.State
		return err
	})
	return out, err
}

// cluster returns a cluster that the actor may do something to and that is not being deleted.
func (t *transaction) cluster(action authz.Action, environmentID, id string) (orrery.LogicalCluster, error) {
	c, err := t.anyCluster(action, environmentID, id)
	if err == nil && c.State.Phase == orrery.PhaseDeleting {
		return orrery.LogicalCluster{}, unknown("cluster", id)
	}
	return c, err
}

func (t *transaction) anyCluster(action authz.Action, environmentID, id string) (orrery.LogicalCluster, error) {
	c, ok, err := find(t.LogicalClusters(), id)
	switch {
	case err != nil:
		return c, err
	case !ok || c.OrganizationID != t.actor.OrganizationID || environmentID != "" && environmentID != c.EnvironmentID:
		return orrery.LogicalCluster{}, unknown("cluster", id)
	}
	if err := t.require(action, c.CRN(), unknown("cluster", id)); err != nil {
		return orrery.LogicalCluster{}, err
	}
	return c, nil
}

// putCluster is the only way to write a cluster: it forgets what the transaction remembers of them.
func (t *transaction) putCluster(c orrery.LogicalCluster) error {
	clear(t.live)
	return t.LogicalClusters().Put(c)
}

func (t *transaction) clusterView(c orrery.LogicalCluster) (Cluster, error) {
	v := Cluster{LogicalCluster: c}
	pinned := t.m.profile
	if c.PhysicalClusterID != "" {
		psc, ok, err := find(t.PSCs(), c.PhysicalClusterID)
		if err != nil {
			return v, err
		}
		if ok {
			pinned = psc.Spec.Profile
			v.Endpoints = psc.Status.Endpoints
			v.Ready, _ = orrery.FindCondition(psc.Status.Conditions, orrery.ConditionReady)
		}
	}
	limits, err := profile.LimitsOf(pinned, c.Type)
	if err != nil {
		return v, fmt.Errorf("cluster %s: %w", c.ID, err)
	}
	v.Quotas, v.QuotaSources = limits.Quotas(units(c)), map[string]string{}
	for name, source := range limits.QuotaSources(units(c)) {
		v.QuotaSources[name] = fmt.Sprintf("%s: %s: %s", pinned, c.Type, source)
	}
	return v, nil
}

// units is how many units a cluster was given; 0 means its type's most.
func units(c orrery.LogicalCluster) int { return max(c.CKU, c.MaxECKU) }

func (t *transaction) freeClusterName(environmentID, displayName, except string) error {
	taken, err := t.LogicalClusters().List(store.Query{Where: map[store.Field]string{
		store.EnvironmentID: environmentID, store.DisplayName: displayName,
	}})
	for _, c := range taken.Rows {
		if c.ID != except && c.State.Phase != orrery.PhaseDeleting {
			return orrery.Errorf(orrery.Conflict, "a cluster named %q exists already in the environment %s", displayName, environmentID)
		}
	}
	return err
}

func (t *transaction) clusterLimits(environmentID string) error {
	count, err := alive(t.LogicalClusters(), map[store.Field]string{store.EnvironmentID: environmentID})
	if err != nil {
		return err
	}
	if most := t.m.limits.ClustersPerEnvironment; count >= most {
		return limit("clusters per environment", most)
	}
	count, err = alive(t.LogicalClusters(), map[store.Field]string{store.OrganizationID: t.actor.OrganizationID})
	if err != nil {
		return err
	}
	if most := t.m.limits.ClustersPerOrganization; count >= most {
		return limit("clusters per organization", most)
	}
	return nil
}
