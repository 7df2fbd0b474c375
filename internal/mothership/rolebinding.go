package mothership

import (
	"context"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/store"
)

// CreateRoleBinding gives a principal a role. Waiting is as for CreateAPIKey, with RoleBindingState. Who manages
// what the pattern covers may bind roles on it.
func (m *Mothership) CreateRoleBinding(ctx context.Context, actor Actor, in RoleBindingInput) (out orrery.RoleBinding, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		if err := t.checkBinding(in); err != nil {
			return err
		}
		count, err := alive(t.RoleBindings(), map[store.Field]string{store.OrganizationID: actor.OrganizationID})
		if err != nil {
			return err
		}
		if most := m.limits.RoleBindingsPerOrganization; count >= most {
			return limit("role bindings per organization", most)
		}
		id, err := newID(t, t.RoleBindings(), prefixed(orrery.PrefixRoleBinding))
		if err != nil {
			return err
		}
		err = t.RoleBindings().Put(orrery.RoleBinding{
			ID: id, OrganizationID: actor.OrganizationID, Principal: in.Principal, RoleName: in.RoleName,
			CRNPattern: in.CRNPattern, State: t.pending(), CreatedAt: t.now, UpdatedAt: t.now,
		})
		if err != nil {
			return err
		}
		t.compose(composeRoleBinding + id)
		t.settle(settleRoleBinding + id)
		if err := t.followUp(); err != nil { // so that a binding that waits for nobody is answered as usable
			return err
		}
		out, err = t.RoleBindings().Get(id)
		return err
	})
	return out, err
}

// checkBinding returns an error unless the actor may make a binding, and it makes sense.
func (t *transaction) checkBinding(in RoleBindingInput) error {
	pattern, err := orrery.ParseCRN(in.CRNPattern)
	if err != nil {
		return orrery.InvalidField("/crn_pattern", "%s", orrery.ErrorMessage(err))
	}
	if pattern.String() != in.CRNPattern {
		return orrery.InvalidField("/crn_pattern", "%q is written %q", in.CRNPattern, pattern.String())
	}
	if err := authz.CheckPattern(in.RoleName, pattern); err != nil {
		return err
	}
	if pattern.Element(orrery.CRNOrganization) != t.actor.OrganizationID {
		return unknown("organization", pattern.Element(orrery.CRNOrganization))
	}
	if len(pattern.Elements) == 1 {
		err = t.requireOrganization(authz.Manage)
	} else {
		err = t.require(authz.Manage, pattern, unknown("resource", in.CRNPattern))
	}
	if err != nil {
		return err
	}
	if err := t.patternExists(pattern); err != nil {
		return err
	}
	principalID, ok := strings.CutPrefix(in.Principal, "User:")
	if !ok {
		return orrery.InvalidField("/principal", "the principal is User:u-…, User:sa-… or User:pool-…")
	}
	organizationID, err := t.organizationOfPrincipal(principalID)
	if err != nil {
		return err
	}
	if organizationID != t.actor.OrganizationID {
		return orrery.InvalidField("/principal", "there is no user, service account or identity pool %q", principalID)
	}
	return t.freeBinding(in)
}

// organizationOfPrincipal is organizationOf, for identity pools too, which have rights and no keys.
func (t *transaction) organizationOfPrincipal(id string) (string, error) {
	if !orrery.HasPrefix(id, orrery.PrefixIdentityPool) {
		return t.organizationOf(id)
	}
	pool, _, err := find(t.IdentityPools(), id)
	if pool.State.Phase == orrery.PhaseDeleting {
		return "", err
	}
	return pool.OrganizationID, err
}

// patternExists returns an Invalid error where a pattern names an environment or cluster that is not there.
func (t *transaction) patternExists(pattern orrery.CRN) error {
	nothing := orrery.InvalidField("/crn_pattern", "%q names nothing that exists", pattern)
	environmentID, clusterID := pattern.Element(orrery.CRNEnvironment), pattern.Element(orrery.CRNCloudCluster)
	if environmentID == "" || strings.HasSuffix(environmentID, "*") {
		return nil
	}
	environment, ok, err := find(t.Environments(), environmentID)
	if err != nil {
		return err
	}
	if !ok || environment.OrganizationID != t.actor.OrganizationID {
		return nothing
	}
	if clusterID == "" || strings.HasSuffix(clusterID, "*") {
		return nil
	}
	cluster, ok, err := find(t.LogicalClusters(), clusterID)
	if err != nil {
		return err
	}
	if !ok || cluster.EnvironmentID != environmentID || cluster.State.Phase == orrery.PhaseDeleting {
		return nothing
	}
	return nil
}

func (t *transaction) freeBinding(in RoleBindingInput) error {
	where := map[store.Field]string{
		store.OrganizationID: t.actor.OrganizationID, store.Principal: in.Principal, store.RoleName: in.RoleName,
	}
	return each(t.RoleBindings(), store.Query{Where: where}, func(b orrery.RoleBinding) error {
		if b.CRNPattern == in.CRNPattern && b.State.Phase != orrery.PhaseDeleting {
			return orrery.Errorf(orrery.Conflict, "%s has the role %s there already, by %s", in.Principal, in.RoleName, b.ID)
		}
		return nil
	})
}

// RoleBinding returns one role binding.
func (m *Mothership) RoleBinding(ctx context.Context, actor Actor, id string) (out orrery.RoleBinding, err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		out, err = t.roleBinding(authz.View, id)
		if err == nil && out.State.Phase == orrery.PhaseDeleting {
			out, err = orrery.RoleBinding{}, unknown("role binding", id)
		}
		return err
	})
	return out, err
}

