package gateway

import (
	"math"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// notAsked stands for authorized operations that were not asked for.
const notAsked = math.MinInt32

// topicOperations returns the authorized operations on a topic, or what stands for "not asked for".
func (s *session) topicOperations(wanted bool, topic string) int32 {
	if !wanted {
		return notAsked
	}
	return s.authorizedOperations(orrery.CRNTopic, topic, authz.Read, authz.Write, authz.Create, authz.Delete,
		authz.Alter, authz.Describe, authz.DescribeConfigs, authz.AlterConfigs)
}

// clusterOperations returns the authorized operations on the tenant's cluster, or what stands for "not asked for".
func (s *session) clusterOperations(wanted bool) int32 {
	if !wanted {
		return notAsked
	}
	return s.authorizedOperations(orrery.CRNKafka, "", authz.Create, authz.Alter, authz.Describe,
		authz.DescribeConfigs, authz.AlterConfigs, authz.IdempotentWrite)
}
