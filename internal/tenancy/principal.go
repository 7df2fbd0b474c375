package tenancy

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
)

// PrincipalACL is what a broker must allow one of the gateways' principals, from every host.
type PrincipalACL struct {
	Resource kmsg.ACLResourceType
	// Name is the resource's, or with Prefixed what the names of all of them begin with.
	Name       string
	Prefixed   bool
	Operations []kmsg.ACLOperation
}

// ofTenants begins the name of everything that a logical cluster has at a broker.
const ofTenants = orrery.PrefixLogicalKafka + "-"

// kafkaCluster is the name that every broker's cluster resource has.
const kafkaCluster = "kafka-cluster"

// TenantsACLs are the ACLs of the principal that tenants' requests travel as. It reaches names of logical clusters and
// nothing of the platform; that one tenant does not reach another is the gateway's to see to. It needs neither
// IdempotentWrite (WRITE on some topic is enough since Kafka 2.8) nor DESCRIBE of the cluster (without it lists of
// groups and transactions have what may be described, which is what is wanted).
func TenantsACLs() []PrincipalACL {
	return []PrincipalACL{
		{Resource: kmsg.ACLResourceTypeTopic, Name: ofTenants, Prefixed: true, Operations: []kmsg.ACLOperation{
			kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationCreate, kmsg.ACLOperationDelete,
			kmsg.ACLOperationAlter, // CreatePartitions
			kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationAlterConfigs,
		}},
		{Resource: kmsg.ACLResourceTypeGroup, Name: ofTenants, Prefixed: true, Operations: []kmsg.ACLOperation{
			kmsg.ACLOperationRead, kmsg.ACLOperationDelete, kmsg.ACLOperationDescribe,
			kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationAlterConfigs,
		}},
		{Resource: kmsg.ACLResourceTypeTransactionalId, Name: ofTenants, Prefixed: true, Operations: []kmsg.ACLOperation{
			kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe,
		}},
		// ListConfigResources, of which the gateway leaves what is the tenant's.
		{Resource: kmsg.ACLResourceTypeCluster, Name: kafkaCluster, Operations: []kmsg.ACLOperation{kmsg.ACLOperationDescribeConfigs}},
	}
}

// GatewayACLs are the ACLs of the principal that a gateway's own requests travel as. It follows the state topics,
// writes the ones that gateways write, and asks about what tenants have.
func GatewayACLs() []PrincipalACL {
	write := []kmsg.ACLOperation{kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe}
	return []PrincipalACL{
		{Resource: kmsg.ACLResourceTypeTopic, Name: platformPrefix, Prefixed: true, Operations: []kmsg.ACLOperation{
			kmsg.ACLOperationRead, kmsg.ACLOperationDescribe,
		}},
		{Resource: kmsg.ACLResourceTypeTopic, Name: platformPrefix + "gateways", Operations: write},
		{Resource: kmsg.ACLResourceTypeTopic, Name: platformPrefix + "acls", Operations: write},
		// Names and ids of topics, numbers of partitions, which settings a topic has; internal topics of streams groups.
		{Resource: kmsg.ACLResourceTypeTopic, Name: ofTenants, Prefixed: true, Operations: []kmsg.ACLOperation{
			kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationCreate,
		}},
		// The protocol type of a group (SyncGroup below version 5), and which settings a group has.
		{Resource: kmsg.ACLResourceTypeGroup, Name: ofTenants, Prefixed: true, Operations: []kmsg.ACLOperation{
			kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs,
		}},
		// How much room the broker's disk has.
		{Resource: kmsg.ACLResourceTypeCluster, Name: "kafka-cluster", Operations: []kmsg.ACLOperation{kmsg.ACLOperationDescribe}},
		// Whose a producer id is, where the engine does not see to it (Config.EmbeddedEngine).
		{Resource: kmsg.ACLResourceTypeTransactionalId, Name: ofTenants, Prefixed: true, Operations: []kmsg.ACLOperation{
			kmsg.ACLOperationDescribe,
		}},
	}
}
