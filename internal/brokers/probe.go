package brokers

import (
	"strings"

	"github.com/orrery-kafka/orrery"
)

// prefixProbe begins the names of the topics of the probe tenant.
const prefixProbe = orrery.ProbeCluster + "_"

// ProbeTopic is the physical name of the topic with which a broker is probed.
func ProbeTopic(node int32) string { return prefixProbe + orrery.ProbeTopic(node) }

// IsProbe reports whether a topic is there for probes only. Such a topic has one replica on purpose and holds nothing
// that anybody needs, so View, Partitions and TenantTopics leave it out: it holds up no restart, no move of partitions
// and no removal of a broker.
func IsProbe(topic string) bool { return strings.HasPrefix(topic, prefixProbe) }
