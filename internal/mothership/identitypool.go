package mothership

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/identitypool"
	"github.com/orrery-kafka/orrery/internal/store"
)

// CreateIdentityPool makes an identity pool of an identity provider or a certificate authority. Waiting is as for CreateAPIKey, with IdentityPoolState.
func (m *Mothership) CreateIdentityPool(ctx context.Context, actor Actor, owner PoolOwner, in IdentityPoolInput) (out orrery.IdentityPool, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		if err := t.poolOwner(authz.Manage, owner); err != nil {
			return err
		}
		if err := t.checkPool(owner, "", in); err != nil {
			return err
		}
		count, err := alive(t.IdentityPools(), map[store.Field]string{store.IdentityProviderID: owner.ID})
		if err != nil {
			return err
		}
		if most := m.limits.IdentityPoolsPerProvider; count >= most {
			return limit("identity pools per identity provider or certificate authority", most)
		}
		id, err := newID(t, t.IdentityPools(), prefixed(orrery.PrefixIdentityPool))
		if err != nil {
			return err
		}
		err = t.IdentityPools().Put(orrery.IdentityPool{
			ID: id, OrganizationID: actor.OrganizationID, IdentityProviderID: owner.ID, Certificates: owner.Certificates,
			DisplayName: in.DisplayName, Description: in.Description, IdentityClaim: in.IdentityClaim, Filter: in.Filter, LogicalClusterID: in.LogicalClusterID,
			State: t.pending(), CreatedAt: t.now, UpdatedAt: t.now,
		})
		if err != nil {
			return err
		}
		t.compose(composeIdentityPool + id)
		t.settle(settleIdentityPool + id)
		if err := t.followUp(); err != nil { // so that one that waits for nobody is answered as usable
			return err
		}
		out, err = t.IdentityPools().Get(id)
		return err
	})
	return out, err
}

// IdentityPool returns one identity pool of an owner.
func (m *Mothership) IdentityPool(ctx context.Context, actor Actor, owner PoolOwner, id string) (out orrery.IdentityPool, err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		out, err = t.identityPool(authz.View, owner, id)
		return err
	})
	return out, err
}

// ListIdentityPools lists the identity pools of an owner that the actor may see.
func (m *Mothership) ListIdentityPools(ctx context.Context, actor Actor, owner PoolOwner, page Page) (out List[orrery.IdentityPool], err error) {
	where := map[store.Field]string{store.OrganizationID: actor.OrganizationID, store.IdentityProviderID: owner.ID}
	err = m.view(ctx, actor, func(t *transaction) error {
		if err := t.poolOwner(authz.View, owner); err != nil {
			return err
		}
		out, err = list(t.IdentityPools(), where, page, func(p orrery.IdentityPool) (orrery.IdentityPool, bool, error) {
			return p, p.State.Phase != orrery.PhaseDeleting && t.may(authz.View, p.CRN()), nil
		})
		return err
	})
	return out, err
}

// UpdateIdentityPool changes an identity pool. It is in force everywhere once IdentityPoolAwaits says so; sessions that
// are open then stay until they have to log in again.
func (m *Mothership) UpdateIdentityPool(ctx context.Context, actor Actor, owner PoolOwner, id string, change IdentityPoolChange) (out orrery.IdentityPool, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		if out, err = t.identityPool(authz.Manage, owner, id); err != nil {
			return err
		}
		for field, value := range map[*string]*string{
			&out.DisplayName: change.DisplayName, &out.Description: change.Description,
			&out.IdentityClaim: change.IdentityClaim, &out.Filter: change.Filter, &out.LogicalClusterID: change.LogicalClusterID,
		} {
			if value != nil {
				*field = *value
			}
		}
		in := IdentityPoolInput{DisplayName: out.DisplayName, Description: out.Description, IdentityClaim: out.IdentityClaim, Filter: out.Filter, LogicalClusterID: out.LogicalClusterID}
		if err := t.checkPool(owner, id, in); err != nil {
			return err
		}
		out.UpdatedAt = t.now
		t.compose(composeIdentityPool + id)
		return t.IdentityPools().Put(out)
	})
	return out, err
}

