package gateway_test

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/quota"
)

// questions are requests to whose answer rights matter, about the topics "orders", which has an id, and "audit", the
// group "workers" and the transactional id "tx". None changes anything that an answer to a later one tells, except
// those before them in the list.
func questions(orders [16]byte) []kmsg.Request {
	var all []kmsg.Request
	for _, guarded := range [][]guarded{guardedGroups(orders), guardedTransactions(orders), guardedSharing(orders), guardedAdministration()} {
		for _, g := range guarded {
			all = append(all, withoutEffect(g.request))
		}
	}
	all = append(all, topicQuestions(orders)...)
	return append(all, listQuestions()...)
}

// withoutEffect makes requests of members come from ones that no group has.
func withoutEffect(request kmsg.Request) kmsg.Request {
	switch r := request.(type) {
	case *kmsg.JoinGroupRequest:
		r.Group, r.MemberID = "workers", "m"
	case *kmsg.ConsumerGroupHeartbeatRequest:
		r.Group, r.MemberEpoch = "workers", 5
	case *kmsg.ShareGroupHeartbeatRequest:
		r.GroupID, r.MemberEpoch = "workers", 5
	case *kmsg.ConsumerGroupDescribeRequest:
		r.IncludeAuthorizedOperations = true
	case *kmsg.CreateTopicsRequest:
		r.ValidateOnly = true
	case *kmsg.AlterClientQuotasRequest:
		r.ValidateOnly = true
	}
	return request
}

func topicQuestions(orders [16]byte) []kmsg.Request {
	produce, fetch := kmsg.NewPtrProduceRequest(), kmsg.NewPtrFetchRequest()
	produce.Acks, produce.TimeoutMillis = 1, 10_000
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "orders", TopicID: orders, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batchOf(nil, -1, -1, 0)}}}}
	transactional := kmsg.NewPtrProduceRequest()
	transactional.Acks, transactional.TimeoutMillis, transactional.TransactionID = -1, 10_000, kmsg.StringPtr("tx")
	transactional.Topics = []kmsg.ProduceRequestTopic{{Topic: "orders", TopicID: orders, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batchOf(nil, 1<<40, 0, 0x10)}}}}
	fetch.MaxWaitMillis, fetch.MaxBytes, fetch.SessionEpoch, fetch.ReplicaID = 1, 1<<20, -1, -1
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.PartitionMaxBytes, partition.FetchOffset = 1<<20, 1<<40
	fetch.Topics = []kmsg.FetchRequestTopic{{Topic: "orders", TopicID: orders, Partitions: []kmsg.FetchRequestTopicPartition{partition}}}
	offsets, epochs := kmsg.NewPtrListOffsetsRequest(), kmsg.NewPtrOffsetForLeaderEpochRequest()
	offsets.ReplicaID, epochs.ReplicaID = -1, -1
	named, byID := kmsg.NewPtrMetadataRequest(), kmsg.NewPtrMetadataRequest()
	named.IncludeTopicAuthorizedOperations = true
	producers, described := kmsg.NewPtrDescribeProducersRequest(), kmsg.NewPtrDescribeTopicPartitionsRequest()
	described.ResponsePartitionLimit = 10
	for _, name := range []string{"audit", "none", "orders"} {
		of, epoch := kmsg.NewListOffsetsRequestTopicPartition(), kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		of.Timestamp = -1
		offsets.Topics = append(offsets.Topics, kmsg.ListOffsetsRequestTopic{Topic: name, Partitions: []kmsg.ListOffsetsRequestTopicPartition{of}})
		epochs.Topics = append(epochs.Topics, kmsg.OffsetForLeaderEpochRequestTopic{Topic: name, Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{epoch}})
		named.Topics = append(named.Topics, kmsg.MetadataRequestTopic{Topic: &name})
		producers.Topics = append(producers.Topics, kmsg.DescribeProducersRequestTopic{Topic: name, Partitions: []int32{0}})
		described.Topics = append(described.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
	}
	byID.Topics = []kmsg.MetadataRequestTopic{{TopicID: orders}}
	deletion := kmsg.NewPtrDeleteTopicsRequest()
	deletion.Topics = []kmsg.DeleteTopicsRequestTopic{{TopicID: [16]byte{1}}, {Topic: kmsg.StringPtr("none")}}
	committed := kmsg.NewPtrOffsetFetchRequest()
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group = "workers"
	committed.Groups = []kmsg.OffsetFetchRequestGroup{group} // of all topics
	return []kmsg.Request{produce, transactional, fetch, offsets, epochs, named, byID, producers, described, deletion, committed}
}

