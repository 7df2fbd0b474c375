package mothership

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/store"
)

// CreateIdentityProvider makes an identity provider. Waiting is as for CreateAPIKey, with IdentityProviderState; its
// keys are fetched meanwhile, and whether that succeeds is in KeySet.
func (m *Mothership) CreateIdentityProvider(ctx context.Context, actor Actor, in IdentityProviderInput) (out IdentityProvider, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		if err := t.requireOrganization(authz.Manage); err != nil {
			return err
		}
		if err := checkProvider(in); err != nil {
			return err
		}
		if err := t.freeProviderName(in.DisplayName, ""); err != nil {
			return err
		}
		count, err := alive(t.IdentityProviders(), map[store.Field]string{store.OrganizationID: actor.OrganizationID})
		if err != nil {
			return err
		}
		if most := m.limits.IdentityProvidersPerOrganization; count >= most {
			return limit("identity providers per organization", most)
		}
		id, err := newID(t, t.IdentityProviders(), prefixed(orrery.PrefixIdentityProvider))
		if err != nil {
			return err
		}
		err = t.IdentityProviders().Put(orrery.IdentityProvider{
			ID: id, OrganizationID: actor.OrganizationID, DisplayName: in.DisplayName, Description: in.Description,
			Issuer: in.Issuer, JWKSURI: in.JWKSURI, Audiences: in.Audiences, State: t.pending(), CreatedAt: t.now, UpdatedAt: t.now,
		})
		if err != nil {
			return err
		}
		t.compose(composeIdentityProvider + id)
		t.settle(settleIdentityProvider + id)
		if err := t.followUp(); err != nil { // so that one that waits for nobody is answered as usable
			return err
		}
		provider, err := t.IdentityProviders().Get(id)
		out = IdentityProvider{IdentityProvider: provider}
		return err
	})
	return out, err
}

// IdentityProvider returns one identity provider with what is known of its keys.
func (m *Mothership) IdentityProvider(ctx context.Context, actor Actor, id string) (out IdentityProvider, err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		provider, err := t.identityProvider(authz.View, id)
		if err != nil {
			return err
		}
		out, err = t.providerView(provider)
		return err
	})
	return out, err
}

// ListIdentityProviders lists the identity providers that the actor may see.
func (m *Mothership) ListIdentityProviders(ctx context.Context, actor Actor, page Page) (out List[IdentityProvider], err error) {
	where := map[store.Field]string{store.OrganizationID: actor.OrganizationID}
	err = m.view(ctx, actor, func(t *transaction) error {
		out, err = list(t.IdentityProviders(), where, page, func(p orrery.IdentityProvider) (IdentityProvider, bool, error) {
			if p.State.Phase == orrery.PhaseDeleting || !t.may(authz.View, p.CRN()) {
				return IdentityProvider{}, false, nil
			}
			v, err := t.providerView(p)
			return v, true, err
		})
		return err
	})
	return out, err
}

// UpdateIdentityProvider changes name, description and audiences. It is in force everywhere once IdentityProviderAwaits
// says so.
func (m *Mothership) UpdateIdentityProvider(ctx context.Context, actor Actor, id string, change IdentityProviderChange) (out IdentityProvider, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		p, err := t.identityProvider(authz.Manage, id)
		if err != nil {
			return err
		}
		if change.DisplayName != nil {
			p.DisplayName = *change.DisplayName
		}
		if change.Description != nil {
			p.Description = *change.Description
		}
		if change.Audiences != nil {
			p.Audiences = *change.Audiences
		}
		in := IdentityProviderInput{DisplayName: p.DisplayName, Description: p.Description, Issuer: p.Issuer, JWKSURI: p.JWKSURI, Audiences: p.Audiences}
		if err := checkProvider(in); err != nil {
			return err
		}
		if err := t.freeProviderName(p.DisplayName, id); err != nil {
			return err
		}
		p.UpdatedAt = t.now
		if err := t.IdentityProviders().Put(p); err != nil {
			return err
		}
		t.compose(composeIdentityProvider + id)
		out, err = t.providerView(p)
		return err
	})
	return out, err
}

// DeleteIdentityProvider deletes an identity provider; one that has identity pools is a Conflict. Done once
// IdentityProviderState is Applied or NotFound; calling it again before that is no error.
func (m *Mothership) DeleteIdentityProvider(ctx context.Context, actor Actor, id string) (out orrery.Lifecycle, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		p, err := t.anyIdentityProvider(authz.Manage, id)
		if err != nil {
			return err
		}
		pools, err := alive(t.IdentityPools(), map[store.Field]string{store.IdentityProviderID: id})
		if err != nil {
			return err
		}
		if pools > 0 {
			return orrery.Errorf(orrery.Conflict, "the identity provider %s has %d identity pools; delete them first", id, pools)
		}
		if err := t.deleteProvider(p, false); err != nil {
			return err
		}
		out, err = t.stateAfter(func() (orrery.Lifecycle, bool, error) {
			p, ok, err := find(t.IdentityProviders(), id)
			return p.State, ok, err
		})
		return err
	})
	return out, err
}

