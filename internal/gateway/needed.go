package gateway

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// resourceOfError are the errors that say that a right is missing, and on what kind of resource.
var resourceOfError = map[int16]string{
	kerr.TopicAuthorizationFailed.Code:           orrery.CRNTopic,
	kerr.GroupAuthorizationFailed.Code:           orrery.CRNGroup,
	kerr.TransactionalIDAuthorizationFailed.Code: orrery.CRNTransactionalID,
	kerr.ClusterAuthorizationFailed.Code:         orrery.CRNKafka,
}

// neededActions are what an API asks of a resource type before it answers with that resource's error. Describe is
// needed for what is not listed.
var neededActions = map[string]map[kmsg.Key]authz.Action{
	orrery.CRNTopic: {
		kmsg.Produce: authz.Write, kmsg.AddPartitionsToTxn: authz.Write,
		kmsg.Fetch: authz.Read, kmsg.OffsetCommit: authz.Read, kmsg.TxnOffsetCommit: authz.Read, kmsg.OffsetDelete: authz.Read,
		kmsg.DescribeProducers: authz.Read, kmsg.ShareFetch: authz.Read, kmsg.ShareAcknowledge: authz.Read,
		kmsg.AlterShareGroupOffsets: authz.Read, kmsg.DeleteShareGroupOffsets: authz.Read,
		kmsg.CreateTopics: authz.Create, kmsg.CreatePartitions: authz.Alter,
		kmsg.DeleteTopics: authz.Delete, kmsg.DeleteRecords: authz.Delete,
		kmsg.DescribeConfigs: authz.DescribeConfigs, kmsg.AlterConfigs: authz.AlterConfigs, kmsg.IncrementalAlterConfigs: authz.AlterConfigs,
	},
	orrery.CRNGroup: {
		kmsg.OffsetCommit: authz.Read, kmsg.JoinGroup: authz.Read, kmsg.Heartbeat: authz.Read, kmsg.LeaveGroup: authz.Read,
		kmsg.SyncGroup: authz.Read, kmsg.AddOffsetsToTxn: authz.Read, kmsg.TxnOffsetCommit: authz.Read,
		kmsg.ConsumerGroupHeartbeat: authz.Read, kmsg.ShareGroupHeartbeat: authz.Read, kmsg.StreamsGroupHeartbeat: authz.Read,
		kmsg.ShareFetch: authz.Read, kmsg.ShareAcknowledge: authz.Read, kmsg.AlterShareGroupOffsets: authz.Read,
		kmsg.DeleteGroups: authz.Delete, kmsg.OffsetDelete: authz.Delete, kmsg.DeleteShareGroupOffsets: authz.Delete,
		kmsg.DescribeConfigs: authz.DescribeConfigs, kmsg.AlterConfigs: authz.AlterConfigs, kmsg.IncrementalAlterConfigs: authz.AlterConfigs,
	},
	orrery.CRNTransactionalID: {
		kmsg.Produce: authz.Write, kmsg.InitProducerID: authz.Write, kmsg.AddPartitionsToTxn: authz.Write,
		kmsg.AddOffsetsToTxn: authz.Write, kmsg.EndTxn: authz.Write, kmsg.TxnOffsetCommit: authz.Write,
	},
	orrery.CRNKafka: {
		kmsg.Produce: authz.IdempotentWrite, kmsg.InitProducerID: authz.IdempotentWrite,
		kmsg.CreateTopics: authz.Create, kmsg.CreateACLs: authz.Alter, kmsg.DeleteACLs: authz.Alter, kmsg.AlterUserSCRAMCredentials: authz.Alter,
		kmsg.DescribeConfigs: authz.DescribeConfigs, kmsg.ListConfigResources: authz.DescribeConfigs, kmsg.DescribeClientQuotas: authz.DescribeConfigs,
		kmsg.AlterConfigs: authz.AlterConfigs, kmsg.IncrementalAlterConfigs: authz.AlterConfigs, kmsg.AlterClientQuotas: authz.AlterConfigs,
	},
}

func neededAction(api int16, resourceType string) authz.Action {
	if action, ok := neededActions[resourceType][kmsg.Key(api)]; ok {
		return action
	}
	return authz.Describe
}

// remedies are what to do about errors that are not about rights.
var remedies = map[int16]string{
	kerr.PolicyViolation.Code:             "change the request as the reason says, or ask for a higher limit: `orrery kafka quota list` shows the limits",
	kerr.KafkaStorageError.Code:           "nothing at the client, which tries again until delivery.timeout.ms: tell who runs the platform, who sees it too; or delete records, or shorten retention.ms",
	kerr.ThrottlingQuotaExceeded.Code:     "wait and try again, or ask for a higher limit: `orrery kafka quota list` shows the limits",
	kerr.GroupMaxSizeReached.Code:         "use fewer members, or another group",
	kerr.MessageTooLarge.Code:             "send smaller batches (max.request.size, batch.size), or raise the topic's max.message.bytes",
	kerr.RecordListTooLarge.Code:          "send smaller batches (batch.size)",
	kerr.InvalidTopicException.Code:       "use a name of letters, digits, '.', '_' and '-', not longer than `orrery kafka explain` says",
	kerr.InvalidRequiredAcks.Code:         "use acks 0, 1 or all",
	kerr.InvalidGroupID.Code:              "set group.id to a name that is not empty and not too long",
	kerr.InvalidSessionTimeout.Code:       "set session.timeout.ms between 6,000 and 1,800,000",
	kerr.InvalidTimestamp.Code:            "check the clock of the client, or the topic's message.timestamp.* settings",
	kerr.UnsupportedVersion.Code:          "use a client that asks with ApiVersions what is offered; this API or version is not",
	kerr.InvalidPartitions.Code:           "ask for at least one partition, and for more than there are",
	kerr.InvalidReplicationFactor.Code:    "leave the replication factor to the service (-1)",
	kerr.InvalidReplicaAssignment.Code:    "leave the replica assignment to the service",
	kerr.InvalidConfig.Code:               "correct the setting that the reason names",
	kerr.InvalidRequest.Code:              "the client sent what no client should: update it",
	kerr.InvalidTransactionTimeout.Code:   "lower transaction.timeout.ms to at most 900,000",
	kerr.UnsupportedCompressionType.Code:  "use a newer client, or another compression.type",
	kerr.InvalidRecord.Code:               "correct the records: a compacted topic takes only records with keys",
	kerr.InvalidRegularExpression.Code:    "correct the regular expression of the subscription",
	kerr.TopicDeletionDisabled.Code:       "this topic cannot be deleted",
	kerr.CorruptMessage.Code:              "the records arrived damaged: update the client",
	kerr.UnsupportedForMessageFormat.Code: "use a newer client",
}
