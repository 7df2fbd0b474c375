package gateway

import (
	"math"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// notAsked stands for authorized operations that were not asked for.
const notAsked = math.MinInt32

// operations returns what the session may do to a resource, as Kafka's bit field (KIP-430), or what stands for "not
// asked for".
func (s *session) operations(wanted bool, t authz.ResourceType, name string) int32 {
	if !wanted {
		return notAsked
	}
	return int32(s.policy().Operations(s.principal, s.clientHost, t, name))
}

func (s *session) topicOperations(wanted bool, topic string) int32 {
	return s.operations(wanted, authz.ResourceTopic, topic)
}

func (s *session) groupOperations(wanted bool, group string) int32 {
	return s.operations(wanted, authz.ResourceGroup, group)
}

// clusterOperations are none without DESCRIBE on the cluster, as in Kafka.
func (s *session) clusterOperations(wanted bool) int32 {
	if wanted && !s.allowed(authz.Describe, orrery.CRNKafka, "") {
		return 0
	}
	return s.operations(wanted, authz.ResourceCluster, authz.ClusterName)
}
