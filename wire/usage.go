package wire

import "time"

// KindLogicalClusterUsage is the kind of LogicalClusterUsage.
const KindLogicalClusterUsage = "LogicalClusterUsage"

// LogicalClusterUsage is orrery/v1 LogicalClusterUsage: what a Kafka cluster has used since it was made.
type LogicalClusterUsage struct {
	APIVersion string   `json:"api_version" enum:"orrery/v1"`
	Kind       string   `json:"kind" enum:"LogicalClusterUsage"`
	ID         string   `json:"id"` // of the cluster
	Metadata   Metadata `json:"metadata"`
	// Usage are counters that only rise, and what there is at the moment.
	Usage []Use `json:"usage"`
}

// Use is one of LogicalClusterUsage.
type Use struct {
	Name  string `json:"name"` // such as ingress_bytes
	Value int64  `json:"value"`
	Unit  string `json:"unit"`
	// Meaning says what is counted, and AsOf when it was last; without AsOf nothing was yet.
	Meaning string     `json:"meaning"`
	AsOf    *time.Time `json:"as_of,omitempty"`
}