// DeleteIdentityPool deletes an identity pool with its role bindings. Done once IdentityPoolState is Applied or
// NotFound; calling it again before that is no error.
func (m *Mothership) DeleteIdentityPool(ctx context.Context, actor Actor, owner PoolOwner, id string) (out orrery.Lifecycle, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		p, err := t.anyIdentityPool(authz.Manage, owner, id)
		if err != nil {
			return err
		}
		bindings := store.Where(store.Principal, orrery.Principal(id))
		if err := each(t.RoleBindings(), bindings, func(b orrery.RoleBinding) error { return t.deleteBinding(b, false) }); err != nil {
			return err
		}
		if err := t.deletePool(p, false); err != nil {
			return err
		}
		out, err = t.stateAfter(func() (orrery.Lifecycle, bool, error) {
			p, ok, err := find(t.IdentityPools(), id)
			return p.State, ok, err
		})
		return err
	})
	return out, err
}

// IdentityPoolState is like ServiceAccountState, for an identity pool.
func (m *Mothership) IdentityPoolState(ctx context.Context, id string) (out orrery.Lifecycle, err error) {
	err = m.store.View(ctx, func(tx store.Tx) error {
		p, err := tx.IdentityPools().Get(id)
		out = p.State
		return err
	})
	return out, err
}

func (t *transaction) deletePool(p orrery.IdentityPool, withdrawn bool) error {
	if p.State.Phase == orrery.PhaseDeleting {
		return nil
	}
	state, err := t.deleting(composeIdentityPool+p.ID, settleIdentityPool+p.ID, withdrawn)
	if err != nil {
		return err
	}
	p.State, p.UpdatedAt = state, t.now
	return t.IdentityPools().Put(p)
}

// identityPool returns an identity pool that the actor may do something to and that is not being deleted.
func (t *transaction) identityPool(action authz.Action, owner PoolOwner, id string) (orrery.IdentityPool, error) {
	p, err := t.anyIdentityPool(action, owner, id)
	if err == nil && p.State.Phase == orrery.PhaseDeleting {
		return orrery.IdentityPool{}, unknown("identity pool", id)
	}
	return p, err
}

func (t *transaction) anyIdentityPool(action authz.Action, owner PoolOwner, id string) (orrery.IdentityPool, error) {
	p, ok, err := find(t.IdentityPools(), id)
	switch {
	case err != nil:
		return p, err
	case !ok || p.OrganizationID != t.actor.OrganizationID || p.IdentityProviderID != owner.ID || p.Certificates != owner.Certificates:
		return orrery.IdentityPool{}, unknown("identity pool", id)
	}
	if err := t.require(action, p.CRN(), unknown("identity pool", id)); err != nil {
		return orrery.IdentityPool{}, err
	}
	return p, nil
}

// poolOwner returns an error unless the owner of identity pools exists and the actor may do something to it.
func (t *transaction) poolOwner(action authz.Action, owner PoolOwner) (err error) {
	if owner.Certificates {
		_, err = t.certificateAuthority(action, owner.ID)
	} else {
		_, err = t.identityProvider(action, owner.ID)
	}
	return err
}

// checkPool returns an Invalid error about the first field of an input that is wrong, and a Conflict where its name is
// taken by another pool of the same owner.
func (t *transaction) checkPool(owner PoolOwner, except string, in IdentityPoolInput) error {
	if err := orrery.CheckDisplayName("/display_name", in.DisplayName); err != nil {
		return err
	}
	if err := checkDescription("/description", in.Description); err != nil {
		return err
	}
	check := checkTokenPool
	if owner.Certificates {
		check = t.checkCertificatePool
	}
	if err := check(in); err != nil {
		return err
	}
	taken, err := t.IdentityPools().List(store.Query{Where: map[store.Field]string{
		store.IdentityProviderID: owner.ID, store.DisplayName: in.DisplayName,
	}})
	for _, p := range taken.Rows {
		if p.ID != except && p.State.Phase != orrery.PhaseDeleting {
			return orrery.Errorf(orrery.Conflict, "%s has an identity pool named %q already", owner.ID, in.DisplayName)
		}
	}
	return err
}

func checkTokenPool(in IdentityPoolInput) error {
	if err := identitypool.CheckClaim(in.IdentityClaim); err != nil {
		return err
	}
	_, err := identitypool.Compile(in.Filter)
	return err
}

func (t *transaction) checkCertificatePool(in IdentityPoolInput) error {
	if err := identitypool.CheckIdentifier(in.IdentityClaim); err != nil {
		return err
	}
	if _, err := identitypool.CompileCertificate(in.Filter); err != nil {
		return err
	}
	if in.LogicalClusterID == "" {
		return nil
	}
	_, err := t.cluster(authz.View, "", in.LogicalClusterID)
	if orrery.ErrorCode(err) == orrery.NotFound {
		return orrery.InvalidField("/logical_cluster", "there is no Kafka cluster %.40q", in.LogicalClusterID)
	}
	return err
}
