package rest

import (
	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

const identityPoolsPath = identityProvidersPath + "/{provider_id}/identity-pools"

func (s *server) identityPoolRoutes() []route {
	return []route{
		{"GET", identityPoolsPath, "listIdentityPools", "List the identity pools of an identity provider", paged(), 200, with(s.listIdentityPools), false},
		{"POST", identityPoolsPath, "createIdentityPool", "Create an identity pool; the answer comes once every cluster knows it", nil, 201, with(s.createIdentityPool), false},
		{"GET", identityPoolsPath + "/{id}", "getIdentityPool", "Read an identity pool", nil, 200, with(s.getIdentityPool), false},
		{"PATCH", identityPoolsPath + "/{id}", "updateIdentityPool", "Change an identity pool; the answer comes once every cluster knows it", nil, 200, with(s.updateIdentityPool), false},
		{"DELETE", identityPoolsPath + "/{id}", "deleteIdentityPool", "Delete an identity pool with its role bindings", nil, 204, with(s.deleteIdentityPool), false},
	}
}

// providerID returns the {provider_id} of the path.
func (c *call) providerID() string { return c.request.PathValue("provider_id") }

// provider returns the identity provider of the path.
func (c *call) provider() mothership.PoolOwner { return mothership.PoolOwner{ID: c.providerID()} }

func (s *server) listIdentityPools(c *call, _ none) (wire.List[wire.IdentityPool], error) {
	page, err := c.page()
	if err != nil {
		return wire.List[wire.IdentityPool]{}, err
	}
	rows, err := s.mothership.ListIdentityPools(c.ctx, c.actor, c.provider(), page)
	return listing(c, wire.IAMV2, wire.KindIdentityPool, rows, c.identityPool), err
}

func (s *server) createIdentityPool(c *call, in wire.IdentityPool) (wire.IdentityPool, error) {
	p, err := s.newPool(c, c.provider(), mothership.IdentityPoolInput{
		DisplayName: in.DisplayName, Description: in.Description, IdentityClaim: in.IdentityClaim, Filter: in.Filter,
	})
	return c.identityPool(p), err
}

func (s *server) getIdentityPool(c *call, _ none) (wire.IdentityPool, error) {
	p, err := s.mothership.IdentityPool(c.ctx, c.actor, c.provider(), c.pathID())
	return c.identityPool(p), err
}

func (s *server) updateIdentityPool(c *call, in wire.IdentityPoolUpdate) (wire.IdentityPool, error) {
	p, err := s.changePool(c, c.provider(), mothership.IdentityPoolChange{
		DisplayName: in.DisplayName, Description: in.Description, IdentityClaim: in.IdentityClaim, Filter: in.Filter,
	})
	return c.identityPool(p), err
}

func (s *server) deleteIdentityPool(c *call, _ none) (none, error) {
	return none{}, s.removePool(c, c.provider())
}

func (c *call) identityPool(p orrery.IdentityPool) wire.IdentityPool {
	return wire.IdentityPool{
		APIVersion: wire.IAMV2, Kind: wire.KindIdentityPool, ID: p.ID,
		Metadata:    c.metadata(identityProvidersPath+"/"+p.IdentityProviderID+"/identity-pools", p.ID, p.CRN(), p.CreatedAt, p.UpdatedAt),
		DisplayName: p.DisplayName, Description: p.Description, IdentityClaim: p.IdentityClaim, Filter: p.Filter,
		Principal: p.ID, State: wire.StateEnabled,
	}
}
