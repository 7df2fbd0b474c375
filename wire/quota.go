package wire

// KindLogicalClusterQuotas is the kind of LogicalClusterQuotas.
const KindLogicalClusterQuotas = "LogicalClusterQuotas"

// LogicalClusterQuotas is orrery/v1 LogicalClusterQuotas: what a Kafka cluster may use, on all brokers together.
type LogicalClusterQuotas struct {
	APIVersion string   `json:"api_version" enum:"orrery/v1"`
	Kind       string   `json:"kind" enum:"LogicalClusterQuotas"`
	ID         string   `json:"id"` // of the cluster
	Metadata   Metadata `json:"metadata"`
	Quotas     []Quota  `json:"quotas"`
}

// Quota is one of LogicalClusterQuotas.
type Quota struct {
	Name string `json:"name"` // such as ingress_bytes_per_second
	// Value is the most; 0 is not limited.
	Value   int64  `json:"value"`
	Unit    string `json:"unit"`
	Meaning string `json:"meaning"` // what is counted
	// Source is the rule that set it: profile, type, why.
	Source string `json:"source"`
}