// IdentityProviderState is like ServiceAccountState, for an identity provider.
func (m *Mothership) IdentityProviderState(ctx context.Context, id string) (out orrery.Lifecycle, err error) {
	err = m.store.View(ctx, func(tx store.Tx) error {
		p, err := tx.IdentityProviders().Get(id)
		out = p.State
		return err
	})
	return out, err
}

func (t *transaction) deleteProvider(p orrery.IdentityProvider, withdrawn bool) error {
	if p.State.Phase == orrery.PhaseDeleting {
		return nil
	}
	state, err := t.deleting(composeIdentityProvider+p.ID, settleIdentityProvider+p.ID, withdrawn)
	if err != nil {
		return err
	}
	p.State, p.UpdatedAt = state, t.now
	return t.IdentityProviders().Put(p)
}

// identityProvider returns an identity provider that the actor may do something to and that is not being deleted.
func (t *transaction) identityProvider(action authz.Action, id string) (orrery.IdentityProvider, error) {
	p, err := t.anyIdentityProvider(action, id)
	if err == nil && p.State.Phase == orrery.PhaseDeleting {
		return orrery.IdentityProvider{}, unknown("identity provider", id)
	}
	return p, err
}

func (t *transaction) anyIdentityProvider(action authz.Action, id string) (orrery.IdentityProvider, error) {
	p, ok, err := find(t.IdentityProviders(), id)
	switch {
	case err != nil:
		return p, err
	case !ok || p.OrganizationID != t.actor.OrganizationID:
		return orrery.IdentityProvider{}, unknown("identity provider", id)
	}
	if err := t.require(action, p.CRN(), unknown("identity provider", id)); err != nil {
		return orrery.IdentityProvider{}, err
	}
	return p, nil
}

// providerView adds what the satellites say about the keys: where they disagree, what keeps a cluster from new keys.
func (t *transaction) providerView(p orrery.IdentityProvider) (IdentityProvider, error) {
	v := IdentityProvider{IdentityProvider: p}
	places, err := t.placesOf(p.OrganizationID)
	for _, pscID := range places {
		d, _, findErr := find(t.Desired(), orrery.DesiredIdentityProvider+"/"+pscID+"/"+p.ID)
		if findErr != nil {
			return v, findErr
		}
		if d.KeySet != nil && (v.KeySet == nil || v.KeySet.Fetched.Status == orrery.True) {
			v.KeySet = d.KeySet
		}
	}
	return v, err
}

func (t *transaction) freeProviderName(displayName, except string) error {
	taken, err := t.IdentityProviders().List(store.Query{Where: map[store.Field]string{
		store.OrganizationID: t.actor.OrganizationID, store.DisplayName: displayName,
	}})
	for _, p := range taken.Rows {
		if p.ID != except && p.State.Phase != orrery.PhaseDeleting {
			return orrery.Errorf(orrery.Conflict, "an identity provider named %q exists already", displayName)
		}
	}
	return err
}

const (
	maxURI       = 1024 // bytes
	maxAudiences = 10
	maxAudience  = 256 // bytes
)

// checkProvider returns an Invalid error about the first field of an input that is wrong.
func checkProvider(in IdentityProviderInput) error {
	if err := orrery.CheckDisplayName("/display_name", in.DisplayName); err != nil {
		return err
	}
	if err := checkDescription("/description", in.Description); err != nil {
		return err
	}
	if err := checkURI("/issuer", "issuer", in.Issuer); err != nil {
		return err
	}
	if err := checkURI("/jwks_uri", "JWKS URI", in.JWKSURI); err != nil {
		return err
	}
	if len(in.Audiences) > maxAudiences {
		return orrery.InvalidField("/audiences", "there are %d audiences; at most %d are allowed", len(in.Audiences), maxAudiences)
	}
	for i, audience := range in.Audiences {
		if audience == "" || len(audience) > maxAudience || !utf8.ValidString(audience) || slices.Contains(in.Audiences[:i], audience) {
			return orrery.InvalidField("/audiences", "an audience has 1 to %d bytes, in UTF-8, and is there once", maxAudience)
		}
	}
	return nil
}

// checkURI returns an Invalid error unless text is an absolute https URI of somewhere else: no user, no fragment.
func checkURI(pointer, what, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || len(text) > maxURI || strings.ContainsAny(text, " \t\r\n#") {
		return orrery.InvalidField(pointer, "the %s must be an https:// URI of at most %d bytes, without user and fragment", what, maxURI)
	}
	return nil
}
