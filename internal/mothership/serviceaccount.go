package mothership

import (
	"context"
	"unicode/utf8"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/store"
)

// CreateServiceAccount makes a service account. A display name that is taken is a Conflict.
func (m *Mothership) CreateServiceAccount(ctx context.Context, actor Actor, in ServiceAccountInput) (out orrery.ServiceAccount, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		if err := t.requireOrganization(authz.Manage); err != nil {
			return err
		}
		if err := orrery.CheckDisplayName("/display_name", in.DisplayName); err != nil {
			return err
		}
		if err := checkDescription("/description", in.Description); err != nil {
			return err
		}
		if err := t.freeServiceAccountName(in.DisplayName); err != nil {
			return err
		}
		count, err := t.ServiceAccounts().Count(store.Where(store.OrganizationID, actor.OrganizationID))
		if err != nil {
			return err
		}
		if most := m.limits.ServiceAccountsPerOrganization; count >= most {
			return limit("service accounts per organization", most)
		}
		id, err := newID(t, t.ServiceAccounts(), prefixed(orrery.PrefixServiceAccount))
		if err != nil {
			return err
		}
		out = orrery.ServiceAccount{
			ID: id, OrganizationID: actor.OrganizationID, DisplayName: in.DisplayName, Description: in.Description,
			State: orrery.Lifecycle{Phase: orrery.PhaseUsable, Since: t.now}, CreatedAt: t.now, UpdatedAt: t.now,
		}
		return t.ServiceAccounts().Put(out)
	})
	return out, err
}

// ServiceAccount returns one service account. A service account may always see itself.
func (m *Mothership) ServiceAccount(ctx context.Context, actor Actor, id string) (out orrery.ServiceAccount, err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		out, err = t.serviceAccount(authz.View, id)
		if err == nil && out.State.Phase == orrery.PhaseDeleting {
			out, err = orrery.ServiceAccount{}, unknown("service account", id)
		}
		return err
	})
	return out, err
}

// ListServiceAccounts lists the service accounts that the actor may see; displayName "" means any.
func (m *Mothership) ListServiceAccounts(ctx context.Context, actor Actor, displayName string, page Page) (out List[orrery.ServiceAccount], err error) {
	where := map[store.Field]string{store.OrganizationID: actor.OrganizationID}
	if displayName != "" {
		where[store.DisplayName] = displayName
	}
	err = m.view(ctx, actor, func(t *transaction) error {
		out, err = list(t.ServiceAccounts(), where, page, func(s orrery.ServiceAccount) (orrery.ServiceAccount, bool, error) {
			see := s.ID == actor.PrincipalID || t.may(authz.View, s.CRN())
			return s, see && s.State.Phase != orrery.PhaseDeleting, nil
		})
		return err
	})
	return out, err
}

// UpdateServiceAccount changes the description.
func (m *Mothership) UpdateServiceAccount(ctx context.Context, actor Actor, id string, change ServiceAccountChange) (out orrery.ServiceAccount, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		if out, err = t.serviceAccount(authz.Manage, id); err != nil {
			return err
		}
		if out.State.Phase == orrery.PhaseDeleting {
			return unknown("service account", id)
		}
		if change.DisplayName != nil && *change.DisplayName != out.DisplayName {
			return orrery.InvalidField("/display_name", "the display name of a service account cannot be changed")
		}
		if change.Description != nil {
			if err := checkDescription("/description", *change.Description); err != nil {
				return err
			}
			out.Description = *change.Description
		}
		out.UpdatedAt = t.now
		return t.ServiceAccounts().Put(out)
	})
	return out, err
}

// DeleteServiceAccount deletes a service account with its API keys and role bindings. The deletion is done once
// ServiceAccountState is Applied or NotFound; calling it again before that is no error.
func (m *Mothership) DeleteServiceAccount(ctx context.Context, actor Actor, id string) (out orrery.Lifecycle, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		account, err := t.serviceAccount(authz.Manage, id)
		if err != nil {
			return err
		}
		if account.State.Phase != orrery.PhaseDeleting {
			if err := t.deleteServiceAccount(account); err != nil {
				return err
			}
		}
		out, err = t.stateAfter(func() (orrery.Lifecycle, bool, error) {
			account, ok, err := find(t.ServiceAccounts(), id)
			return account.State, ok, err
		})
		return err
	})
	return out, err
}

func (t *transaction) deleteServiceAccount(account orrery.ServiceAccount) error {
	err := each(t.APIKeys(), store.Where(store.OwnerID, account.ID), func(k orrery.APIKey) error { return t.deleteKey(k, false) })
	if err != nil {
		return err
	}
	bindings := store.Where(store.Principal, orrery.Principal(account.ID))
	if err := each(t.RoleBindings(), bindings, func(b orrery.RoleBinding) error { return t.deleteBinding(b, false) }); err != nil {
		return err
	}
	if err := t.requireAdministrator(account.OrganizationID); err != nil {
		return err
	}
	account.State = orrery.Lifecycle{Phase: orrery.PhaseDeleting, Since: t.now, Reason: "waiting for its API keys and role bindings to go"}
	t.settle(settleServiceAccount + account.ID)
	return t.ServiceAccounts().Put(account)
}

// ServiceAccountState returns how far a service account is: NotFound once it is gone. It authorizes nobody and is
// for the request that made the change.
func (m *Mothership) ServiceAccountState(ctx context.Context, id string) (out orrery.Lifecycle, err error) {
	err = m.store.View(ctx, func(tx store.Tx) error {
		account, err := tx.ServiceAccounts().Get(id)
		out = account.State
		return err
	})
	return out, err
}

// serviceAccount returns a service account that the actor may do something to.
func (t *transaction) serviceAccount(action authz.Action, id string) (orrery.ServiceAccount, error) {
	account, ok, err := find(t.ServiceAccounts(), id)
	switch {
	case err != nil:
		return account, err
	case !ok || account.OrganizationID != t.actor.OrganizationID:
		return orrery.ServiceAccount{}, unknown("service account", id)
	case action == authz.View && id == t.actor.PrincipalID:
		return account, nil
	}
	err = t.require(action, account.CRN(), unknown("service account", id))
	if err != nil && id == t.actor.PrincipalID {
		err = t.forbidden(action, account.CRN()) // it knows that it exists
	}
	if err != nil {
		return orrery.ServiceAccount{}, err
	}
	return account, nil
}

func (t *transaction) freeServiceAccountName(displayName string) error {
	taken, err := t.ServiceAccounts().List(store.Query{Where: map[store.Field]string{
		store.OrganizationID: t.actor.OrganizationID, store.DisplayName: displayName,
	}})
	for _, s := range taken.Rows {
		if s.State.Phase != orrery.PhaseDeleting {
			return orrery.Errorf(orrery.Conflict, "a service account named %q exists already", displayName)
		}
	}
	return err
}

const maxDescription = 1024 // characters

func checkDescription(pointer, text string) error {
	if !utf8.ValidString(text) {
		return orrery.InvalidField(pointer, "the description is not valid UTF-8")
	}
	if n := utf8.RuneCountInString(text); n > maxDescription {
		return orrery.InvalidField(pointer, "the description has %d characters; at most %d are allowed", n, maxDescription)
	}
	return nil
}
