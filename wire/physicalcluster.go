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
