package gateway_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/quota"
)

// guarded is an API: the versions that are offered, a request, where its answer says what happened, and what it
// says to somebody without any right.
type guarded struct {
	min, max int16
	request  kmsg.Request
	code     func(kmsg.Response) int16
	denied   *kerr.Error
}

// at makes a guarded API of a request of its own type.
func at[Q kmsg.Request, A kmsg.Response](minVersion, maxVersion int16, denied *kerr.Error, request Q, code func(A) int16) guarded {
	return guarded{minVersion, maxVersion, request, func(r kmsg.Response) int16 { return code(r.(A)) }, denied}
}

// guardedGroups are the APIs of groups, about the group "workers" and the topic "orders".
func guardedGroups(id [16]byte) []guarded {
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Group, commit.Generation = "workers", -1
	commit.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "orders", TopicID: id, Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: 1}}}}
	fetch := kmsg.NewPtrOffsetFetchRequest()
	fetch.Group, fetch.Topics = "workers", []kmsg.OffsetFetchRequestTopic{{Topic: "orders", Partitions: []int32{0}}}
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group, group.Topics = "workers", []kmsg.OffsetFetchRequestGroupTopic{{Topic: "orders", TopicID: id, Partitions: []int32{0}}}
	fetch.Groups = []kmsg.OffsetFetchRequestGroup{group}
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.ProtocolType, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = "joiners", "connect", 30_000, 30_000
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "p", Metadata: []byte("m")}}
	beat, leave, sync := kmsg.NewPtrHeartbeatRequest(), kmsg.NewPtrLeaveGroupRequest(), kmsg.NewPtrSyncGroupRequest()
	beat.Group, beat.MemberID = "workers", "m"
	leave.Group, leave.MemberID, leave.Members = "workers", "m", []kmsg.LeaveGroupRequestMember{{MemberID: "m"}}
	sync.Group, sync.MemberID, sync.ProtocolType, sync.Protocol = "workers", "m", kmsg.StringPtr("consumer"), kmsg.StringPtr("range")
	describe, remove, offsets := kmsg.NewPtrDescribeGroupsRequest(), kmsg.NewPtrDeleteGroupsRequest(), kmsg.NewPtrOffsetDeleteRequest()
	describe.Groups, remove.Groups, offsets.Group = []string{"workers"}, []string{"none"}, "workers"
	describe.IncludeAuthorizedOperations = true
	offsets.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: "orders", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}}}
	next, nextDescribe := kmsg.NewPtrConsumerGroupHeartbeatRequest(), kmsg.NewPtrConsumerGroupDescribeRequest()
	next.Group, next.MemberID, next.SubscribedTopicNames, next.RebalanceTimeoutMillis = "next", "m", []string{"orders"}, 30_000
	next.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	nextDescribe.Groups = []string{"next"}
	share, shareDescribe := kmsg.NewPtrShareGroupHeartbeatRequest(), kmsg.NewPtrShareGroupDescribeRequest()
	share.GroupID, share.MemberID, share.SubscribedTopicNames = "sharing", "m", []string{"orders"}
	shareDescribe.GroupIDs, shareDescribe.IncludeAuthorizedOperations = []string{"sharing"}, true
	denied := kerr.GroupAuthorizationFailed
	return []guarded{
		at(2, 10, denied, commit, func(r *kmsg.OffsetCommitResponse) int16 { return r.Topics[0].Partitions[0].ErrorCode }),
		at(1, 10, denied, fetch, func(r *kmsg.OffsetFetchResponse) int16 {
			switch {
			case r.Version < 2:
				return r.Topics[0].Partitions[0].ErrorCode
			case r.Version < 8:
				return r.ErrorCode
			}
			return r.Groups[0].ErrorCode
		}),
		at(0, 9, denied, join, func(r *kmsg.JoinGroupResponse) int16 { return r.ErrorCode }),
		at(0, 4, denied, beat, func(r *kmsg.HeartbeatResponse) int16 { return r.ErrorCode }),
		at(0, 5, denied, leave, func(r *kmsg.LeaveGroupResponse) int16 { return r.ErrorCode }),
		at(0, 5, denied, sync, func(r *kmsg.SyncGroupResponse) int16 { return r.ErrorCode }),
		at(0, 6, denied, describe, func(r *kmsg.DescribeGroupsResponse) int16 { return r.Groups[0].ErrorCode }),
		at(0, 2, denied, remove, func(r *kmsg.DeleteGroupsResponse) int16 { return r.Groups[0].ErrorCode }),
		at(0, 0, denied, offsets, func(r *kmsg.OffsetDeleteResponse) int16 { return r.ErrorCode }),
		at(0, 1, denied, next, func(r *kmsg.ConsumerGroupHeartbeatResponse) int16 { return r.ErrorCode }),
		at(0, 1, denied, nextDescribe, func(r *kmsg.ConsumerGroupDescribeResponse) int16 { return r.Groups[0].ErrorCode }),
		at(1, 1, denied, share, func(r *kmsg.ShareGroupHeartbeatResponse) int16 { return r.ErrorCode }),
		at(1, 1, denied, shareDescribe, func(r *kmsg.ShareGroupDescribeResponse) int16 { return r.Groups[0].ErrorCode }),
	}
}

