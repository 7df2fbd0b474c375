package orrery

import "time"

// IdentityPool is a group of identities of one identity provider, or with Certificates of one certificate authority,
// and a principal for them; pool-xxxxxx. It may do nothing until a role binding or an ACL says so. It counts once
// Usable, as an IdentityProvider does.
type IdentityPool struct {
	ID             string `json:"id"`
	OrganizationID string `json:"organization_id"`
	// IdentityProviderID is the identity provider's or the certificate authority's, op-….
	IdentityProviderID string `json:"identity_provider_id"`
	Certificates       bool   `json:"certificates,omitempty"`
	DisplayName        string `json:"display_name"`
	Description        string `json:"description,omitempty"`
	// IdentityClaim is the claim that says who somebody is, such as claims.sub, or the part of a certificate, such as CN:
	// for logs.
	IdentityClaim string `json:"identity_claim"`
	// Filter is a CEL expression over claims, or parts of a certificate, that a token or certificate must fulfil to use
	// the pool.
	Filter string `json:"filter"`
	// LogicalClusterID is the cluster to which certificates lead; "" is the only one that the organization has where the
	// client connects. A token names its cluster itself.
	LogicalClusterID string    `json:"logical_cluster_id,omitempty"`
	State            Lifecycle `json:"state"`
	CreatedAt        time.Time `json:"created_at"`
	UpdatedAt        time.Time `json:"updated_at"`
}

// CRN names the identity pool.
func (p IdentityPool) CRN() CRN {
	return OrganizationCRN(p.OrganizationID).With(CRNIdentityProvider, p.IdentityProviderID).With(CRNIdentityPool, p.ID)
}
