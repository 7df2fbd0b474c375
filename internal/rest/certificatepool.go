package rest

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

const certificatePoolsPath = certificateAuthoritiesPath + "/{provider_id}/identity-pools"

func (s *server) certificatePoolRoutes() []route {
	return []route{
		{"GET", certificatePoolsPath, "listCertificateIdentityPools", "List the identity pools of a certificate authority", paged(), 200, with(s.listCertificatePools), false},
		{"POST", certificatePoolsPath, "createCertificateIdentityPool", "Create an identity pool of a certificate authority; the answer comes once every cluster knows it", nil, 201, with(s.createCertificatePool), false},
		{"GET", certificatePoolsPath + "/{id}", "getCertificateIdentityPool", "Read an identity pool of a certificate authority", nil, 200, with(s.getCertificatePool), false},
		{"PUT", certificatePoolsPath + "/{id}", "updateCertificateIdentityPool", "Change an identity pool of a certificate authority; the answer comes once every cluster knows it", nil, 200, with(s.updateCertificatePool), false},
		{"DELETE", certificatePoolsPath + "/{id}", "deleteCertificateIdentityPool", "Delete an identity pool of a certificate authority with its role bindings", nil, 204, with(s.deleteCertificatePool), false},
	}
}

// authority returns the certificate authority of the path.
func (c *call) authority() mothership.PoolOwner {
	return mothership.PoolOwner{ID: c.providerID(), Certificates: true}
}

func (s *server) listCertificatePools(c *call, _ none) (wire.List[wire.CertificatePool], error) {
	page, err := c.page()
	if err != nil {
		return wire.List[wire.CertificatePool]{}, err
	}
	rows, err := s.mothership.ListIdentityPools(c.ctx, c.actor, c.authority(), page)
	return listing(c, wire.IAMV2, wire.KindCertificatePool, rows, c.certificatePool), err
}

func (s *server) createCertificatePool(c *call, in wire.CertificatePool) (wire.CertificatePool, error) {
	p, err := s.newPool(c, c.authority(), mothership.IdentityPoolInput{
		DisplayName: in.DisplayName, Description: in.Description, IdentityClaim: in.ExternalIdentifier, Filter: in.Filter, LogicalClusterID: in.LogicalCluster,
	})
	return c.certificatePool(p), err
}

// newPool makes an identity pool of either kind and waits until it is usable.
func (s *server) newPool(c *call, owner mothership.PoolOwner, in mothership.IdentityPoolInput) (orrery.IdentityPool, error) {
	p, err := s.mothership.CreateIdentityPool(c.ctx, c.actor, owner, in)
	if err != nil {
		return p, err
	}
	return p, c.usable("identity pool "+p.ID, p.State, func(ctx context.Context) (orrery.Lifecycle, error) {
		return s.mothership.IdentityPoolState(ctx, p.ID)
	})
}

func (s *server) getCertificatePool(c *call, _ none) (wire.CertificatePool, error) {
	p, err := s.mothership.IdentityPool(c.ctx, c.actor, c.authority(), c.pathID())
	return c.certificatePool(p), err
}

func (s *server) updateCertificatePool(c *call, in wire.CertificatePoolUpdate) (wire.CertificatePool, error) {
	p, err := s.changePool(c, c.authority(), mothership.IdentityPoolChange{
		DisplayName: in.DisplayName, Description: in.Description, IdentityClaim: in.ExternalIdentifier, Filter: in.Filter, LogicalClusterID: in.LogicalCluster,
	})
	return c.certificatePool(p), err
}

// changePool changes an identity pool of either kind and waits until that is in force.
func (s *server) changePool(c *call, owner mothership.PoolOwner, change mothership.IdentityPoolChange) (orrery.IdentityPool, error) {
	p, err := s.mothership.UpdateIdentityPool(c.ctx, c.actor, owner, c.pathID(), change)
	if err != nil {
		return p, err
	}
	return p, c.changedEverywhere("identity pool "+p.ID, func(ctx context.Context) (string, error) {
		return s.mothership.IdentityPoolAwaits(ctx, p.ID)
	})
}

func (s *server) deleteCertificatePool(c *call, _ none) (none, error) {
	return none{}, s.removePool(c, c.authority())
}

// removePool deletes an identity pool of either kind and waits until nobody honours it.
func (s *server) removePool(c *call, owner mothership.PoolOwner) error {
	id := c.pathID()
	state, err := s.mothership.DeleteIdentityPool(c.ctx, c.actor, owner, id)
	if err != nil {
		return err
	}
	return c.removed("identity pool "+id, state, func(ctx context.Context) (orrery.Lifecycle, error) {
		return s.mothership.IdentityPoolState(ctx, id)
	})
}

func (c *call) certificatePool(p orrery.IdentityPool) wire.CertificatePool {
	return wire.CertificatePool{
		APIVersion: wire.IAMV2, Kind: wire.KindCertificatePool, ID: p.ID,
		Metadata:    c.metadata(certificateAuthoritiesPath+"/"+p.IdentityProviderID+"/identity-pools", p.ID, p.CRN(), p.CreatedAt, p.UpdatedAt),
		DisplayName: p.DisplayName, Description: p.Description, ExternalIdentifier: p.IdentityClaim, Filter: p.Filter,
		LogicalCluster: p.LogicalClusterID, Principal: p.ID, State: wire.StateEnabled,
	}
}