// guardedSharing are the APIs of share groups that read or keep offsets, about the group "sharing" and the topic
// "orders".
func guardedSharing(id [16]byte) []guarded {
	fetch := shareFetchOf("sharing", "m", 0, id)
	acknowledge := kmsg.NewPtrShareAcknowledgeRequest()
	acknowledge.GroupID, acknowledge.MemberID, acknowledge.ShareSessionEpoch = fetch.GroupID, fetch.MemberID, 1
	describe, alter, remove := kmsg.NewPtrDescribeShareGroupOffsetsRequest(), kmsg.NewPtrAlterShareGroupOffsetsRequest(), kmsg.NewPtrDeleteShareGroupOffsetsRequest()
	describe.Groups = []kmsg.DescribeShareGroupOffsetsRequestGroup{{GroupID: "sharing"}}
	alter.GroupID, remove.GroupID = "idle", "idle"
	alter.Topics = []kmsg.AlterShareGroupOffsetsRequestTopic{{Topic: "orders", Partitions: []kmsg.AlterShareGroupOffsetsRequestTopicPartition{{}}}}
	remove.Topics = []kmsg.DeleteShareGroupOffsetsRequestTopic{{Topic: "orders"}}
	topics := kmsg.NewPtrDescribeTopicPartitionsRequest()
	topics.Topics = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "orders"}}
	denied := kerr.GroupAuthorizationFailed
	return []guarded{
		at(1, 2, denied, fetch, func(r *kmsg.ShareFetchResponse) int16 { return r.ErrorCode }),
		at(1, 2, denied, acknowledge, func(r *kmsg.ShareAcknowledgeResponse) int16 { return r.ErrorCode }),
		at(0, 1, denied, describe, func(r *kmsg.DescribeShareGroupOffsetsResponse) int16 { return r.Groups[0].ErrorCode }),
		at(0, 0, denied, alter, func(r *kmsg.AlterShareGroupOffsetsResponse) int16 { return r.ErrorCode }),
		at(0, 0, denied, remove, func(r *kmsg.DeleteShareGroupOffsetsResponse) int16 { return r.ErrorCode }),
		at(0, 0, kerr.TopicAuthorizationFailed, topics, func(r *kmsg.DescribeTopicPartitionsResponse) int16 { return r.Topics[0].ErrorCode }),
	}
}

