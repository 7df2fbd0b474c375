package rest

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

const identityProvidersPath = "/iam/v2/identity-providers"

func (s *server) identityProviderRoutes() []route {
	return []route{
		{"GET", identityProvidersPath, "listIdentityProviders", "List identity providers", paged(), 200, with(s.listIdentityProviders), false},
		{"POST", identityProvidersPath, "createIdentityProvider", "Create an identity provider; the answer comes once every cluster knows it", nil, 201, with(s.createIdentityProvider), false},
		{"GET", identityProvidersPath + "/{id}", "getIdentityProvider", "Read an identity provider, and whether its keys can be fetched", nil, 200, with(s.getIdentityProvider), false},
		{"PATCH", identityProvidersPath + "/{id}", "updateIdentityProvider", "Change an identity provider's name, description or audiences; the answer comes once every cluster knows it", nil, 200, with(s.updateIdentityProvider), false},
		{"DELETE", identityProvidersPath + "/{id}", "deleteIdentityProvider", "Delete an identity provider that has no identity pools", nil, 204, with(s.deleteIdentityProvider), false},
	}
}

func (s *server) listIdentityProviders(c *call, _ none) (wire.List[wire.IdentityProvider], error) {
	page, err := c.page()
	if err != nil {
		return wire.List[wire.IdentityProvider]{}, err
	}
	rows, err := s.mothership.ListIdentityProviders(c.ctx, c.actor, page)
	return listing(c, wire.IAMV2, wire.KindIdentityProvider, rows, c.identityProvider), err
}

func (s *server) createIdentityProvider(c *call, in wire.IdentityProvider) (wire.IdentityProvider, error) {
	p, err := s.mothership.CreateIdentityProvider(c.ctx, c.actor, mothership.IdentityProviderInput{
		DisplayName: in.DisplayName, Description: in.Description, Issuer: in.Issuer, JWKSURI: in.JWKSURI, Audiences: in.Audiences,
	})
	if err != nil {
		return wire.IdentityProvider{}, err
	}
	err = c.usable("identity provider "+p.ID, p.State, func(ctx context.Context) (orrery.Lifecycle, error) {
		return s.mothership.IdentityProviderState(ctx, p.ID)
	})
	return c.identityProvider(p), err
}

func (s *server) getIdentityProvider(c *call, _ none) (wire.IdentityProvider, error) {
	p, err := s.mothership.IdentityProvider(c.ctx, c.actor, c.pathID())
	return c.identityProvider(p), err
}

func (s *server) updateIdentityProvider(c *call, in wire.IdentityProviderUpdate) (wire.IdentityProvider, error) {
	change := mothership.IdentityProviderChange{DisplayName: in.DisplayName, Description: in.Description, Audiences: in.Audiences}
	p, err := s.mothership.UpdateIdentityProvider(c.ctx, c.actor, c.pathID(), change)
	if err != nil {
		return wire.IdentityProvider{}, err
	}
	err = c.changedEverywhere("identity provider "+p.ID, func(ctx context.Context) (string, error) {
		return s.mothership.IdentityProviderAwaits(ctx, p.ID)
	})
	return c.identityProvider(p), err
}

func (s *server) deleteIdentityProvider(c *call, _ none) (none, error) {
	id := c.pathID()
	state, err := s.mothership.DeleteIdentityProvider(c.ctx, c.actor, id)
	if err != nil {
		return none{}, err
	}
	return none{}, c.removed("identity provider "+id, state, func(ctx context.Context) (orrery.Lifecycle, error) {
		return s.mothership.IdentityProviderState(ctx, id)
	})
}

func (c *call) identityProvider(p mothership.IdentityProvider) wire.IdentityProvider {
	out := wire.IdentityProvider{
		APIVersion: wire.IAMV2, Kind: wire.KindIdentityProvider, ID: p.ID,
		Metadata:    c.metadata(identityProvidersPath, p.ID, p.CRN(), p.CreatedAt, p.UpdatedAt),
		DisplayName: p.DisplayName, Description: p.Description, State: wire.StateEnabled,
		Issuer: p.Issuer, JWKSURI: p.JWKSURI, Audiences: p.Audiences,
	}
	if p.KeySet != nil {
		out.Keys, out.Conditions = p.KeySet.Keys, []orrery.Condition{p.KeySet.Fetched}
	}
	return out
}
