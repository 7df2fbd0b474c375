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
	// AppendedRecords is what gateways had counted at the first look, and by how much the ends of logs have grown since. It has what gateways that were killed did not tell, and
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

// Use is one of a UsageReport.
type Use struct {
	Name string // such as "ingress_bytes"
	// Value is in Unit; Meaning says what is counted, for a person, and At when it was.
	Value         int64
	Unit, Meaning string
	At            time.Time
}

// List returns everything that was reported, always in the same order.
func (r UsageReport) List() []Use {
	return []Use{
		{"ingress_bytes", r.IngressBytes, "bytes", "requests, with all of the protocol", r.At},
		{"egress_bytes", r.EgressBytes, "bytes", "responses, with all of the protocol", r.At},
		{"produced_bytes", r.ProducedBytes, "bytes", "record batches that brokers took, as compressed as they came", r.At},
		{"produced_records", r.ProducedRecords, "records", "records in them", r.At},
		{"fetched_bytes", r.FetchedBytes, "bytes", "responses to fetches", r.At},
		{"requests", r.Requests, "requests", "requests of any kind", r.At},
		{"connection_seconds", r.ConnectionMillis / 1000, "seconds", "for how long connections were open, summed", r.At},
		{"partitions", r.Stored.Partitions, "partitions", "partitions of all topics, at that time", r.Stored.At},
		{"stored_bytes", r.Stored.Bytes, "bytes", "what they take, of each its largest replica, at that time", r.Stored.At},
		{"partition_seconds", r.Stored.PartitionSeconds, "partition seconds", "partitions, each for as long as it was there", r.Stored.At},
		{"stored_byte_seconds", r.Stored.ByteSeconds, "byte seconds", "stored bytes, each for as long as it was there", r.Stored.At},
		{"appended_records", r.Stored.AppendedRecords, "records", "by how much the ends of logs grew, transactions' markers included", r.Stored.At},
		{"uncounted_records", r.Stored.UncountedRecords, "records", "of those, at most so many were produced and not counted: when gateways were killed", r.Stored.At},
	}
}
