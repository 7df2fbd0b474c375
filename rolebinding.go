package orrery

import "time"

// Role names, as in the public API. What each may do is in internal/authz.
const (
	RoleOrganizationAdmin = "OrganizationAdmin"
	RoleEnvironmentAdmin  = "EnvironmentAdmin"
	RoleCloudClusterAdmin = "CloudClusterAdmin"
	RoleOperator          = "Operator"
	RoleMetricsViewer     = "MetricsViewer"
	RoleResourceOwner     = "ResourceOwner"
	RoleDeveloperRead     = "DeveloperRead"
	RoleDeveloperWrite    = "DeveloperWrite"
	RoleDeveloperManage   = "DeveloperManage"
)

// RoleNames are the names of all roles.
func RoleNames() []string {
	return []string{RoleOrganizationAdmin, RoleEnvironmentAdmin, RoleCloudClusterAdmin, RoleOperator, RoleMetricsViewer,
		RoleResourceOwner, RoleDeveloperRead, RoleDeveloperWrite, RoleDeveloperManage}
}

// RoleBinding gives a principal a role on everything that its CRN pattern covers; rb-xxxxxx.
// It counts once Usable, that is, once every gateway concerned has applied it.
type RoleBinding struct {
	ID             string    `json:"id"`
	OrganizationID string    `json:"organization_id"`
	Principal      string    `json:"principal"` // User:u-…, User:sa-… or User:pool-…
	RoleName       string    `json:"role_name"`
	CRNPattern     string    `json:"crn_pattern"`
	State          Lifecycle `json:"state"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// CRN names the binding itself, not what it covers.
func (r RoleBinding) CRN() CRN { return OrganizationCRN(r.OrganizationID).With(CRNRoleBinding, r.ID) }
