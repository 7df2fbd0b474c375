package wire

// KindRoleBinding is the kind of a RoleBinding.
const KindRoleBinding = "RoleBinding"

// RoleBinding is iam/v2 RoleBinding: a role for a principal on everything that a CRN pattern covers. Principal
// and CRNPattern are returned exactly as they were sent.
type RoleBinding struct {
	APIVersion string   `json:"api_version,omitempty" enum:"iam/v2" access:"read-only"`
	Kind       string   `json:"kind,omitempty" enum:"RoleBinding" access:"read-only"`
	ID         string   `json:"id,omitempty" access:"read-only"`
	Metadata   Metadata `json:"metadata,omitzero" access:"read-only"`
	Principal  string   `json:"principal"` // User:u-…, User:sa-… or User:pool-…
	RoleName   string   `json:"role_name" enum:"OrganizationAdmin,EnvironmentAdmin,CloudClusterAdmin,Operator,MetricsViewer,ResourceOwner,DeveloperRead,DeveloperWrite,DeveloperManage"`
	CRNPattern string   `json:"crn_pattern"`
}
