package mothership

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/store"
)

// CreateAPIKey makes an API key and returns its secret, which is kept nowhere. The key is often PhasePending: the
// caller waits for APIKeyState to be PhaseUsable; PhaseDeleting or NotFound means that it was withdrawn.
//
// Who manages a cluster may make keys of it for service accounts and for itself; who can see one, for itself. A
// Cloud key for somebody else, or any key for another user, takes an OrganizationAdmin.
func (m *Mothership) CreateAPIKey(ctx context.Context, actor Actor, in APIKeyInput) (key orrery.APIKey, secret string, err error) {
	secret, err = orrery.NewSecret(m.random)
	if err != nil {
		return key, "", err
	}
	verifiers, err := orrery.NewVerifiers(m.random, secret) // outside the transaction: it is slow
	if err != nil {
		return key, "", err
	}
	err = m.update(ctx, actor, func(t *transaction) error {
		key, err = t.newAPIKey(in)
		if err != nil {
			return err
		}
		key.Verifiers = verifiers
		if err := t.APIKeys().Put(key); err != nil {
			return err
		}
		t.compose(composeAPIKey + key.ID)
		t.settle(settleAPIKey + key.ID)
		if err := t.followUp(); err != nil { // so that a key that waits for nobody is answered as usable
			return err
		}
		key, err = t.APIKeys().Get(key.ID)
		return err
	})
	if err != nil {
		return orrery.APIKey{}, "", err
	}
	return withoutVerifiers(key), secret, nil
}

// newAPIKey checks an input and returns the key that it asks for.
func (t *transaction) newAPIKey(in APIKeyInput) (key orrery.APIKey, err error) {
	if in.OwnerID == "" {
		in.OwnerID = t.actor.PrincipalID
	}
	if err := checkKeyTexts(in.DisplayName, in.Description); err != nil {
		return key, err
	}
	key = orrery.APIKey{
		OrganizationID: t.actor.OrganizationID, OwnerID: in.OwnerID, ResourceKind: orrery.APIKeyCloud,
		DisplayName: in.DisplayName, Description: in.Description, State: t.pending(), CreatedAt: t.now, UpdatedAt: t.now,
	}
	if cloudResource(in.ResourceID) {
		err = t.newCloudKey(in)
	} else {
		key.ResourceKind = orrery.APIKeyCluster
		key.LogicalClusterID, key.EnvironmentID, err = t.newClusterKey(in)
	}
	if err != nil {
		return key, err
	}
	key.ID, err = newID(t, t.APIKeys(), orrery.NewAPIKeyID)
	return key, err
}

func cloudResource(id string) bool { return id == "" || strings.EqualFold(id, "cloud") }

func (t *transaction) newCloudKey(in APIKeyInput) error {
	own := in.OwnerID == t.actor.PrincipalID && orrery.HasPrefix(in.OwnerID, orrery.PrefixUser)
	if !own {
		if err := t.requireOrganization(authz.Manage); err != nil {
			return err
		}
	}
	if err := t.ownerExists(in.OwnerID); err != nil {
		return err
	}
	count, err := alive(t.APIKeys(), map[store.Field]string{
		store.OrganizationID: t.actor.OrganizationID, store.ResourceKind: orrery.APIKeyCloud,
	})
	if err != nil {
		return err
	}
	if most := t.m.limits.CloudAPIKeysPerOrganization; count >= most {
		return limit("Cloud API keys per organization", most)
	}
	return nil
}

