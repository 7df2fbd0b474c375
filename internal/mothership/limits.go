package mothership

import "github.com/orrery-kafka/orrery"

// Limits bounds what one organization may have. Reaching one is a LimitExceeded error that names it.
type Limits struct {
	EnvironmentsPerOrganization    int
	ClustersPerEnvironment         int
	ClustersPerOrganization        int
	ServiceAccountsPerOrganization int
	RoleBindingsPerOrganization    int
	CloudAPIKeysPerOrganization    int
	// APIKeysPerCluster is by type of cluster.
	APIKeysPerCluster map[string]int
}

// DefaultLimits is what an organization has unless an operator says otherwise: the public service's figures where
// it has one.
func DefaultLimits() Limits {
	return Limits{
		EnvironmentsPerOrganization:    25,
		ClustersPerEnvironment:         20,
		ClustersPerOrganization:        400,
		ServiceAccountsPerOrganization: 1000,
		RoleBindingsPerOrganization:    1000,
		CloudAPIKeysPerOrganization:    500,
		APIKeysPerCluster: map[string]int{
			orrery.TypeBasic: 50, orrery.TypeStandard: 100, orrery.TypeDedicated: 2000,
		},
	}
}
