package orrery

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Kinds of physical cluster.
const (
	KindKafka = "kafka" // pkc-xxxxxx
)

// Engines that can serve a Kafka PSC.
const (
	EngineEmbedded = "embedded" // franz-go's kfake inside the satellite's process
	EngineApache   = "apache"   // Apache Kafka in KRaft mode
)

// PSC is a physical stateful cluster: the desired state of one physical cluster of any kind, and what was last
// reported about it. It holds no tenant and no secret.
type PSC struct {
	ID          string  `json:"id"` // pkc-xxxxxx
	SatelliteID string  `json:"satellite_id"`
	Spec        PSCSpec `json:"spec"`
	// Provenance says for each field of the spec which rule set it: "/brokers" -> "kafka-1: max(3, CKU)".
	Provenance map[string]string `json:"provenance"`
	// Generation rises when Spec changes, and when the PSC is deleted.
	Generation Generation `json:"generation"`
	Deleted    bool       `json:"deleted,omitempty"`
	// Local is true for one that comes from its satellite's own configuration: it is shown, never composed.
	Local     bool      `json:"local,omitempty"`
	Status    PSCStatus `json:"status"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// PSCSpec is the part of a PSC that travels to the satellite. A partial one (kind, type, cloud, region, what the
// user chose) is completed by the profile that it pins.
type PSCSpec struct {
	Kind string `json:"kind"` // KindKafka
	// Type is the type of the logical cluster that it was made for, or "MultiTenant" for a shared one.
	Type   string `json:"type"`
	Cloud  string `json:"cloud"`
	Region string `json:"region"`
	// CKU is what the user of a Dedicated cluster asked for; 0 on a multi-tenant one.
	CKU int `json:"cku,omitempty"`
	// Profile pins the version of the rules that completed this spec, such as "kafka-1".
	Profile string `json:"profile"`
	Engine  string `json:"engine"`
	Version string `json:"version"` // of the engine
	Brokers int    `json:"brokers"` // nodes 0 … Brokers-1
	// Controllers is how many nodes, FirstController and on, are a controller only; 0: the first brokers, three at
	// most, are controllers too. It cannot be changed.
	Controllers int `json:"controllers,omitempty"`
	// Gateways is false for the control plane's own Kafka, which has no tenants.
	Gateways bool `json:"gateways"`
	// Paused leaves the cluster as it is: the operator goes on to look and to report, and does nothing.
	Paused bool `json:"paused,omitempty"`
	// BakeSeconds is how long an upgraded cluster must have been healthy before its features are finalised, after which
	// the upgrade cannot be taken back; 0: as long as the profile says.
	BakeSeconds int64 `json:"bake_seconds,omitempty"`
	// StorageBytes is the size of each broker's volume.
	StorageBytes int64 `json:"storage_bytes"`
	// Configuration is broker configuration, by Kafka's names.
	Configuration map[string]string `json:"configuration,omitempty"`
	// Capacity is what the cluster can carry; placement fills it to 70 %.
	Capacity Capacity `json:"capacity"`
}

// FirstController is the number of the first node that is a controller only.
const FirstController = 1000

// TypeMultiTenant is the type of a PSC that Basic and Standard logical clusters share.
const TypeMultiTenant = "MultiTenant"

// Capacity is what a physical cluster or a satellite can carry, or does carry. Zero is none; a limit that does
// not apply is very large, never zero.
type Capacity struct {
	LogicalClusters       int   `json:"logical_clusters"`
	Partitions            int   `json:"partitions"`
	Connections           int   `json:"connections"`
	IngressBytesPerSecond int64 `json:"ingress_bytes_per_second"`
	EgressBytesPerSecond  int64 `json:"egress_bytes_per_second"`
	StorageBytes          int64 `json:"storage_bytes"`
	Brokers               int   `json:"brokers"` // counts on a satellite
}

// Condition types of a PSC, next to ConditionReady.
const (
	ConditionBrokersRunning     = "BrokersRunning"
	ConditionGatewaysServing    = "GatewaysServing"
	ConditionBalancersServing   = "BalancersServing"
	ConditionCertificatesValid  = "CertificatesValid"
	ConditionDesiredStateIntact = "DesiredStateIntact" // False: a message was refused (older, or same generation with other content)
	// The following say nothing about whether it serves clients, and so do not count for ConditionReady.
	ConditionProgressing       = "Progressing"       // True: a change is being made; False: none is, or it is stuck, or paused: the reason says which
	ConditionReplicated        = "Replicated"        // False: a replica is not in sync, or a partition has no leader
	ConditionFeaturesFinalized = "FeaturesFinalized" // False: the version before can still be gone back to
	ConditionBrokersHealthy    = "BrokersHealthy"    // False: a broker is judged to be ill, though it runs
)

// ReasonSettled is the reason of ConditionProgressing where nothing is left to do.
const ReasonSettled = "Settled"

// PSCStatus is what a satellite reports about a PSC. Ready is the summary; its reason and message are those of
// the first other condition that is not True.
type PSCStatus struct {
	// ObservedGeneration is the generation that the operator works on.
	ObservedGeneration Generation  `json:"observed_generation"`
	Conditions         []Condition `json:"conditions"`
	// Endpoints are the addresses, set once known and stable from then on.
	Endpoints Endpoints      `json:"endpoints"`
	Brokers   []BrokerStatus `json:"brokers,omitempty"`
	// Gone is true once nothing of a deleted PSC is left; the deletion record may then become a tombstone.
	Gone bool `json:"gone,omitempty"`
}

// Ready reports whether the condition Ready is True for generation.
func (s PSCStatus) Ready(generation Generation) bool {
	c, ok := FindCondition(s.Conditions, ConditionReady)
	return ok && c.Status == True && s.ObservedGeneration.Compare(generation) >= 0
}

// BrokerStatus is one broker as observed.
type BrokerStatus struct {
	Node    int32  `json:"node"`
	State   string `json:"state"` // running, starting, stopping, stopped
	Version string `json:"version,omitempty"`
	Message string `json:"message,omitempty"`
}

// Endpoints are the addresses of a physical cluster: every logical cluster on it shares them.
type Endpoints struct {
	// Bootstrap is HOST:PORT of the balancer that picks a random healthy broker.
	Bootstrap string `json:"bootstrap,omitempty"`
	// REST is HOST:PORT of Kafka REST (TLS) on the same balancer.
	REST string `json:"rest,omitempty"`
	// Brokers has one address for each node, in node order.
	Brokers []BrokerEndpoint `json:"brokers,omitempty"`
}

// BrokerEndpoint is the address at which clients reach the gateway of one broker.
type BrokerEndpoint struct {
	Node int32  `json:"node"`
	Host string `json:"host"`
	Port int32  `json:"port"`
}

// Hash is the SHA-256 of canonical JSON, in hex: two specs are the same content exactly if their hashes are.
func Hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
