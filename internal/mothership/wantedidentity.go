package mothership

import (
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

func (t *transaction) wantedIdentityProvider(id string) (string, any, error) {
	pscID, providerID, _ := strings.Cut(id, "/")
	p, ok, err := find(t.IdentityProviders(), providerID)
	if err != nil || !ok || p.State.Phase == orrery.PhaseDeleting {
		return "", nil, err
	}
	hosts, err := t.hosts(pscID, p.OrganizationID)
	if err != nil || !hosts {
		return "", nil, err
	}
	return pscID, tenancy.IdentityProvider{
		PhysicalClusterID: pscID, IdentityProviderID: p.ID, OrganizationID: p.OrganizationID,
		Issuer: p.Issuer, JWKSURI: p.JWKSURI, Audiences: p.Audiences,
	}, nil
}

func (t *transaction) wantedIdentityPool(id string) (string, any, error) {
	pscID, poolID, _ := strings.Cut(id, "/")
	p, ok, err := find(t.IdentityPools(), poolID)
	if err != nil || !ok || p.State.Phase == orrery.PhaseDeleting {
		return "", nil, err
	}
	hosts, err := t.hosts(pscID, p.OrganizationID)
	if err != nil || !hosts {
		return "", nil, err
	}
	pool := tenancy.IdentityPool{
		PhysicalClusterID: pscID, IdentityPoolID: p.ID, IdentityProviderID: p.IdentityProviderID, OrganizationID: p.OrganizationID,
		IdentityClaim: p.IdentityClaim, Filter: p.Filter, Certificates: p.Certificates, LogicalClusterID: p.LogicalClusterID,
	}
	if p.Certificates {
		pool.CreatedAt = p.CreatedAt.UTC()
	}
	return pscID, pool, nil
}

func (t *transaction) wantedCertificateAuthority(id string) (string, any, error) {
	pscID, authorityID, _ := strings.Cut(id, "/")
	a, ok, err := find(t.CertificateAuthorities(), authorityID)
	if err != nil || !ok || a.State.Phase == orrery.PhaseDeleting {
		return "", nil, err
	}
	hosts, err := t.hosts(pscID, a.OrganizationID)
	if err != nil || !hosts {
		return "", nil, err
	}
	return pscID, tenancy.CertificateAuthority{
		PhysicalClusterID: pscID, CertificateAuthorityID: a.ID, OrganizationID: a.OrganizationID,
		CertificateChain: a.CertificateChain, RevocationLists: a.RevocationLists,
	}, nil
}

// hosts reports whether an organization has a cluster on a physical cluster.
func (t *transaction) hosts(pscID, organizationID string) (bool, error) {
	clusters, err := t.liveClusters(pscID, organizationID)
	return len(clusters) > 0, err
}
