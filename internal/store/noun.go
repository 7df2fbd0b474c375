package store

import (
	"time"

	"github.com/orrery-kafka/orrery"
)

// Field names an indexed field of a noun.
type Field string

// The indexed fields. A noun's declaration below lists the ones that it has.
const (
	OrganizationID     Field = "organization_id"
	EnvironmentID      Field = "environment_id"
	OwnerID            Field = "owner_id"
	ResourceKind       Field = "resource_kind"
	LogicalClusterID   Field = "logical_cluster_id"
	PhysicalClusterID  Field = "physical_cluster_id"
	SatelliteID        Field = "satellite_id"
	DisplayName        Field = "display_name"
	IdentityProviderID Field = "identity_provider_id"
	Principal          Field = "principal"
	RoleName           Field = "role_name"
	Kind               Field = "kind"
	Phase              Field = "phase"
	Type               Field = "type"
	Pending            Field = "pending" // of Desired: PendingSend, PendingAnswer or PendingNothing
)

// The values of Pending: something is to be published, is to be answered, or neither.
const (
	PendingSend    = "true"
	PendingAnswer  = "sent"
	PendingNothing = "false"
)

// pendingOf says what a desired record waits for.
func pendingOf(d orrery.Desired) string {
	switch {
	case d.Gone || d.Published.Compare(d.Generation) < 0:
		return PendingSend
	case d.Deleted || !d.InForce():
		return PendingAnswer
	}
	return PendingNothing
}

// Noun says how rows of T are kept: the table's name, what identifies and orders a row, and its indexed fields.
type Noun[T any] struct {
	Table   string
	ID      func(T) string
	Created func(T) time.Time
	Index   map[Field]func(T) string
}

