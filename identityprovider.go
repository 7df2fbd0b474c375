package orrery

import "time"

// IdentityProvider is an OAuth/OIDC server outside whose tokens an organization's clusters take; op-xxxxxx.
// It counts once Usable, that is, once every gateway concerned knows it.
type IdentityProvider struct {
	ID             string `json:"id"`
	OrganizationID string `json:"organization_id"`
	DisplayName    string `json:"display_name"`
	Description    string `json:"description,omitempty"`
	// Issuer must be a token's iss, to the byte; JWKSURI is where its public keys are, over HTTPS. Neither changes.
	Issuer  string `json:"issuer"`
	JWKSURI string `json:"jwks_uri"`
	// Audiences, where there are any, must have one of a token's aud. The public service leaves that to the filters of
	// identity pools.
	Audiences []string  `json:"audiences,omitempty"`
	State     Lifecycle `json:"state"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// CRN names the identity provider.
func (p IdentityProvider) CRN() CRN {
	return OrganizationCRN(p.OrganizationID).With(CRNIdentityProvider, p.ID)
}

// ConditionKeysFetched is True of an identity provider whose public keys could be fetched the last time.
const ConditionKeysFetched = "KeysFetched"

// KeySetStatus is what a satellite says about the public keys of an identity provider.
type KeySetStatus struct {
	// Keys are those in force: the last that could be fetched.
	Keys []PublicKey `json:"keys,omitempty"`
	// Fetched is the condition ConditionKeysFetched.
	Fetched Condition `json:"fetched"`
}

// PublicKey names one public key of an identity provider, as its JWKS does (RFC 7517).
type PublicKey struct {
	KeyType   string `json:"kty"`
	KeyID     string `json:"kid"`
	Algorithm string `json:"alg"`
	Use       string `json:"use,omitempty"`
}
