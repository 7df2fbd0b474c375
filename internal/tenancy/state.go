// Package tenancy holds the pure rules that let many logical clusters share one physical cluster: how names are
// translated, what a tenant may configure, and the records of the state topics from which gateways know their
// tenants.
package tenancy

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
)

// StateVersion is the version of the state records that this program writes; a reader keeps unknown fields.
//
//   - 1 (2026-11-22): first.
const StateVersion = 1

// Kinds of record in _orrery_tenants, the first half of the key.
const (
	StateTenant               = "tenant"                // tenant/lkc-…
	StateCredential           = "credential"            // credential/KEY
	StateBinding              = "binding"               // binding/rb-…
	StateSaltKey              = "salt-key"              // salt-key/pkc-…
	StateIdentityProvider     = "identity-provider"     // identity-provider/op-…
	StateIdentityPool         = "identity-pool"         // identity-pool/pool-…
	StateCertificateAuthority = "certificate-authority" // certificate-authority/op-…
	StateKeySet               = "key-set"               // key-set/op-…: KeySet, written by the satellite itself
	StateEndpoints            = "endpoints"             // endpoints/pkc-…: orrery.Endpoints, written by the satellite itself
)

// StateACL is the kind of the records in _orrery_acls, acl/lkc-…/ID, each with one ACL (authz.ACL, whose ID it is).
// Gateways write them, without a generation, and a tombstone where the ACL is deleted.
const StateACL = "acl"

// StateClientQuota is the other kind of the records in _orrery_acls, client-quota/lkc-…/ID, each with one value of one
// key of a Kafka client quota (quota.Setting, whose ID it is). They are written and removed as ACLs are.
const StateClientQuota = "client-quota"

// StateRecord is the value of one record of a state topic. In _orrery_tenants a deleted one stays, with Deleted, until the
// mothership needs it no more: so an older generation that arrives late cannot bring it back.
type StateRecord struct {
	Version    int               `json:"version"`
	Generation orrery.Generation `json:"generation"`
	Hash       string            `json:"hash"` // orrery.Hash of Content
	Deleted    bool              `json:"deleted,omitempty"`
	Content    json.RawMessage   `json:"content,omitempty"`
}

// StateKey returns KIND/ID.
func StateKey(kind, id string) string { return kind + "/" + id }

// ParseStateKey splits a key into kind and id.
func ParseStateKey(key string) (kind, id string, err error) {
	kind, id, ok := strings.Cut(key, "/")
	if !ok || kind == "" || id == "" {
		return "", "", fmt.Errorf("state record key %q is not KIND/ID", key)
	}
	return kind, id, nil
}

// Tenant is a logical cluster as its physical cluster knows it; content of link kind "tenant" and of state kind
// "tenant".
type Tenant struct {
	PhysicalClusterID string `json:"physical_cluster_id"`
	LogicalClusterID  string `json:"logical_cluster_id"`
	OrganizationID    string `json:"organization_id"`
	EnvironmentID     string `json:"environment_id"`
	Type              string `json:"type"`
	// MaxPartitions bounds the partitions of all the tenant's topics: Quotas.Partitions, for readers that are older
	// than Quotas.
	MaxPartitions int `json:"max_partitions"`
	// Quotas is what the tenant may use, on all brokers together; zero in a record of an older mothership.
	Quotas orrery.Quotas `json:"quotas,omitzero"`
	// ReplicationFactor is forced on every topic.
	ReplicationFactor int `json:"replication_factor"`
}

// Credential is an API key as its physical cluster knows it; content of link kind "credential" (whose id is
// pkc-…/KEY) and of state kind "credential" (whose id is KEY).
type Credential struct {
	PhysicalClusterID string `json:"physical_cluster_id"`
	APIKeyID          string `json:"api_key_id"`
	OrganizationID    string `json:"organization_id"`
	// LogicalClusterID is the only tenant that the key opens; "" for a Cloud API key, which opens no Kafka
	// connection, only Kafka REST, of the organization's tenants.
	LogicalClusterID string           `json:"logical_cluster_id,omitempty"`
	OwnerID          string           `json:"owner_id"` // u-… or sa-…
	Verifiers        orrery.Verifiers `json:"verifiers"`
}

// Binding is a role binding as a physical cluster knows it; content of link kind "binding" (whose id is
// pkc-…/rb-…) and of state kind "binding" (whose id is rb-…).
type Binding struct {
	PhysicalClusterID string `json:"physical_cluster_id"`
	RoleBindingID     string `json:"role_binding_id"`
	Principal         string `json:"principal"`
	RoleName          string `json:"role_name"`
	CRNPattern        string `json:"crn_pattern"`
}

