package mothership

import (
	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/profile"
)

// Limits bounds what one organization may have. Reaching one is a LimitExceeded error that names it.
type Limits struct {
	EnvironmentsPerOrganization           int
	ClustersPerEnvironment                int
	ClustersPerOrganization               int
	ServiceAccountsPerOrganization        int
	RoleBindingsPerOrganization           int
	CloudAPIKeysPerOrganization           int
	IdentityProvidersPerOrganization      int
	IdentityPoolsPerProvider              int // or certificate authority
	CertificateAuthoritiesPerOrganization int
	// APIKeysPerCluster is by type of cluster.
	APIKeysPerCluster map[string]int
}

// DefaultLimits is what an organization has unless an operator says otherwise: the public service's figures where
// it has one.
func DefaultLimits() Limits {
	keys := map[string]int{}
	for _, clusterType := range []string{orrery.TypeBasic, orrery.TypeStandard, orrery.TypeDedicated} {
		if limits, err := profile.LimitsOf(profile.Newest, clusterType); err == nil {
			keys[clusterType] = limits.APIKeys
		}
	}
	return Limits{
		EnvironmentsPerOrganization:           25,
		ClustersPerEnvironment:                20,
		ClustersPerOrganization:               400,
		ServiceAccountsPerOrganization:        1000,
		RoleBindingsPerOrganization:           1000,
		CloudAPIKeysPerOrganization:           500,
		IdentityProvidersPerOrganization:      5,
		IdentityPoolsPerProvider:              100,
		CertificateAuthoritiesPerOrganization: 10,
		APIKeysPerCluster:                     keys,
	}
}
