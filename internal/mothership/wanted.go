package mothership

import (
	"fmt"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/profile"
	"github.com/orrery-kafka/orrery/internal/store"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// wanted returns what a record is to say, and about which physical cluster; nil where it is not to be.
func (t *transaction) wanted(kind, id string) (pscID string, document any, err error) {
	switch kind {
	case orrery.DesiredPSC:
		return t.wantedPSC(id)
	case orrery.DesiredTenant:
		return t.wantedTenant(id)
	case orrery.DesiredCredential:
		return t.wantedCredential(id)
	case orrery.DesiredBinding:
		return t.wantedBinding(id)
	case orrery.DesiredIdentityProvider:
		return t.wantedIdentityProvider(id)
	case orrery.DesiredIdentityPool:
		return t.wantedIdentityPool(id)
	case orrery.DesiredCertificateAuthority:
		return t.wantedCertificateAuthority(id)
	case orrery.DesiredSaltKey:
		return t.wantedSaltKey(id)
	case orrery.DesiredCertificates:
		return t.wantedCertificates(id)
	}
	return "", nil, fmt.Errorf("%q is not a kind of desired record", kind)
}

func (t *transaction) wantedPSC(id string) (string, any, error) {
	psc, ok, err := find(t.PSCs(), id)
	if err != nil || !ok || psc.Deleted || psc.Local {
		return "", nil, err
	}
	if finding, wrong := profile.FirstError(profile.Check(psc.Spec)); wrong {
		return "", nil, fmt.Errorf("the physical cluster %s is not sent: %s", id, finding)
	}
	return id, psc.Spec, nil
}

func (t *transaction) wantedTenant(id string) (string, any, error) {
	c, ok, err := find(t.LogicalClusters(), id)
	if err != nil || !ok || c.State.Phase == orrery.PhaseDeleting || c.PhysicalClusterID == "" {
		return "", nil, err
	}
	psc, err := t.PSCs().Get(c.PhysicalClusterID)
	if err != nil {
		return "", nil, err
	}
	limits, err := profile.LimitsOf(psc.Spec.Profile, c.Type)
	if err != nil {
		return "", nil, err
	}
	quotas := limits.Quotas(units(c))
	return psc.ID, tenancy.Tenant{
		PhysicalClusterID: psc.ID, LogicalClusterID: c.ID, OrganizationID: c.OrganizationID, EnvironmentID: c.EnvironmentID,
		Type: c.Type, MaxPartitions: int(quotas.Partitions), Quotas: quotas, ReplicationFactor: profile.ReplicationFactor(psc.Spec),
	}, nil
}

func (t *transaction) wantedCredential(id string) (string, any, error) {
	pscID, keyID, _ := strings.Cut(id, "/")
	key, ok, err := find(t.APIKeys(), keyID)
	if err != nil || !ok || key.State.Phase == orrery.PhaseDeleting {
		return "", nil, err
	}
	clusters, err := t.liveClusters(pscID, key.OrganizationID)
	if err != nil {
		return "", nil, err
	}
	for _, c := range clusters {
		if key.LogicalClusterID != "" && c.ID != key.LogicalClusterID {
			continue
		}
		return pscID, tenancy.Credential{
			PhysicalClusterID: pscID, APIKeyID: key.ID, OrganizationID: key.OrganizationID,
			LogicalClusterID: key.LogicalClusterID, OwnerID: key.OwnerID, Verifiers: key.Verifiers,
		}, nil
	}
	return "", nil, nil
}

func (t *transaction) wantedBinding(id string) (string, any, error) {
	pscID, bindingID, _ := strings.Cut(id, "/")
	binding, ok, err := find(t.RoleBindings(), bindingID)
	if err != nil || !ok || binding.State.Phase == orrery.PhaseDeleting {
		return "", nil, err
	}
	pattern, err := orrery.ParseCRN(binding.CRNPattern)
	if err != nil {
		return "", nil, err
	}
	clusters, err := t.liveClusters(pscID, binding.OrganizationID)
	if err != nil {
		return "", nil, err
	}
	for _, c := range clusters {
		if !authz.Reaches(pattern, c.CRN()) {
			continue
		}
		return pscID, tenancy.Binding{
			PhysicalClusterID: pscID, RoleBindingID: binding.ID, Principal: binding.Principal,
			RoleName: binding.RoleName, CRNPattern: binding.CRNPattern,
		}, nil
	}
	return "", nil, nil
}

// satelliteOf returns where a physical cluster is, for good; what is for a satellite itself is there.
func (t *transaction) satelliteOf(pscID string) (string, error) {
	if orrery.HasPrefix(pscID, orrery.PrefixSatellite) {
		return pscID, nil
	}
	psc, err := t.PSCs().Get(pscID)
	return psc.SatelliteID, err
}

// liveClusters returns the clusters of an organization on a physical cluster that are not being deleted.
func (t *transaction) liveClusters(pscID, organizationID string) ([]orrery.LogicalCluster, error) {
	memo := pscID + "/" + organizationID
	if clusters, ok := t.live[memo]; ok {
		return clusters, nil
	}
	clusters := []orrery.LogicalCluster{}
	where := map[store.Field]string{store.PhysicalClusterID: pscID, store.OrganizationID: organizationID}
	err := each(t.LogicalClusters(), store.Query{Where: where}, func(c orrery.LogicalCluster) error {
		if c.State.Phase != orrery.PhaseDeleting {
			clusters = append(clusters, c)
		}
		return nil
	})
	if err == nil {
		t.live[memo] = clusters
	}
	return clusters, err
}

// placesOf returns the physical clusters on which an organization has, or still has, a cluster, in the order in
// which it came to them.
func (t *transaction) placesOf(organizationID string) (places []string, err error) {
	seen := map[string]bool{"": true}
	err = each(t.LogicalClusters(), store.Where(store.OrganizationID, organizationID), func(c orrery.LogicalCluster) error {
		if !seen[c.PhysicalClusterID] {
			seen[c.PhysicalClusterID] = true
			places = append(places, c.PhysicalClusterID)
		}
		return nil
	})
	return places, err
}

// placesOfKey is placesOf for a Cloud key, and the place of its cluster for a cluster's key.
func (t *transaction) placesOfKey(key orrery.APIKey) ([]string, error) {
	if key.LogicalClusterID == "" {
		return t.placesOf(key.OrganizationID)
	}
	c, ok, err := find(t.LogicalClusters(), key.LogicalClusterID)
	if err != nil || !ok || c.PhysicalClusterID == "" {
		return nil, err
	}
	return []string{c.PhysicalClusterID}, nil
}