// IdentityProvider is an identity provider as a physical cluster knows it, wherever its organization has a cluster;
// content of link kind "identity-provider" (whose id is pkc-…/op-…) and of state kind "identity-provider" (whose id is
// op-…). Its keys are the KeySet of the same id.
type IdentityProvider struct {
	PhysicalClusterID  string `json:"physical_cluster_id"`
	IdentityProviderID string `json:"identity_provider_id"`
	OrganizationID     string `json:"organization_id"`
	Issuer             string `json:"issuer"`
	JWKSURI            string `json:"jwks_uri"`
	// Audiences must have one of a token's; where there are none, only the filters of the identity pools say for whom a
	// token is.
	Audiences []string `json:"audiences,omitempty"`
}

// IdentityPool is an identity pool as a physical cluster knows it, wherever its organization has a cluster; content of
// link kind "identity-pool" (whose id is pkc-…/pool-…) and of state kind "identity-pool" (whose id is pool-…). Its
// principal is User:pool-….
type IdentityPool struct {
	PhysicalClusterID  string `json:"physical_cluster_id"`
	IdentityPoolID     string `json:"identity_pool_id"`
	IdentityProviderID string `json:"identity_provider_id"`
	OrganizationID     string `json:"organization_id"`
	IdentityClaim      string `json:"identity_claim"`
	Filter             string `json:"filter"`
	// Certificates says that the pool is of a certificate authority: IdentityProviderID is that one's, IdentityClaim a
	// part of a certificate, and Filter about such parts. LogicalClusterID is then the cluster to which certificates
	// lead, "" the organization's only one on the physical cluster, and CreatedAt decides between pools.
	Certificates     bool      `json:"certificates,omitempty"`
	LogicalClusterID string    `json:"logical_cluster_id,omitempty"`
	CreatedAt        time.Time `json:"created_at,omitzero"`
}

// CertificateAuthority is a certificate authority of an organization as a physical cluster knows it, wherever its
// organization has a cluster; content of link kind "certificate-authority" (whose id is pkc-…/op-…) and of state kind
// "certificate-authority" (whose id is op-…).
type CertificateAuthority struct {
	PhysicalClusterID      string `json:"physical_cluster_id"`
	CertificateAuthorityID string `json:"certificate_authority_id"`
	OrganizationID         string `json:"organization_id"`
	// CertificateChain and RevocationLists are PEM.
	CertificateChain string `json:"certificate_chain"`
	RevocationLists  string `json:"revocation_lists,omitempty"`
}

// KeySet is the public keys of an identity provider as its satellite fetched them last; content of state kind
// "key-set". Without one, no token of the provider is taken.
type KeySet struct {
	IdentityProviderID string `json:"identity_provider_id"`
	// JWKS is the document (RFC 7517).
	JWKS json.RawMessage `json:"jwks"`
}

// SaltKey is what the gateways of a physical cluster make the salts of API keys from that do not exist: the same on all
// of them, and for good, or who compares two answers learns which keys exist. Content of link kind "salt-key" and of
// state kind "salt-key", both with the id pkc-…. It is a secret: no log, error or answer has it.
type SaltKey struct {
	PhysicalClusterID string `json:"physical_cluster_id"`
	Key               []byte `json:"key"` // SaltKeyBytes, in base 64
}

// SaltKeyBytes is the length of a SaltKey.
const SaltKeyBytes = 32

// LeaseDuration is for how long a gateway counts after it last renewed; it renews each third of it.
const LeaseDuration = 9 * time.Second

// GatewayRecord is the value of gateway/NODE in _orrery_gateways, written by the gateway on start, on each
// renewal, and whenever it has applied more of _orrery_tenants.
type GatewayRecord struct {
	Version int   `json:"version"`
	Node    int32 `json:"node"`
	// Incarnation is random at each start of the gateway.
	Incarnation string `json:"incarnation"`
	// RenewedAt starts the lease; Released ends it at once (a clean stop).
	RenewedAt time.Time `json:"renewed_at"`
	Released  bool      `json:"released,omitempty"`
	// Applied is the offset after the last record of _orrery_tenants that is in force on this gateway: also for
	// the connections that were open before.
	Applied int64 `json:"applied"`
	// Journal is random, and the same for gateways that keep what they refused together: those of one process.
	Journal string `json:"journal,omitempty"`
}

// Live reports whether the gateway holds its lease at now.
func (g GatewayRecord) Live(now time.Time) bool {
	return !g.Released && now.Sub(g.RenewedAt) < LeaseDuration
}
