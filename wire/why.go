package wire

import "time"

// KindKafkaWhy is the kind of Why.
const KindKafkaWhy = "OrreryKafkaWhy"

// Why is what was refused to the clients of a Kafka cluster, from the cluster's http_endpoint.
type Why struct {
	Kind      string   `json:"kind"`
	Metadata  Metadata `json:"metadata"`
	ClusterID string   `json:"cluster_id"`
	// Forgotten is how many refusals were dropped because there were too many different ones.
	Forgotten int64 `json:"forgotten"`
	// SilentBrokers are those whose gateways did not say in time what they refused, so it is not in Data.
	SilentBrokers []int32   `json:"silent_brokers,omitempty"`
	Data          []Refusal `json:"data"` // the last one first
}

// Refusal is something that was refused, and how often: the same to the same principal on the same resource is one.
type Refusal struct {
	// Kind is denied (a right is missing), limited or throttled (a limit of the cluster is reached), refused (the
	// request is not one that is served), or closed (the connection was closed, or the login refused).
	Kind string `json:"kind"`
	// API is the request's name in the Kafka protocol, and Error the name of what the client was told.
	API   string `json:"api,omitempty"`
	Error string `json:"error,omitempty"`
	// Principal is User:ID, or "" where the client did not log in.
	Principal string `json:"principal,omitempty"`
	// APIKeyID, Client and Broker are those of the last time: the key's id, the client's IP address, the broker's id.
	APIKeyID string `json:"api_key_id,omitempty"`
	Client   string `json:"client"`
	Broker   int32  `json:"broker_id"`
	// ResourceType is topic, group, transactional-id or kafka, which is the cluster.
	ResourceType string `json:"resource_type,omitempty"`
	Resource     string `json:"resource,omitempty"`
	// Operation is what the principal would have to be allowed, in Kafka's words, and Role the least role that does.
	Operation string    `json:"operation,omitempty"`
	Rule      string    `json:"rule,omitempty"`
	Reason    string    `json:"reason"`
	Fix       string    `json:"fix"`
	Role      string    `json:"role,omitempty"`
	Count     int64     `json:"count"`
	FirstAt   time.Time `json:"first_at"`
	LastAt    time.Time `json:"last_at"`
}