// ListRoleBindings lists the role bindings that the actor may see.
func (m *Mothership) ListRoleBindings(ctx context.Context, actor Actor, filter RoleBindingFilter, page Page) (out List[orrery.RoleBinding], err error) {
	if filter.CRNPattern == "" {
		return out, orrery.InvalidField("crn_pattern", "the query parameter crn_pattern is required")
	}
	below, wildcard := strings.CutSuffix(filter.CRNPattern, "*")
	where := map[store.Field]string{store.OrganizationID: actor.OrganizationID}
	if filter.Principal != "" {
		where[store.Principal] = filter.Principal
	}
	if filter.RoleName != "" {
		where[store.RoleName] = filter.RoleName
	}
	err = m.view(ctx, actor, func(t *transaction) error {
		out, err = list(t.RoleBindings(), where, page, func(b orrery.RoleBinding) (orrery.RoleBinding, bool, error) {
			match := b.CRNPattern == filter.CRNPattern ||
				wildcard && (strings.HasPrefix(b.CRNPattern, below) || b.CRNPattern == strings.TrimSuffix(below, "/"))
			if !match || b.State.Phase == orrery.PhaseDeleting {
				return b, false, nil
			}
			see, err := t.mayBinding(b)
			return b, see, err
		})
		return err
	})
	return out, err
}

// DeleteRoleBinding takes a role back, and returns the binding as it was, with its state. Done once RoleBindingState
// is Applied or NotFound; calling it again before that is no error. The last OrganizationAdmin of an organization is
// a Conflict.
func (m *Mothership) DeleteRoleBinding(ctx context.Context, actor Actor, id string) (out orrery.RoleBinding, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		if out, err = t.roleBinding(authz.Manage, id); err != nil {
			return err
		}
		if err := t.deleteBinding(out, false); err != nil {
			return err
		}
		if err := t.requireAdministrator(out.OrganizationID); err != nil {
			return err
		}
		out.State, err = t.stateAfter(func() (orrery.Lifecycle, bool, error) {
			binding, ok, err := find(t.RoleBindings(), id)
			return binding.State, ok, err
		})
		return err
	})
	return out, err
}

// RoleBindingState is like ServiceAccountState, for a role binding.
func (m *Mothership) RoleBindingState(ctx context.Context, id string) (out orrery.Lifecycle, err error) {
	err = m.store.View(ctx, func(tx store.Tx) error {
		binding, err := tx.RoleBindings().Get(id)
		out = binding.State
		return err
	})
	return out, err
}

// deleteBinding begins the deletion of a binding, or the withdrawal of one that did not come into force.
func (t *transaction) deleteBinding(b orrery.RoleBinding, withdrawn bool) error {
	if b.State.Phase == orrery.PhaseDeleting {
		return nil
	}
	state, err := t.deleting(composeRoleBinding+b.ID, settleRoleBinding+b.ID, withdrawn)
	if err != nil {
		return err
	}
	b.State, b.UpdatedAt = state, t.now
	return t.RoleBindings().Put(b)
}

// deleteBindingsOf deletes the bindings whose pattern is exactly a resource that goes away, or something in it.
func (t *transaction) deleteBindingsOf(resource orrery.CRN) error {
	return each(t.RoleBindings(), store.Where(store.OrganizationID, t.actor.OrganizationID), func(b orrery.RoleBinding) error {
		if b.CRNPattern != resource.String() && !strings.HasPrefix(b.CRNPattern, resource.String()+"/") {
			return nil
		}
		return t.deleteBinding(b, false)
	})
}

// requireAdministrator returns a Conflict where nobody would be left to manage an organization.
func (t *transaction) requireAdministrator(organizationID string) error {
	left, err := t.RoleBindings().Count(store.Query{Where: map[store.Field]string{
		store.OrganizationID: organizationID, store.RoleName: orrery.RoleOrganizationAdmin, store.Phase: string(orrery.PhaseUsable),
	}})
	if err == nil && left == 0 {
		return orrery.Errorf(orrery.Conflict, "this would take away the last %s of the organization; give somebody else the role first", orrery.RoleOrganizationAdmin)
	}
	return err
}

// roleBinding returns a binding that the actor may do something to; one that is being deleted too.
func (t *transaction) roleBinding(action authz.Action, id string) (orrery.RoleBinding, error) {
	binding, ok, err := find(t.RoleBindings(), id)
	switch {
	case err != nil:
		return binding, err
	case !ok || binding.OrganizationID != t.actor.OrganizationID:
		return orrery.RoleBinding{}, unknown("role binding", id)
	}
	see, err := t.mayBinding(binding)
	if err != nil {
		return orrery.RoleBinding{}, err
	}
	if !see {
		return orrery.RoleBinding{}, unknown("role binding", id)
	}
	pattern, err := orrery.ParseCRN(binding.CRNPattern)
	if err != nil {
		return orrery.RoleBinding{}, err
	}
	if action != authz.View && !t.may(action, pattern) {
		return orrery.RoleBinding{}, t.forbidden(action, pattern)
	}
	return binding, nil
}

// mayBinding reports whether the actor may see a binding: its own, and those on what it manages.
func (t *transaction) mayBinding(b orrery.RoleBinding) (bool, error) {
	if b.Principal == orrery.Principal(t.actor.PrincipalID) {
		return true, nil
	}
	pattern, err := orrery.ParseCRN(b.CRNPattern)
	return err == nil && t.may(authz.Manage, pattern), err
}
