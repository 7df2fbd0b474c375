package wire

import "github.com/orrery-kafka/orrery"

// KindPhysicalCluster is the kind of a PhysicalCluster.
const KindPhysicalCluster = "PhysicalCluster"

// PhysicalCluster is orrery/v1 PhysicalCluster: a PSC, that is, the complete desired state of a physical cluster
// pkc-…, and what was observed of it.
type PhysicalCluster struct {
	APIVersion string   `json:"api_version" enum:"orrery/v1"`
	Kind       string   `json:"kind" enum:"PhysicalCluster"`
	ID         string   `json:"id"`
	Metadata   Metadata `json:"metadata"`
	// Satellite is where it runs.
	Satellite Reference `json:"satellite"`
	// Generation is TERM.NUMBER of the desired state.
	Generation orrery.Generation `json:"generation"`
	Deleted    bool              `json:"deleted"`
	// Spec is the desired state.
	Spec orrery.PSCSpec `json:"spec"`
	// Provenance says for each field of the spec, by JSON pointer, which rule set it.
	Provenance map[string]string `json:"provenance"`
	// LogicalClusters is how many logical clusters it hosts, those being deleted included.
	LogicalClusters int `json:"logical_clusters"`
	// Status is the observed state.
	Status PhysicalClusterStatus `json:"status"`
}

// PhysicalClusterUpdate is the body of a PATCH of a PhysicalCluster: what a platform engineer sets by hand.
type PhysicalClusterUpdate struct {
	Spec PhysicalClusterSpecUpdate `json:"spec"`
}

// PhysicalClusterSpecUpdate has the fields that can be set by hand; those that are absent stay. A zero value takes back
// what was set before, and the profile's rule holds again.
type PhysicalClusterSpecUpdate struct {
	// Version is that of the engine, to upgrade to or to go back to.
	Version *string `json:"version,omitempty"`
	Brokers *int    `json:"brokers,omitempty"`
	// Paused leaves the cluster as it is: it is looked at, and nothing is done.
	Paused *bool `json:"paused,omitempty"`
	// BakeSeconds is how long an upgraded cluster must have been healthy before its features are finalised.
	BakeSeconds *int64 `json:"bake_seconds,omitempty"`
}

// PhysicalClusterStatus is the observed state of a PhysicalCluster.
type PhysicalClusterStatus struct {
	// Ready is the status of the condition Ready; Unknown until the satellite reported on the generation.
	Ready orrery.ConditionStatus `json:"ready" enum:"True,False,Unknown"`
	// ObservedGeneration is the one that the satellite works on.
	ObservedGeneration orrery.Generation `json:"observed_generation"`
	// PublishedGeneration is the one that was last sent to the satellite.
	PublishedGeneration orrery.Generation `json:"published_generation"`
	// Reason is why the desired state is not in force yet; "" where it is.
	Reason     string                `json:"reason,omitempty"`
	Conditions []orrery.Condition    `json:"conditions"`
	Endpoints  orrery.Endpoints      `json:"endpoints"`
	Brokers    []orrery.BrokerStatus `json:"brokers"`
}
