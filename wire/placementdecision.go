package wire

import "github.com/orrery-kafka/orrery"

// KindPlacementDecision is the kind of a PlacementDecision.
const KindPlacementDecision = "PlacementDecision"

// PlacementDecision is orrery/v1 PlacementDecision: where a logical cluster was put and why. Its id is the
// logical cluster's.
type PlacementDecision struct {
	APIVersion     string    `json:"api_version" enum:"orrery/v1"`
	Kind           string    `json:"kind" enum:"PlacementDecision"`
	ID             string    `json:"id"`
	Metadata       Metadata  `json:"metadata"`
	LogicalCluster Reference `json:"logical_cluster"`
	// PhysicalCluster and Satellite are absent while the cluster could not be placed.
	PhysicalCluster *Reference `json:"physical_cluster,omitempty"`
	Satellite       *Reference `json:"satellite,omitempty"`
	// NewPhysicalCluster is true where the decision was to make the physical cluster.
	NewPhysicalCluster bool                     `json:"new_physical_cluster"`
	Reasons            []orrery.PlacementReason `json:"reasons"`
}
