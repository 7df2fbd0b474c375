package tenancy

import "slices"

// internalTopics are the names that Kafka keeps for topics of its own.
var internalTopics = []string{"__consumer_offsets", "__share_group_state", "__transaction_state"}

// InternalTopic reports whether Kafka calls a topic of this name internal, which makes clients leave it out of their
// patterns and lists. A tenant sees nothing of the brokers' own ones, but may have topics with their names, such as
// copies of those of another cluster, and its clients then rely on the flag as they would on any Kafka.
func InternalTopic(name string) bool { return slices.Contains(internalTopics, name) }