// listQuestions are those that name nothing, and those about ACLs, of which none can be created.
func listQuestions() []kmsg.Request {
	metadata, cluster := kmsg.NewPtrMetadataRequest(), kmsg.NewPtrDescribeClusterRequest()
	metadata.IncludeTopicAuthorizedOperations = true
	cluster.IncludeClusterAuthorizedOperations, cluster.EndpointType = true, 1
	ofGroup, ofTransaction := kmsg.NewPtrFindCoordinatorRequest(), kmsg.NewPtrFindCoordinatorRequest()
	ofGroup.CoordinatorKeys, ofTransaction.CoordinatorKeys, ofTransaction.CoordinatorType = []string{"others", "workers"}, []string{"tx", "ty"}, 1
	acls, create, remove := kmsg.NewPtrDescribeACLsRequest(), kmsg.NewPtrCreateACLsRequest(), kmsg.NewPtrDeleteACLsRequest()
	acls.ResourceType, acls.ResourcePatternType, acls.Operation, acls.PermissionType = 1, 1, 1, 1
	acls.Principal = kmsg.StringPtr("User:nobody")
	create.Creations = []kmsg.CreateACLsRequestCreation{{ResourceType: 2, ResourcePatternType: 3, Principal: "User:nobody", Host: "*", Operation: 3, PermissionType: 3}}
	remove.Filters = []kmsg.DeleteACLsRequestFilter{{ResourceType: 1, ResourcePatternType: 1, Operation: 1, PermissionType: 1, Principal: acls.Principal}}
	member, streams := kmsg.NewPtrStreamsGroupHeartbeatRequest(), kmsg.NewPtrStreamsGroupDescribeRequest()
	member.Group, member.MemberID, member.MemberEpoch, member.RebalanceTimeoutMillis = "workers", "m", 5, -1
	streams.Groups, streams.IncludeAuthorizedOperations = []string{"next", "workers"}, true
	all := quotaQuestions()
	return append(all, member, streams, metadata, cluster, ofGroup, ofTransaction, kmsg.NewPtrListGroupsRequest(), kmsg.NewPtrListTransactionsRequest(), acls, create, remove)
}

// quotaQuestions are about client quotas, of which none is set.
func quotaQuestions() []kmsg.Request {
	unknown, twice, half := kmsg.NewPtrDescribeClientQuotasRequest(), kmsg.NewPtrDescribeClientQuotasRequest(), kmsg.NewPtrDescribeClientQuotasRequest()
	of := func(kind string, match kmsg.QuotasMatchType) kmsg.DescribeClientQuotasRequestComponent {
		return kmsg.DescribeClientQuotasRequestComponent{EntityType: kind, MatchType: match}
	}
	unknown.Components = []kmsg.DescribeClientQuotasRequestComponent{of("group", kmsg.QuotasMatchTypeAny)}
	twice.Components = []kmsg.DescribeClientQuotasRequestComponent{of("user", kmsg.QuotasMatchTypeAny), of("user", kmsg.QuotasMatchTypeDefault)}
	half.Components = []kmsg.DescribeClientQuotasRequestComponent{of("ip", kmsg.QuotasMatchTypeAny), of("user", kmsg.QuotasMatchTypeAny)}
	bad := alterationOf(true, quotaOf("user", "", quota.ProducerByteRate, 1), quotaOf("group", "a", quota.ProducerByteRate, 1),
		quotaOf("user", "a", "connection_creation_rate", 1), quotaOf("user", "b", quota.ProducerByteRate, -1), quotaOf("user", "c", quota.ProducerByteRate, 0),
		quotaOf("user", "d", quota.ConsumerByteRate, 0.5), quotaOf("user", "e", quota.RequestPercentage, 0.5))
	bad.Entries = append(bad.Entries, kmsg.NewAlterClientQuotasRequestEntry())
	return []kmsg.Request{unknown, twice, half, bad}
}
