package mothership

import "github.com/orrery-kafka/orrery"

// The pointers in errors about an input are those of the public API's request bodies: "/spec/display_name" of a
// cluster and an API key, "/display_name" of the others.

// BootstrapInput is what the first start of an installation stores. The caller draws the key's id and secret and
// keeps them safe before it calls.
type BootstrapInput struct {
	OrganizationName string
	EnvironmentName  string
	Email, FullName  string
	APIKeyID, Secret string
}

// BootstrapResult is the installation's first organization. It holds no secret.
type BootstrapResult struct {
	Organization orrery.Organization
	User         orrery.User
	Environment  orrery.Environment // zero where it was deleted since
	// Created is true where this call made them.
	Created bool
	// KeyWorks is true where the given key and secret log in; false where the key was deleted since.
	KeyWorks bool
}

// EnvironmentInput is a new environment. StreamGovernancePackage is "", ESSENTIALS or ADVANCED.
type EnvironmentInput struct {
	DisplayName             string
	StreamGovernancePackage string
}

// EnvironmentChange changes the fields that are not nil.
type EnvironmentChange struct {
	DisplayName             *string
	StreamGovernancePackage *string
}

// ServiceAccountInput is a new service account.
type ServiceAccountInput struct {
	DisplayName string
	Description string
}

// ServiceAccountChange changes the fields that are not nil. The display name is fixed at creation; naming another is Invalid.
type ServiceAccountChange struct {
	DisplayName *string
	Description *string
}

// ClusterInput is a new logical Kafka cluster. Cloud is taken in any case and kept in upper case. Availability ""
// means SINGLE_ZONE. CKU is for Dedicated only, MaxECKU for Basic and Standard only.
type ClusterInput struct {
	EnvironmentID      string
	DisplayName        string
	Type               string
	Availability       string
	Cloud, Region      string
	CKU                int
	MaxECKU            int
	DeletionProtection bool
}

// ClusterChange changes the fields that are not nil. Type may go from Basic to Standard only; the CKU
// of a Dedicated cluster decides how many brokers it has.
type ClusterChange struct {
	DisplayName        *string
	DeletionProtection *bool
	Type               *string
	CKU                *int
	MaxECKU            *int
}

// Cluster is a logical cluster with what its physical cluster says.
type Cluster struct {
	orrery.LogicalCluster
	// Endpoints are zero until they are known.
	Endpoints orrery.Endpoints
	// Ready is the condition Ready of the physical cluster: why it does not serve, in the operator's words. The
	// zero Condition while there is none.
	Ready orrery.Condition
	// Quotas is what it may use, on all brokers together; QuotaSources has for each of Quotas.List, by name, the
	// rule of the profile that set it.
	Quotas       orrery.Quotas
	QuotaSources map[string]string
}

// ClusterFilter selects clusters of one environment, which must be given. DeletionProtection nil means both.
type ClusterFilter struct {
	EnvironmentID      string
	DeletionProtection *bool
}

// APIKeyInput is a new API key. OwnerID "" means the actor. ResourceID is lkc-… for a cluster key, and "" or
// "cloud" (in any case) for a Cloud key. EnvironmentID, where given, must be the cluster's.
type APIKeyInput struct {
	OwnerID       string
	ResourceID    string
	EnvironmentID string
	DisplayName   string
	Description   string
}

// APIKeyChange changes the fields that are not nil.
type APIKeyChange struct {
	DisplayName *string
	Description *string
}

// APIKeyFilter selects API keys; "" means any. ResourceID is lkc-… or "cloud".
type APIKeyFilter struct {
	OwnerID    string
	ResourceID string
}

// IdentityProviderInput is a new identity provider. Issuer and JWKSURI are https URIs, and fixed at creation.
type IdentityProviderInput struct {
	DisplayName string
	Description string
	Issuer      string
	JWKSURI     string
	Audiences   []string
}

// IdentityProviderChange changes the fields that are not nil.
type IdentityProviderChange struct {
	DisplayName *string
	Description *string
	Audiences   *[]string
}

// IdentityProvider is an identity provider with what satellites say about its keys.
type IdentityProvider struct {
	orrery.IdentityProvider
	// KeySet is nil until a satellite has said something; an organization without clusters has none.
	KeySet *orrery.KeySetStatus
}

// CertificateAuthorityInput is a new certificate authority: a chain of certificates and revocation lists, both PEM.
type CertificateAuthorityInput struct {
	DisplayName      string
	Description      string
	CertificateChain string
	Filename         string
	RevocationLists  string
}

// CertificateAuthorityChange changes the fields that are not nil.
type CertificateAuthorityChange struct {
	DisplayName      *string
	Description      *string
	CertificateChain *string
	Filename         *string
	RevocationLists  *string
}

// PoolOwner is what an identity pool belongs to, op-…: an identity provider, or with Certificates a certificate
// authority.
type PoolOwner struct {
	ID           string
	Certificates bool
}

// IdentityPoolInput is a new identity pool. Filter is a CEL expression over claims, IdentityClaim a claim's name; or
// over the parts of a certificate, and the name of one. LogicalClusterID, "" or one of the organization's clusters, is
// for certificates only.
type IdentityPoolInput struct {
	DisplayName      string
	Description      string
	IdentityClaim    string
	Filter           string
	LogicalClusterID string
}

// IdentityPoolChange changes the fields that are not nil.
type IdentityPoolChange struct {
	DisplayName   *string
	Description   *string
	IdentityClaim *string
	Filter        *string
	// LogicalClusterID is for certificates only.
	LogicalClusterID *string
}

// RoleBindingInput is a new role binding. Principal is User:u-…, User:sa-… or User:pool-….
type RoleBindingInput struct {
	Principal  string
	RoleName   string
	CRNPattern string
}

// RoleBindingFilter selects role bindings. CRNPattern is required, and selects the bindings whose pattern is the
// same; one that ends in "/*" selects what is below too, as the public API has it.
type RoleBindingFilter struct {
	CRNPattern string
	Principal  string
	RoleName   string
}

// PhysicalCluster is a PSC with how far its desired record got.
type PhysicalCluster struct {
	orrery.PSC
	// LogicalClusters is how many it hosts, those being deleted included.
	LogicalClusters int
	// Desired is its record on the link, without the content; zero while none was composed.
	Desired orrery.Desired
}