func (t *transaction) newClusterKey(in APIKeyInput) (clusterID, environmentID string, err error) {
	cluster, err := t.cluster(authz.View, in.EnvironmentID, in.ResourceID)
	if err != nil {
		return "", "", err
	}
	if in.OwnerID != t.actor.PrincipalID {
		resource := cluster.CRN()
		if orrery.HasPrefix(in.OwnerID, orrery.PrefixUser) {
			resource = orrery.OrganizationCRN(t.actor.OrganizationID)
		}
		if !t.may(authz.Manage, resource) {
			return "", "", t.forbidden(authz.Manage, resource)
		}
	}
	if err := t.ownerExists(in.OwnerID); err != nil {
		return "", "", err
	}
	count, err := alive(t.APIKeys(), map[store.Field]string{store.LogicalClusterID: cluster.ID})
	if err != nil {
		return "", "", err
	}
	if most := t.m.limits.APIKeysPerCluster[cluster.Type]; count >= most {
		return "", "", limit("API keys per "+cluster.Type+" cluster", most)
	}
	return cluster.ID, cluster.EnvironmentID, nil
}

// ownerExists returns an Invalid error unless an id is a user or service account of the actor's organization.
func (t *transaction) ownerExists(id string) error {
	organizationID, err := t.organizationOf(id)
	if err != nil {
		return err
	}
	if organizationID != t.actor.OrganizationID {
		return orrery.InvalidField("/spec/owner/id", "there is no user or service account %q", id)
	}
	return nil
}

// organizationOf returns the organization of a user or service account, and "" where there is none.
func (t *transaction) organizationOf(principalID string) (string, error) {
	if orrery.HasPrefix(principalID, orrery.PrefixUser) {
		user, _, err := find(t.Users(), principalID)
		return user.OrganizationID, err
	}
	account, _, err := find(t.ServiceAccounts(), principalID)
	if account.State.Phase == orrery.PhaseDeleting {
		return "", err
	}
	return account.OrganizationID, err
}

// APIKey returns one API key, without its verifiers.
func (m *Mothership) APIKey(ctx context.Context, actor Actor, id string) (out orrery.APIKey, err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		out, err = t.apiKey(authz.View, id)
		if err == nil && out.State.Phase == orrery.PhaseDeleting {
			err = unknown("API key", id)
		}
		return err
	})
	if err != nil {
		return orrery.APIKey{}, err
	}
	return withoutVerifiers(out), nil
}

// ListAPIKeys lists the keys that the actor may see, without verifiers.
func (m *Mothership) ListAPIKeys(ctx context.Context, actor Actor, filter APIKeyFilter, page Page) (out List[orrery.APIKey], err error) {
	where := map[store.Field]string{store.OrganizationID: actor.OrganizationID}
	if filter.OwnerID != "" {
		where[store.OwnerID] = filter.OwnerID
	}
	if strings.EqualFold(filter.ResourceID, "cloud") {
		where[store.ResourceKind] = orrery.APIKeyCloud
	} else if filter.ResourceID != "" {
		where[store.LogicalClusterID] = filter.ResourceID
	}
	err = m.view(ctx, actor, func(t *transaction) error {
		out, err = list(t.APIKeys(), where, page, func(k orrery.APIKey) (orrery.APIKey, bool, error) {
			if k.State.Phase == orrery.PhaseDeleting {
				return k, false, nil
			}
			return withoutVerifiers(k), t.mayKey(authz.View, k), nil
		})
		return err
	})
	return out, err
}

// UpdateAPIKey changes display name and description.
func (m *Mothership) UpdateAPIKey(ctx context.Context, actor Actor, id string, change APIKeyChange) (out orrery.APIKey, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		if out, err = t.apiKey(authz.Manage, id); err != nil {
			return err
		}
		if out.State.Phase == orrery.PhaseDeleting {
			return unknown("API key", id)
		}
		if change.DisplayName != nil {
			out.DisplayName = *change.DisplayName
		}
		if change.Description != nil {
			out.Description = *change.Description
		}
		if err := checkKeyTexts(out.DisplayName, out.Description); err != nil {
			return err
		}
		out.UpdatedAt = t.now
		return t.APIKeys().Put(out)
	})
	if err != nil {
		return orrery.APIKey{}, err
	}
	return withoutVerifiers(out), nil
}