// The nouns. An adapter makes a table of each.
var (
	Organizations = Noun[orrery.Organization]{
		Table: "organizations",
		ID:    func(o orrery.Organization) string { return o.ID }, Created: func(o orrery.Organization) time.Time { return o.CreatedAt },
	}
	Environments = Noun[orrery.Environment]{
		Table: "environments",
		ID:    func(e orrery.Environment) string { return e.ID }, Created: func(e orrery.Environment) time.Time { return e.CreatedAt },
		Index: map[Field]func(orrery.Environment) string{
			OrganizationID: func(e orrery.Environment) string { return e.OrganizationID },
			DisplayName:    func(e orrery.Environment) string { return e.DisplayName },
		},
	}
	Users = Noun[orrery.User]{
		Table: "users",
		ID:    func(u orrery.User) string { return u.ID }, Created: func(u orrery.User) time.Time { return u.CreatedAt },
		Index: map[Field]func(orrery.User) string{
			OrganizationID: func(u orrery.User) string { return u.OrganizationID },
		},
	}
	ServiceAccounts = Noun[orrery.ServiceAccount]{
		Table: "service_accounts",
		ID:    func(s orrery.ServiceAccount) string { return s.ID }, Created: func(s orrery.ServiceAccount) time.Time { return s.CreatedAt },
		Index: map[Field]func(orrery.ServiceAccount) string{
			OrganizationID: func(s orrery.ServiceAccount) string { return s.OrganizationID },
			DisplayName:    func(s orrery.ServiceAccount) string { return s.DisplayName },
		},
	}
	APIKeys = Noun[orrery.APIKey]{
		Table: "api_keys",
		ID:    func(k orrery.APIKey) string { return k.ID }, Created: func(k orrery.APIKey) time.Time { return k.CreatedAt },
		Index: map[Field]func(orrery.APIKey) string{
			OrganizationID:   func(k orrery.APIKey) string { return k.OrganizationID },
			OwnerID:          func(k orrery.APIKey) string { return k.OwnerID },
			ResourceKind:     func(k orrery.APIKey) string { return k.ResourceKind },
			LogicalClusterID: func(k orrery.APIKey) string { return k.LogicalClusterID },
			Phase:            func(k orrery.APIKey) string { return string(k.State.Phase) },
		},
	}
	RoleBindings = Noun[orrery.RoleBinding]{
		Table: "role_bindings",
		ID:    func(r orrery.RoleBinding) string { return r.ID }, Created: func(r orrery.RoleBinding) time.Time { return r.CreatedAt },
		Index: map[Field]func(orrery.RoleBinding) string{
			OrganizationID: func(r orrery.RoleBinding) string { return r.OrganizationID },
			Principal:      func(r orrery.RoleBinding) string { return r.Principal },
			RoleName:       func(r orrery.RoleBinding) string { return r.RoleName },
			Phase:          func(r orrery.RoleBinding) string { return string(r.State.Phase) },
		},
	}
	IdentityProviders = Noun[orrery.IdentityProvider]{
		Table: "identity_providers",
		ID:    func(p orrery.IdentityProvider) string { return p.ID }, Created: func(p orrery.IdentityProvider) time.Time { return p.CreatedAt },
		Index: map[Field]func(orrery.IdentityProvider) string{
			OrganizationID: func(p orrery.IdentityProvider) string { return p.OrganizationID },
			DisplayName:    func(p orrery.IdentityProvider) string { return p.DisplayName },
			Phase:          func(p orrery.IdentityProvider) string { return string(p.State.Phase) },
		},
	}
	IdentityPools = Noun[orrery.IdentityPool]{
		Table: "identity_pools",
		ID:    func(p orrery.IdentityPool) string { return p.ID }, Created: func(p orrery.IdentityPool) time.Time { return p.CreatedAt },
		Index: map[Field]func(orrery.IdentityPool) string{
			OrganizationID:     func(p orrery.IdentityPool) string { return p.OrganizationID },
			IdentityProviderID: func(p orrery.IdentityPool) string { return p.IdentityProviderID },
			DisplayName:        func(p orrery.IdentityPool) string { return p.DisplayName },
			Phase:              func(p orrery.IdentityPool) string { return string(p.State.Phase) },
		},
	}
	CertificateAuthorities = Noun[orrery.CertificateAuthority]{
		Table: "certificate_authorities",
		ID:    func(a orrery.CertificateAuthority) string { return a.ID }, Created: func(a orrery.CertificateAuthority) time.Time { return a.CreatedAt },
		Index: map[Field]func(orrery.CertificateAuthority) string{
			OrganizationID: func(a orrery.CertificateAuthority) string { return a.OrganizationID },
			DisplayName:    func(a orrery.CertificateAuthority) string { return a.DisplayName },
			Phase:          func(a orrery.CertificateAuthority) string { return string(a.State.Phase) },
		},
	}
	LogicalClusters = Noun[orrery.LogicalCluster]{
		Table: "logical_clusters",
		ID:    func(c orrery.LogicalCluster) string { return c.ID }, Created: func(c orrery.LogicalCluster) time.Time { return c.CreatedAt },
		Index: map[Field]func(orrery.LogicalCluster) string{
			OrganizationID:    func(c orrery.LogicalCluster) string { return c.OrganizationID },
			EnvironmentID:     func(c orrery.LogicalCluster) string { return c.EnvironmentID },
			DisplayName:       func(c orrery.LogicalCluster) string { return c.DisplayName },
			PhysicalClusterID: func(c orrery.LogicalCluster) string { return c.PhysicalClusterID },
			Type:              func(c orrery.LogicalCluster) string { return c.Type },
			Phase:             func(c orrery.LogicalCluster) string { return string(c.State.Phase) },
		},
	}
	PlacementDecisions = Noun[orrery.PlacementDecision]{
		Table: "placement_decisions",
		ID:    func(d orrery.PlacementDecision) string { return d.LogicalClusterID }, Created: func(d orrery.PlacementDecision) time.Time { return d.DecidedAt },
		Index: map[Field]func(orrery.PlacementDecision) string{
			OrganizationID:    func(d orrery.PlacementDecision) string { return d.OrganizationID },
			PhysicalClusterID: func(d orrery.PlacementDecision) string { return d.PhysicalClusterID },
		},
	}
	PSCs = Noun[orrery.PSC]{
		Table: "pscs",
		ID:    func(p orrery.PSC) string { return p.ID }, Created: func(p orrery.PSC) time.Time { return p.CreatedAt },
		Index: map[Field]func(orrery.PSC) string{
			SatelliteID: func(p orrery.PSC) string { return p.SatelliteID },
			Type:        func(p orrery.PSC) string { return p.Spec.Type },
		},
	}
	Satellites = Noun[orrery.Satellite]{
		Table: "satellites",
		ID:    func(s orrery.Satellite) string { return s.ID }, Created: func(s orrery.Satellite) time.Time { return s.CreatedAt },
	}
	Desired = Noun[orrery.Desired]{
		Table: "desired",
		ID:    orrery.Desired.Key, Created: func(d orrery.Desired) time.Time { return d.CreatedAt },
		Index: map[Field]func(orrery.Desired) string{
			SatelliteID: func(d orrery.Desired) string { return d.SatelliteID },
			Kind:        func(d orrery.Desired) string { return d.Kind },
			Pending:     pendingOf,
		},
	}
)
