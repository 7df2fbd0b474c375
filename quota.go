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
	ACLs         int64 `json:"acls,omitempty"`
}

// Quota is one of Quotas.
type Quota struct {
	// Name is the field's name in JSON, such as "ingress_bytes_per_second".
	Name string `json:"name"`
	// Value is at most what is used in Unit; 0 is not limited.
	Value int64  `json:"value"`
	Unit  string `json:"unit"`
	// Meaning says what is counted, for a person.
	Meaning string `json:"meaning"`
}

// List returns all quotas, those that are not limited too, always in the same order.
func (q Quotas) List() []Quota {
	return []Quota{
		{"ingress_bytes_per_second", q.IngressBytesPerSecond, "bytes/s", "Produce requests, as they are on the wire"},
		{"egress_bytes_per_second", q.EgressBytesPerSecond, "bytes/s", "Fetch responses, as they are on the wire"},
		{"requests_per_second", q.RequestsPerSecond, "requests/s", "requests of any kind"},
		{"request_milliseconds_per_second", q.RequestMillisecondsPerSecond, "ms/s", "time that requests are worked on; 1000 is one core"},
		{"connections", q.Connections, "connections", "connections that are open at once"},
		{"connection_attempts_per_second", q.ConnectionAttemptsPerSecond, "connections/s", "connections that are opened"},
		{"partitions", q.Partitions, "partitions", "partitions of all topics"},
		{"partition_changes_per_five_minutes", q.PartitionChangesPerFiveMinutes, "partitions/5 min", "partitions that are created and deleted"},
		{"producer_ids_per_hour", q.ProducerIDsPerHour, "ids/h", "new producer ids, one for each idempotent producer that starts"},
		{"groups", q.Groups, "groups", "consumer groups, of every kind"},
		{"message_bytes", q.MessageBytes, "bytes", "the largest max.message.bytes of a topic"},
		{"acls", q.ACLs, "ACLs", "Kafka ACLs; role bindings are not counted"},
	}
}
