package mothership

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/store"
)

// CreateEnvironment makes an environment. A display name that is taken is a Conflict.
func (m *Mothership) CreateEnvironment(ctx context.Context, actor Actor, in EnvironmentInput) (out orrery.Environment, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		if err := t.requireOrganization(authz.Manage); err != nil {
			return err
		}
		if err := checkEnvironment(in.DisplayName, in.StreamGovernancePackage); err != nil {
			return err
		}
		if err := t.freeEnvironmentName(in.DisplayName, ""); err != nil {
			return err
		}
		count, err := t.Environments().Count(store.Where(store.OrganizationID, actor.OrganizationID))
		if err != nil {
			return err
		}
		if most := m.limits.EnvironmentsPerOrganization; count >= most {
			return limit("environments per organization", most)
		}
		id, err := newID(t, t.Environments(), prefixed(orrery.PrefixEnvironment))
		if err != nil {
			return err
		}
		out = orrery.Environment{
			ID: id, OrganizationID: actor.OrganizationID, DisplayName: in.DisplayName,
			StreamGovernancePackage: in.StreamGovernancePackage, CreatedAt: t.now, UpdatedAt: t.now,
		}
		return t.Environments().Put(out)
	})
	return out, err
}

// Environment returns one environment.
func (m *Mothership) Environment(ctx context.Context, actor Actor, id string) (out orrery.Environment, err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		out, err = t.environment(authz.View, id)
		return err
	})
	return out, err
}

// ListEnvironments lists the environments that the actor may see.
func (m *Mothership) ListEnvironments(ctx context.Context, actor Actor, page Page) (out List[orrery.Environment], err error) {
	where := map[store.Field]string{store.OrganizationID: actor.OrganizationID}
	err = m.view(ctx, actor, func(t *transaction) error {
		out, err = list(t.Environments(), where, page, func(e orrery.Environment) (orrery.Environment, bool, error) {
			return e, t.may(authz.View, e.CRN()), nil
		})
		return err
	})
	return out, err
}

// UpdateEnvironment changes an environment.
func (m *Mothership) UpdateEnvironment(ctx context.Context, actor Actor, id string, change EnvironmentChange) (out orrery.Environment, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		if out, err = t.environment(authz.Manage, id); err != nil {
			return err
		}
		if change.DisplayName != nil {
			out.DisplayName = *change.DisplayName
		}
		if change.StreamGovernancePackage != nil {
			out.StreamGovernancePackage = *change.StreamGovernancePackage
		}
		if err := checkEnvironment(out.DisplayName, out.StreamGovernancePackage); err != nil {
			return err
		}
		if err := t.freeEnvironmentName(out.DisplayName, id); err != nil {
			return err
		}
		out.UpdatedAt = t.now
		return t.Environments().Put(out)
	})
	return out, err
}

// DeleteEnvironment removes an environment and the role bindings that name it alone; one that holds clusters is a
// Conflict. Clusters that are being deleted are gone for their user, and do not count.
func (m *Mothership) DeleteEnvironment(ctx context.Context, actor Actor, id string) error {
	return m.update(ctx, actor, func(t *transaction) error {
		environment, err := t.environment(authz.Manage, id)
		if err != nil {
			return err
		}
		clusters, err := alive(t.LogicalClusters(), map[store.Field]string{store.EnvironmentID: id})
		if err != nil {
			return err
		}
		if clusters > 0 {
			return orrery.Errorf(orrery.Conflict, "the environment %s holds clusters (%d); delete them first", id, clusters)
		}
		if err := t.deleteBindingsOf(environment.CRN()); err != nil {
			return err
		}
		return t.Environments().Delete(id)
	})
}

// environment returns an environment that the actor may do something to.
func (t *transaction) environment(action authz.Action, id string) (orrery.Environment, error) {
	environment, ok, err := find(t.Environments(), id)
	switch {
	case err != nil:
		return environment, err
	case !ok || environment.OrganizationID != t.actor.OrganizationID:
		return orrery.Environment{}, unknown("environment", id)
	}
	if err := t.require(action, environment.CRN(), unknown("environment", id)); err != nil {
		return orrery.Environment{}, err
	}
	return environment, nil
}

func checkEnvironment(displayName, governance string) error {
	if err := orrery.CheckDisplayName("/display_name", displayName); err != nil {
		return err
	}
	switch governance {
	case "", "ESSENTIALS", "ADVANCED":
		return nil
	}
	return orrery.InvalidField("/stream_governance_config/package", "the package is ESSENTIALS or ADVANCED")
}

func (t *transaction) freeEnvironmentName(displayName, except string) error {
	taken, err := t.Environments().List(store.Query{Where: map[store.Field]string{
		store.OrganizationID: t.actor.OrganizationID, store.DisplayName: displayName,
	}})
	for _, e := range taken.Rows {
		if e.ID != except {
			return orrery.Errorf(orrery.Conflict, "an environment named %q exists already", displayName)
		}
	}
	return err
}