// DeleteAPIKey deletes a key. Done once APIKeyState is Applied or NotFound; calling it again before that is no
// error.
func (m *Mothership) DeleteAPIKey(ctx context.Context, actor Actor, id string) (out orrery.Lifecycle, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		key, err := t.apiKey(authz.Manage, id)
		if err != nil {
			return err
		}
		if err := t.deleteKey(key, false); err != nil {
			return err
		}
		out, err = t.stateAfter(func() (orrery.Lifecycle, bool, error) {
			key, ok, err := find(t.APIKeys(), id)
			return key.State, ok, err
		})
		return err
	})
	return out, err
}

// stateAfter does the follow-ups and returns the state that came of them: Applied where the thing is gone already.
func (t *transaction) stateAfter(get func() (orrery.Lifecycle, bool, error)) (orrery.Lifecycle, error) {
	if err := t.followUp(); err != nil {
		return orrery.Lifecycle{}, err
	}
	state, ok, err := get()
	if !ok {
		state = orrery.Lifecycle{Phase: orrery.PhaseDeleting, Since: t.now, Applied: true}
	}
	return state, err
}

// APIKeyState is like ServiceAccountState, for an API key.
func (m *Mothership) APIKeyState(ctx context.Context, id string) (out orrery.Lifecycle, err error) {
	err = m.store.View(ctx, func(tx store.Tx) error {
		key, err := tx.APIKeys().Get(id)
		out = key.State
		return err
	})
	return out, err
}

// deleteKey begins the deletion of a key, or the withdrawal of one that did not come into force.
func (t *transaction) deleteKey(key orrery.APIKey, withdrawn bool) error {
	if key.State.Phase == orrery.PhaseDeleting {
		return nil
	}
	state, err := t.deleting(composeAPIKey+key.ID, settleAPIKey+key.ID, withdrawn)
	if err != nil {
		return err
	}
	key.State, key.UpdatedAt = state, t.now
	return t.APIKeys().Put(key)
}

// deleting has the loops work on a deletion and returns the state of what is being deleted.
func (t *transaction) deleting(composed, settled string, withdrawn bool) (orrery.Lifecycle, error) {
	t.changed = true
	t.compose(composed)
	t.settle(settled)
	state := orrery.Lifecycle{Phase: orrery.PhaseDeleting, Since: t.now, Reason: "waiting to be sent", Withdrawn: withdrawn}
	return state, t.Queue().Done(LoopSettle, settled) // the deadline of its creation
}

// apiKey returns a key that the actor may do something to; one that is being deleted too.
func (t *transaction) apiKey(action authz.Action, id string) (orrery.APIKey, error) {
	key, ok, err := find(t.APIKeys(), id)
	switch {
	case err != nil:
		return key, err
	case !ok || key.OrganizationID != t.actor.OrganizationID || !t.mayKey(authz.View, key):
		return orrery.APIKey{}, unknown("API key", id)
	case !t.mayKey(action, key):
		return orrery.APIKey{}, t.forbidden(action, key.CRN())
	}
	return key, nil
}

// mayKey: a key is its owner's, and of who manages the cluster that it opens.
func (t *transaction) mayKey(action authz.Action, key orrery.APIKey) bool {
	if key.OwnerID == t.actor.PrincipalID || t.may(action, key.CRN()) {
		return true
	}
	return key.LogicalClusterID != "" &&
		t.may(authz.Manage, orrery.CloudClusterCRN(key.OrganizationID, key.EnvironmentID, key.LogicalClusterID))
}

func withoutVerifiers(key orrery.APIKey) orrery.APIKey {
	key.Verifiers = orrery.Verifiers{}
	return key
}

func checkKeyTexts(displayName, description string) error {
	if n := utf8.RuneCountInString(displayName); n > maxDescription || !utf8.ValidString(displayName) {
		return orrery.InvalidField("/spec/display_name", "the display name has %d characters; at most %d, in UTF-8, are allowed", n, maxDescription)
	}
	return checkDescription("/spec/description", description)
}
