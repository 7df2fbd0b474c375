package orrery

import "time"

// IdentityPool is a group of identities of one identity provider, and a principal for them; pool-xxxxxx. It may do
// nothing until a role binding or an ACL says so. It counts once Usable, as an IdentityProvider does.
type IdentityPool struct {
	ID                 string `json:"id"`
	OrganizationID     string `json:"organization_id"`
	IdentityProviderID string `json:"identity_provider_id"`
	DisplayName        string `json:"display_name"`
	Description        string `json:"description,omitempty"`
	// IdentityClaim is the claim that says who somebody is, such as claims.sub: for logs.
	IdentityClaim string `json:"identity_claim"`
	// Filter is a CEL expression over claims that a token must fulfil to use the pool.
	Filter    string    `json:"filter"`
	State     Lifecycle `json:"state"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// CRN names the identity pool.
func (p IdentityPool) CRN() CRN {
	return OrganizationCRN(p.OrganizationID).With(CRNIdentityProvider, p.IdentityProviderID).With(CRNIdentityPool, p.ID)
}
