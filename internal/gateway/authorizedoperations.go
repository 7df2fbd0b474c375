package gateway

import (
	"math"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// operationCodes are Kafka's numbers of the operations (AclOperation); an authorized operation is the bit of its
// number.
var operationCodes = map[authz.Action]int{
	authz.Read: 3, authz.Write: 4, authz.Create: 5, authz.Delete: 6, authz.Alter: 7, authz.Describe: 8,
	authz.DescribeConfigs: 10, authz.AlterConfigs: 11, authz.IdempotentWrite: 12,
}

// authorizedOperations returns which of actions the session may do to a resource, as Kafka's bit field (KIP-430).
func (s *session) authorizedOperations(resourceType, name string, actions ...authz.Action) int32 {
	var bits int32
	for _, action := range actions {
		if s.allowed(action, resourceType, name) {
			bits |= 1 << operationCodes[action]
		}
	}
	return bits
}

// groupOperations returns the authorized operations on a group, or what stands for "not asked for".
func (s *session) groupOperations(wanted bool, group string) int32 {
	if !wanted {
		return math.MinInt32
	}
	return s.authorizedOperations(orrery.CRNGroup, group, authz.Read, authz.Delete, authz.Describe, authz.DescribeConfigs, authz.AlterConfigs)
}
