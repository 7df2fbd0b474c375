package wire

import "github.com/orrery-kafka/orrery"

// KindIdentityProvider is the kind of an IdentityProvider.
const KindIdentityProvider = "IdentityProvider"

// StateEnabled is the only state of identity providers and pools.
const StateEnabled = "ENABLED"

// IdentityProvider is iam/v2 IdentityProvider: an OAuth/OIDC server whose tokens log in, op-…. Audiences and
// Conditions are ours.
type IdentityProvider struct {
	APIVersion  string   `json:"api_version,omitempty" enum:"iam/v2" access:"read-only"`
	Kind        string   `json:"kind,omitempty" enum:"IdentityProvider" access:"read-only"`
	ID          string   `json:"id,omitempty" access:"read-only"`
	Metadata    Metadata `json:"metadata,omitzero" access:"read-only"`
	DisplayName string   `json:"display_name"`
	Description string   `json:"description"`
	State       string   `json:"state,omitempty" enum:"ENABLED" access:"read-only"`
	// Issuer must be the iss of tokens; JWKSURI is where the keys are. Both are https URIs, and fixed at creation.
	Issuer  string `json:"issuer"`
	JWKSURI string `json:"jwks_uri"`
	// Audiences, where there are any, must have one of a token's aud.
	Audiences []string `json:"audiences,omitempty"`
	// Keys are the public keys in force.
	Keys []orrery.PublicKey `json:"keys,omitempty" access:"read-only"`
	// Conditions has KeysFetched: whether the keys could be fetched the last time, or why not.
	Conditions []orrery.Condition `json:"conditions,omitempty" access:"read-only"`
}

// IdentityProviderUpdate is the PATCH body of an IdentityProvider.
type IdentityProviderUpdate struct {
	APIVersion  string             `json:"api_version,omitempty" access:"read-only"`
	Kind        string             `json:"kind,omitempty" access:"read-only"`
	ID          string             `json:"id,omitempty" access:"read-only"`
	Metadata    *Metadata          `json:"metadata,omitempty" access:"read-only"`
	State       string             `json:"state,omitempty" access:"read-only"`
	Keys        []orrery.PublicKey `json:"keys,omitempty" access:"read-only"`
	DisplayName *string            `json:"display_name,omitempty"`
	Description *string            `json:"description,omitempty"`
	Audiences   *[]string          `json:"audiences,omitempty"`
}