// guardedTransactions are the APIs of transactions, about the transactional id "tx".
func guardedTransactions(id [16]byte) []guarded {
	initialize, idempotent := kmsg.NewPtrInitProducerIDRequest(), kmsg.NewPtrInitProducerIDRequest()
	initialize.TransactionalID, initialize.TransactionTimeoutMillis = kmsg.StringPtr("tx"), 60_000
	add, offsets, end := kmsg.NewPtrAddPartitionsToTxnRequest(), kmsg.NewPtrAddOffsetsToTxnRequest(), kmsg.NewPtrEndTxnRequest()
	add.TransactionalID, offsets.TransactionalID, end.TransactionalID = "tx", "tx", "tx"
	add.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "orders", Partitions: []int32{0}}}
	offsets.Group = "workers"
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.Group, commit.Generation = "tx", "workers", -1
	commit.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "orders", TopicID: id, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{}}}}
	describe := kmsg.NewPtrDescribeTransactionsRequest()
	describe.TransactionalIDs = []string{"tx"}
	denied := kerr.TransactionalIDAuthorizationFailed
	return []guarded{
		at(0, 5, denied, initialize, func(r *kmsg.InitProducerIDResponse) int16 { return r.ErrorCode }),
		at(0, 5, kerr.ClusterAuthorizationFailed, idempotent, func(r *kmsg.InitProducerIDResponse) int16 { return r.ErrorCode }),
		at(0, 3, denied, add, func(r *kmsg.AddPartitionsToTxnResponse) int16 { return r.Topics[0].Partitions[0].ErrorCode }),
		at(0, 4, denied, offsets, func(r *kmsg.AddOffsetsToTxnResponse) int16 { return r.ErrorCode }),
		at(0, 5, denied, end, func(r *kmsg.EndTxnResponse) int16 { return r.ErrorCode }),
		at(0, 6, denied, commit, func(r *kmsg.TxnOffsetCommitResponse) int16 { return r.Topics[0].Partitions[0].ErrorCode }),
		at(0, 0, denied, describe, func(r *kmsg.DescribeTransactionsResponse) int16 { return r.TransactionStates[0].ErrorCode }),
	}
}

// guardedAdministration are the APIs of topics and configurations, about the topic "orders".
func guardedAdministration() []guarded {
	create := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "made", 1, 1
	create.Topics = []kmsg.CreateTopicsRequestTopic{topic}
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.TopicNames, remove.Topics = []string{"made"}, []kmsg.DeleteTopicsRequestTopic{{Topic: kmsg.StringPtr("made")}}
	records := kmsg.NewPtrDeleteRecordsRequest()
	records.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "orders", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{}}}}
	describe := kmsg.NewPtrDescribeConfigsRequest()
	describe.IncludeSynonyms, describe.IncludeDocumentation = true, true
	describe.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "orders"}}
	broker := kmsg.NewPtrDescribeConfigsRequest()
	broker.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeBroker, ResourceName: "0"}}
	alter, incremental := kmsg.NewPtrAlterConfigsRequest(), kmsg.NewPtrIncrementalAlterConfigsRequest()
	alter.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "orders"}}
	incremental.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "orders"}}
	partitions := kmsg.NewPtrCreatePartitionsRequest()
	partitions.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "orders", Count: 100}}
	partitions.ValidateOnly = true
	quotas := alterationOf(false, quotaOf("user", "sa-guest", quota.ProducerByteRate, 1e12))
	denied := kerr.TopicAuthorizationFailed
	return []guarded{
		at(0, 1, kerr.ClusterAuthorizationFailed, kmsg.NewPtrDescribeClientQuotasRequest(), func(r *kmsg.DescribeClientQuotasResponse) int16 { return r.ErrorCode }),
		at(0, 1, kerr.ClusterAuthorizationFailed, quotas, func(r *kmsg.AlterClientQuotasResponse) int16 { return r.Entries[0].ErrorCode }),
		at(2, 7, denied, create, func(r *kmsg.CreateTopicsResponse) int16 { return r.Topics[0].ErrorCode }),
		at(1, 6, denied, remove, func(r *kmsg.DeleteTopicsResponse) int16 { return r.Topics[0].ErrorCode }),
		at(0, 2, denied, records, func(r *kmsg.DeleteRecordsResponse) int16 { return r.Topics[0].Partitions[0].ErrorCode }),
		at(1, 4, denied, describe, func(r *kmsg.DescribeConfigsResponse) int16 { return r.Resources[0].ErrorCode }),
		at(1, 4, kerr.ClusterAuthorizationFailed, broker, func(r *kmsg.DescribeConfigsResponse) int16 { return r.Resources[0].ErrorCode }),
		at(0, 2, denied, alter, func(r *kmsg.AlterConfigsResponse) int16 { return r.Resources[0].ErrorCode }),
		at(0, 1, denied, incremental, func(r *kmsg.IncrementalAlterConfigsResponse) int16 { return r.Resources[0].ErrorCode }),
		at(0, 3, denied, partitions, func(r *kmsg.CreatePartitionsResponse) int16 { return r.Topics[0].ErrorCode }),
		at(0, 1, kerr.ClusterAuthorizationFailed, kmsg.NewPtrListConfigResourcesRequest(), func(r *kmsg.ListConfigResourcesResponse) int16 { return r.ErrorCode }),
	}
}

