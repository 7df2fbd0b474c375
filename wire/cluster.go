package wire

// KindCluster is the kind of a Cluster, and of what an API key of one is for.
const KindCluster = "Cluster"

// Phases of a Cluster's status.
const (
	PhaseProvisioning = "PROVISIONING"
	PhaseProvisioned  = "PROVISIONED" // it takes clients
	PhaseFailed       = "FAILED"
)

// Cluster is cmk/v2 Cluster: a logical Kafka cluster, lkc-….
type Cluster struct {
	APIVersion string        `json:"api_version,omitempty" enum:"cmk/v2" access:"read-only"`
	Kind       string        `json:"kind,omitempty" enum:"Cluster" access:"read-only"`
	ID         string        `json:"id,omitempty" access:"read-only"`
	Metadata   Metadata      `json:"metadata,omitzero" access:"read-only"`
	Spec       ClusterSpec   `json:"spec"`
	Status     ClusterStatus `json:"status,omitzero" access:"read-only"`
}

// ClusterSpec is what the user asked for, and the addresses.
type ClusterSpec struct {
	DisplayName string `json:"display_name"`
	// Availability is returned as it was sent.
	Availability string `json:"availability,omitempty" enum:"SINGLE_ZONE,MULTI_ZONE,LOW,HIGH"`
	// Cloud is taken in any case and returned in upper case.
	Cloud              string        `json:"cloud"`
	Region             string        `json:"region"`
	Config             ClusterConfig `json:"config"`
	DeletionProtection bool          `json:"deletion_protection"`
	Environment        *Reference    `json:"environment,omitempty"`
	// KafkaBootstrapEndpoint is SASL_SSL://HOST:PORT, "" until known.
	KafkaBootstrapEndpoint string `json:"kafka_bootstrap_endpoint,omitempty" access:"read-only"`
	// HTTPEndpoint is the base URL of Kafka REST, "" until known.
	HTTPEndpoint string         `json:"http_endpoint,omitempty" access:"read-only"`
	APIEndpoint  string         `json:"api_endpoint,omitempty" access:"read-only"`
	Endpoints    map[string]any `json:"endpoints,omitempty" access:"read-only"`
	// Network is not offered: a request that sets it is refused.
	Network *Reference `json:"network,omitempty"`
	// BYOK is not offered: a request that sets it is refused.
	BYOK *Reference `json:"byok,omitempty"`
}

// ClusterConfig is the type of a cluster and its size.
type ClusterConfig struct {
	Kind string `json:"kind" enum:"Basic,Standard,Dedicated"`
	// CKU is the size of a Dedicated cluster.
	CKU int `json:"cku,omitempty"`
	// MaxECKU bounds a Basic or Standard cluster.
	MaxECKU int `json:"max_ecku,omitempty"`
	// EncryptionKey is not offered: a request that sets it is refused.
	EncryptionKey string `json:"encryption_key,omitempty"`
	// ReleasePriority is accepted without effect.
	ReleasePriority string `json:"release_priority,omitempty" enum:"REGULAR,PRIORITY"`
	// Zones is not offered: a request that sets it is refused.
	Zones []string `json:"zones,omitempty"`
}

// ClusterStatus is how far a cluster is. Why it is there, is in orrery/v1's LogicalCluster.
type ClusterStatus struct {
	Phase string `json:"phase" enum:"PROVISIONING,PROVISIONED,FAILED" access:"read-only"`
	// CKU is the size of a Dedicated cluster as it is now.
	CKU int `json:"cku,omitempty" access:"read-only"`
}

// ClusterUpdate is the PATCH body of a Cluster.
type ClusterUpdate struct {
	APIVersion string            `json:"api_version,omitempty" access:"read-only"`
	Kind       string            `json:"kind,omitempty" access:"read-only"`
	ID         string            `json:"id,omitempty" access:"read-only"`
	Metadata   *Metadata         `json:"metadata,omitempty" access:"read-only"`
	Spec       ClusterSpecUpdate `json:"spec"`
	Status     *ClusterStatus    `json:"status,omitempty" access:"read-only"`
}

// ClusterSpecUpdate is what may be changed about a Cluster. What can never change may be sent again with the
// value that it has.
type ClusterSpecUpdate struct {
	DisplayName        *string              `json:"display_name,omitempty"`
	DeletionProtection *bool                `json:"deletion_protection,omitempty"`
	Availability       *string              `json:"availability,omitempty" enum:"SINGLE_ZONE,MULTI_ZONE,LOW,HIGH"`
	Cloud              *string              `json:"cloud,omitempty"`
	Region             *string              `json:"region,omitempty"`
	Config             *ClusterConfigUpdate `json:"config,omitempty"`
	// Environment is required: it says where the cluster is.
	Environment            *Reference     `json:"environment,omitempty"`
	KafkaBootstrapEndpoint string         `json:"kafka_bootstrap_endpoint,omitempty" access:"read-only"`
	HTTPEndpoint           string         `json:"http_endpoint,omitempty" access:"read-only"`
	APIEndpoint            string         `json:"api_endpoint,omitempty" access:"read-only"`
	Endpoints              map[string]any `json:"endpoints,omitempty" access:"read-only"`
	Network                *Reference     `json:"network,omitempty"`
	BYOK                   *Reference     `json:"byok,omitempty"`
}

// ClusterConfigUpdate is what may be changed about a ClusterConfig.
type ClusterConfigUpdate struct {
	Kind            *string  `json:"kind,omitempty" enum:"Basic,Standard,Dedicated"`
	CKU             *int     `json:"cku,omitempty"`
	MaxECKU         *int     `json:"max_ecku,omitempty"`
	EncryptionKey   string   `json:"encryption_key,omitempty"`
	ReleasePriority string   `json:"release_priority,omitempty" enum:"REGULAR,PRIORITY"`
	Zones           []string `json:"zones,omitempty"`
}
