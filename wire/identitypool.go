package wire

// KindIdentityPool is the kind of an IdentityPool.
const KindIdentityPool = "IdentityPool"

// IdentityPool is iam/v2 IdentityPool: a group of identities of one identity provider, pool-….
type IdentityPool struct {
	APIVersion  string   `json:"api_version,omitempty" enum:"iam/v2" access:"read-only"`
	Kind        string   `json:"kind,omitempty" enum:"IdentityPool" access:"read-only"`
	ID          string   `json:"id,omitempty" access:"read-only"`
	Metadata    Metadata `json:"metadata,omitzero" access:"read-only"`
	DisplayName string   `json:"display_name"`
	Description string   `json:"description"`
	// IdentityClaim is the claim that says who somebody is, such as claims.sub.
	IdentityClaim string `json:"identity_claim"`
	// Filter is a CEL expression over claims that a token must fulfil.
	Filter string `json:"filter"`
	// Principal is the id that role bindings name, as User:pool-….
	Principal string `json:"principal,omitempty" access:"read-only"`
	State     string `json:"state,omitempty" enum:"ENABLED" access:"read-only"`
}

// IdentityPoolUpdate is the PATCH body of an IdentityPool.
type IdentityPoolUpdate struct {
	APIVersion    string    `json:"api_version,omitempty" access:"read-only"`
	Kind          string    `json:"kind,omitempty" access:"read-only"`
	ID            string    `json:"id,omitempty" access:"read-only"`
	Metadata      *Metadata `json:"metadata,omitempty" access:"read-only"`
	Principal     string    `json:"principal,omitempty" access:"read-only"`
	State         string    `json:"state,omitempty" access:"read-only"`
	DisplayName   *string   `json:"display_name,omitempty"`
	Description   *string   `json:"description,omitempty"`
	IdentityClaim *string   `json:"identity_claim,omitempty"`
	Filter        *string   `json:"filter,omitempty"`
}