// Every version of every API works for whoever may use it, and tells whoever may not in the place where clients of
// that version look for it.
func TestEveryVersion(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	for _, r := range both {
		r.createTopic("orders", 1)
		produceMany(t, r, "orders", 3)
	}
	may, mayNot := both[0], both[0].nobody()
	id := may.topicID("orders")
	known := engineVersions(t, c)
	for _, g := range append(append(guardedGroups(id), guardedTransactions(id)...), append(guardedSharing(id), guardedAdministration()...)...) {
		for version := g.min; version <= g.max; version++ {
			t.Run(fmt.Sprintf("%s v%d", kmsg.NameForKey(g.request.Key()), version), func(t *testing.T) {
				if k := known[g.request.Key()]; version < k.MinVersion || version > k.MaxVersion {
					t.Skipf("the engine knows versions %d to %d", k.MinVersion, k.MaxVersion)
				}
				if code := ask(t, mayNot, g, version); code != g.denied.Code {
					t.Errorf("without any right: %v, not %v", kerr.ErrorForCode(code), g.denied)
				}
				switch code := ask(t, may, g, version); kerr.TypedErrorForCode(code) {
				case kerr.GroupAuthorizationFailed, kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed,
					kerr.InvalidRequest, kerr.UnknownServerError, kerr.UnknownTopicID, kerr.UnsupportedVersion:
					t.Errorf("with every right: %v", kerr.ErrorForCode(code))
				}
			})
		}
	}
}

// engineVersions are those that the broker offers to who asks it directly.
func engineVersions(t testing.TB, c *gatewaytest.Cluster) map[int16]kmsg.ApiVersionsResponseApiKey {
	t.Helper()
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName, request.ClientSoftwareVersion = "test", "1"
	response, err := request.RequestWith(testContext(t), engineClient(t, c))
	if err != nil {
		t.Fatal(err)
	}
	versions := map[int16]kmsg.ApiVersionsResponseApiKey{}
	for _, k := range response.ApiKeys {
		versions[k.ApiKey] = k
	}
	return versions
}

// ask sends a request in one version, to the broker itself, because who may do nothing finds no coordinator.
func ask(t *testing.T, r *resident, g guarded, version int16) int16 {
	t.Helper()
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(g.request.Key(), version)
	client, err := kgo.NewClient(append(r.options(), kgo.MaxVersions(versions))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if join, ok := g.request.(*kmsg.JoinGroupRequest); ok {
		join.Group = fmt.Sprint("joiners-", version) // or it would wait for the member of the version before
	}
	response, err := client.Broker(0).Request(testContext(t), g.request)
	if err != nil {
		t.Fatal(err)
	}
	if response.GetVersion() != version {
		t.Fatalf("version %d was used", response.GetVersion())
	}
	return g.code(response)
}

// What lists everything shows nothing to who may see nothing.
func TestListsWithoutRights(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	ctx := testContext(t)
	r.createTopic("orders", 1)
	member := r.client(inGroup()...)
	produceMany(t, r, "orders", 1)
	consumeOwn(t, r, member, 1)
	client := r.client(kgo.TransactionalID("tx"))
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produceOne(t, client, "orders", "x")
	for who, want := range map[*resident]int{r: 1, r.nobody(): 0} {
		groups, err := who.admin().ListGroups(ctx)
		if err != nil || len(groups) != want {
			t.Errorf("%d groups, not %d (%v)", len(groups), want, err)
		}
		transactions, err := who.admin().ListTransactions(ctx, nil, nil)
		if err != nil || len(transactions) != want {
			t.Errorf("%d transactions, not %d (%v)", len(transactions), want, err)
		}
	}
	if err := client.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Error(err)
	}
}
