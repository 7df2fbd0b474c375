package wire

import "github.com/orrery-kafka/orrery"

// KindLogicalCluster is the kind of a LogicalCluster.
const KindLogicalCluster = "LogicalCluster"

// LogicalCluster is orrery/v1 LogicalCluster: why a cmk/v2 Cluster is in the phase that it is in.
type LogicalCluster struct {
	APIVersion  string               `json:"api_version" enum:"orrery/v1"`
	Kind        string               `json:"kind" enum:"LogicalCluster"`
	ID          string               `json:"id"`
	Metadata    Metadata             `json:"metadata"`
	DisplayName string               `json:"display_name"`
	Environment Reference            `json:"environment"`
	Status      LogicalClusterStatus `json:"status"`
}

// LogicalClusterStatus is how far a logical cluster is, and why it is not further.
type LogicalClusterStatus struct {
	// Phase is that of the cmk/v2 Cluster.
	Phase string `json:"phase" enum:"PROVISIONING,PROVISIONED,FAILED"`
	// State is who waits for what, since when, and why it is not over.
	State orrery.Lifecycle `json:"state"`
	// PhysicalCluster is absent until the cluster is placed.
	PhysicalCluster *Reference `json:"physical_cluster,omitempty"`
	// MaxPartitions is how many partitions its topics may have in total.
	MaxPartitions int `json:"max_partitions"`
	// Conditions holds the condition Ready of the physical cluster, in the operator's words.
	Conditions []orrery.Condition `json:"conditions"`
}
