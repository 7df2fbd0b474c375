package wire

// The kinds of principal.
const (
	KindServiceAccount = "ServiceAccount"
	KindUser           = "User"
)

// ServiceAccount is iam/v2 ServiceAccount: a principal for a program, sa-….
type ServiceAccount struct {
	APIVersion  string   `json:"api_version,omitempty" enum:"iam/v2" access:"read-only"`
	Kind        string   `json:"kind,omitempty" enum:"ServiceAccount" access:"read-only"`
	ID          string   `json:"id,omitempty" access:"read-only"`
	Metadata    Metadata `json:"metadata,omitzero" access:"read-only"`
	DisplayName string   `json:"display_name"`
	Description string   `json:"description"`
}

// ServiceAccountUpdate is the PATCH body of a ServiceAccount.
type ServiceAccountUpdate struct {
	APIVersion  string    `json:"api_version,omitempty" access:"read-only"`
	Kind        string    `json:"kind,omitempty" access:"read-only"`
	ID          string    `json:"id,omitempty" access:"read-only"`
	Metadata    *Metadata `json:"metadata,omitempty" access:"read-only"`
	DisplayName *string   `json:"display_name,omitempty"`
	Description *string   `json:"description,omitempty"`
}

// User is iam/v2 User: a person, u-….
type User struct {
	APIVersion string   `json:"api_version,omitempty" enum:"iam/v2" access:"read-only"`
	Kind       string   `json:"kind,omitempty" enum:"User" access:"read-only"`
	ID         string   `json:"id,omitempty" access:"read-only"`
	Metadata   Metadata `json:"metadata,omitzero" access:"read-only"`
	Email      string   `json:"email"`
	FullName   string   `json:"full_name"`
	AuthType   string   `json:"auth_type,omitempty" enum:"AUTH_TYPE_LOCAL,AUTH_TYPE_SSO" access:"read-only"`
}
