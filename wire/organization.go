package wire

// KindOrganization is the kind of an Organization.
const KindOrganization = "Organization"

// Organization is org/v2 Organization. Its id is a UUID.
type Organization struct {
	APIVersion  string   `json:"api_version,omitempty" enum:"org/v2" access:"read-only"`
	Kind        string   `json:"kind,omitempty" enum:"Organization" access:"read-only"`
	ID          string   `json:"id,omitempty" access:"read-only"`
	Metadata    Metadata `json:"metadata,omitzero" access:"read-only"`
	DisplayName string   `json:"display_name"`
	// JITEnabled is always false: users are not created at their first single sign-on.
	JITEnabled bool `json:"jit_enabled"`
}

// OrganizationUpdate is the PATCH body of an Organization.
type OrganizationUpdate struct {
	APIVersion  string    `json:"api_version,omitempty" access:"read-only"`
	Kind        string    `json:"kind,omitempty" access:"read-only"`
	ID          string    `json:"id,omitempty" access:"read-only"`
	Metadata    *Metadata `json:"metadata,omitempty" access:"read-only"`
	DisplayName *string   `json:"display_name,omitempty"`
	JITEnabled  *bool     `json:"jit_enabled,omitempty"`
}
