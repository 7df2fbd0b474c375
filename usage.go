package orrery

import "time"

// Usage is what a Kafka cluster has used since it was made: counters that only rise, counted by its gateways. When a
// gateway is killed, at most its last second is missing; nothing is counted twice.
type Usage struct {
	// IngressBytes and EgressBytes are those of requests and responses of clients that have logged in, with all of the
	// protocol, as they were on the wire below TLS.
	IngressBytes int64 `json:"ingress_bytes"`
	EgressBytes  int64 `json:"egress_bytes"`
	// ProducedBytes and ProducedRecords are of record batches, as compressed as they came, that a broker acknowledged; of
	// those sent with acks=0, all. A batch that a client sends again after a lost answer counts again.
	ProducedBytes   int64 `json:"produced_bytes"`
	ProducedRecords int64 `json:"produced_records"`
	// FetchedBytes are of the responses to Fetch and ShareFetch, a part of EgressBytes.
	FetchedBytes int64 `json:"fetched_bytes"`
	Requests     int64 `json:"requests"`
	// ConnectionMillis is for how long connections were open, summed, in milliseconds.
	ConnectionMillis int64 `json:"connection_millis"`
}

// Add returns the sum of both.
func (u Usage) Add(more Usage) Usage {
	u.IngressBytes += more.IngressBytes
	u.EgressBytes += more.EgressBytes
	u.ProducedBytes += more.ProducedBytes
	u.ProducedRecords += more.ProducedRecords
	u.FetchedBytes += more.FetchedBytes
	u.Requests += more.Requests
	u.ConnectionMillis += more.ConnectionMillis
	return u
}

// StoredUsage is what a Kafka cluster's topics have held and taken since its satellite first looked at them. It is
// measured at the brokers, apart from what gateways count.
type StoredUsage struct {
	// Since is the first look, and At the last one.
	Since time.Time `json:"since"`
	At    time.Time `json:"at"`
	// Partitions and Bytes are what there was at the last look; of replicated partitions the largest replica counts.
	Partitions int64 `json:"partitions"`
	Bytes      int64 `json:"bytes"`
	// PartitionSeconds and ByteSeconds are those, each multiplied with the time until the next look, summed.
	PartitionSeconds int64 `json:"partition_seconds"`
	ByteSeconds      int64 `json:"byte_seconds"`
	// AppendedRecords is by how much the ends of logs have grown. It has what gateways that were killed did not tell, and
	// one for each partition of a transaction (its marker); it lacks what was appended to a topic after the last look
	// before its deletion.
	AppendedRecords int64 `json:"appended_records"`
	// UncountedRecords is how many of them, at most, no gateway counted.
	UncountedRecords int64 `json:"uncounted_records"`
}

// UsageReport is what a satellite says of a Kafka cluster's use.
type UsageReport struct {
	Usage
	// At is when a gateway last said something new.
	At     time.Time   `json:"at"`
	Stored StoredUsage `json:"stored"`
}
