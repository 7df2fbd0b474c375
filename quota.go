package orrery

// Quotas is what one logical cluster may use, on all brokers together. A field that is 0 is not limited, so that
// a record of an older program, which lacks a field, stops nobody.
type Quotas struct {
	// IngressBytesPerSecond counts Produce requests and EgressBytesPerSecond Fetch responses, as they are on the
	// wire.
	IngressBytesPerSecond int64 `json:"ingress_bytes_per_second,omitempty"`
	EgressBytesPerSecond  int64 `json:"egress_bytes_per_second,omitempty"`
	RequestsPerSecond     int64 `json:"requests_per_second,omitempty"`
	// RequestMillisecondsPerSecond is how long requests may be worked on (KIP-124): 1,000 is one core.
	RequestMillisecondsPerSecond int64 `json:"request_milliseconds_per_second,omitempty"`
	Connections                  int64 `json:"connections,omitempty"`
	ConnectionAttemptsPerSecond  int64 `json:"connection_attempts_per_second,omitempty"`
	Partitions                   int64 `json:"partitions,omitempty"`
	// PartitionChangesPerFiveMinutes counts partitions created and deleted (KIP-599).
	PartitionChangesPerFiveMinutes int64 `json:"partition_changes_per_five_minutes,omitempty"`
	// ProducerIDsPerHour counts new ones; each costs every broker memory for a day (KIP-936).
	ProducerIDsPerHour int64 `json:"producer_ids_per_hour,omitempty"`
	Groups             int64 `json:"groups,omitempty"`
	// MessageBytes bounds max.message.bytes of the cluster's topics.
	MessageBytes int64 `json:"message_bytes,omitempty"`
}
