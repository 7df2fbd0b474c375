package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// fromStart makes a share group begin with the oldest records.
func fromStart(t testing.TB, r *resident, group string) {
	t.Helper()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	resource.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "share.auto.offset.reset", Value: kmsg.StringPtr("earliest")}}
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, resource)
	response, err := request.RequestWith(testContext(t), r.client())
	if err != nil || response.Resources[0].ErrorCode != 0 {
		t.Fatalf("configuring the group: %+v, %v", response, err)
	}
}

func TestShareGroups(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 2})
	together(t, residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb"), func(t *testing.T, r *resident) {
		ctx, admin := testContext(t), r.admin()
		r.createTopic("orders", 4)
		produceMany(t, r, "orders", 60)
		fromStart(t, r, "workers")
		options := []kgo.Opt{kgo.ShareGroup("workers"), kgo.ConsumeTopics("orders")}
		first, second := r.client(options...), r.client(options...)
		seen := map[string]int{}
		for len(seen) < 60 {
			for _, member := range []*kgo.Client{first, second} {
				for _, record := range pollShare(ctx, t, member) {
					seen[string(record.Value)]++
					record.Ack(kgo.AckAccept)
				}
			}
			if ctx.Err() != nil {
				t.Fatalf("only %v were read", seen)
			}
		}
		for _, member := range []*kgo.Client{first, second} {
			if err := member.FlushAcks(ctx); err != nil {
				t.Error(err)
			}
		}
		for i := range 60 {
			if seen[fmt.Sprintf("%s/%d", r.tenant.LogicalClusterID, i)] == 0 {
				t.Errorf("record %d is missing of %v", i, seen)
			}
		}
		describeSharing(ctx, t, admin)
		first.Close()
		second.Close()
		administerSharing(ctx, t, admin)
	})
}

// pollShare returns what has come within a moment.
func pollShare(ctx context.Context, t testing.TB, client *kgo.Client) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	fetches := client.PollRecords(ctx, 10)
	fetches.EachError(func(topic string, partition int32, err error) {
		if ctx.Err() == nil {
			t.Fatalf("%s-%d: %v", topic, partition, err)
		}
	})
	return fetches.Records()
}

func describeSharing(ctx context.Context, t *testing.T, admin *kadm.Client) {
	t.Helper()
	listed, err := admin.ListGroupsByType(ctx, []string{"share"})
	if err != nil || !slices.Equal(listed.Groups(), []string{"workers"}) {
		t.Errorf("the share groups are %v (%v)", listed.Groups(), err)
	}
	eventually(t, func() string { // one member may have read everything before the other one had joined
		described, err := admin.DescribeShareGroups(ctx, "workers")
		g := described["workers"]
		if err != nil || g.Err != nil || len(g.Members) != 2 {
			return fmt.Sprintf("the group is %+v (%v)", g, err)
		}
		partitions := 0
		for _, m := range g.Members {
			partitions += len(m.Assignment["orders"])
			if !slices.Equal(m.SubscribedTopicNames, []string{"orders"}) || m.ClientHost != "/127.0.0.1" || len(m.Assignment) != 1 {
				return fmt.Sprintf("a member is %+v", m)
			}
		}
		if partitions < 4 {
			return fmt.Sprintf("the members have %d partitions together", partitions)
		}
		return ""
	})
	eventually(t, func() string {
		offsets, err := admin.DescribeShareGroupOffsets(ctx, "workers")
		all := offsets["workers"]
		if err != nil || all.Err != nil || len(all.Offsets["orders"]) != 4 || len(all.Offsets) != 1 {
			return fmt.Sprintf("the offsets are %+v (%v)", all, err)
		}
		read, lag := int64(0), int64(0)
		for _, p := range all.Offsets["orders"] {
			read, lag = read+p.StartOffset, lag+p.Lag
		}
		if read != 60 && lag != 0 { // Apache Kafka stores where a partition starts with what is acknowledged next
			return fmt.Sprintf("%d records are acknowledged", read)
		}
		return ""
	})
}

// administerSharing sets the offsets of a group without members, and deletes them.
func administerSharing(ctx context.Context, t *testing.T, admin *kadm.Client) {
	t.Helper()
	back := kadm.Offsets{}
	back.AddOffset("orders", 0, 0, -1)
	eventually(t, func() string {
		altered, err := admin.AlterShareGroupOffsets(ctx, "workers", back)
		if err == nil {
			err = altered.Error()
		}
		if err != nil || len(altered["orders"]) != 1 {
			return fmt.Sprintf("setting an offset: %v (%v)", altered, err)
		}
		return ""
	})
	below := kadm.Offsets{}
	below.AddOffset("orders", 0, -5, -1)
	if altered, err := admin.AlterShareGroupOffsets(ctx, "workers", below); err != nil || altered["orders"][0] != kerr.InvalidRequest {
		t.Errorf("an offset below 0: %v (%v)", altered, err)
	}
	removed, err := admin.DeleteShareGroupOffsets(ctx, "workers", "orders", "nothing")
	if err != nil || removed["orders"] != nil || removed["nothing"] != kerr.UnknownTopicOrPartition {
		t.Errorf("deleting the offsets: %v (%v)", removed, err)
	}
	// The embedded engine deletes a group with its last offset.
	if _, err := admin.DeleteGroup(ctx, "workers"); err != nil && err != kerr.GroupIDNotFound {
		t.Errorf("deleting the group: %v", err)
	}
	listed, err := admin.ListGroups(ctx)
	if err != nil || len(listed) != 0 {
		t.Errorf("the groups are %v (%v)", listed.Groups(), err)
	}
}

// shareFetchOf asks for partition 0 of a topic.
func shareFetchOf(group, member string, epoch int32, id [16]byte) *kmsg.ShareFetchRequest {
	r := kmsg.NewPtrShareFetchRequest()
	r.Version = 2
	r.GroupID, r.MemberID, r.ShareSessionEpoch = &group, &member, epoch
	r.MinBytes, r.MaxBytes, r.MaxRecords, r.BatchSize = 1, 1<<20, 100, 100
	if id != ([16]byte{}) {
		r.Topics = []kmsg.ShareFetchRequestTopic{{TopicID: id, Partitions: []kmsg.ShareFetchRequestTopicPartition{{}}}}
	}
	return r
}

func TestShareSessions(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Limits: gateway.Limits{ShareSessions: 2}})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	victim, thief := both[0], both[1]
	for _, r := range both {
		r.createTopic("orders", 1)
		produceMany(t, r, "orders", 5)
		fromStart(t, r, "workers")
	}
	stolen, own := victim.topicID("orders"), thief.topicID("orders")
	raw := authenticated(t, c, thief.key)
	fetch := func(r *rawClient, request *kmsg.ShareFetchRequest) *kmsg.ShareFetchResponse {
		t.Helper()
		return r.ask(request).(*kmsg.ShareFetchResponse)
	}

	joinSharing(t, thief, "m-1")
	first := shareFetchOf("workers", "m-1", 0, own)
	first.MaxWaitMillis = 10_000 // a broker begins to share a partition with the first fetch
	opened := fetch(raw, first)
	if opened.ErrorCode != 0 || len(opened.Topics) != 1 || len(opened.Topics[0].Partitions[0].AcquiredRecords) == 0 {
		t.Fatalf("a first fetch: %+v", opened)
	}
	theft := fetch(raw, shareFetchOf("workers", "m-1", 1, stolen))
	if theft.ErrorCode != 0 || len(theft.Topics) != 1 || theft.Topics[0].TopicID != stolen ||
		theft.Topics[0].Partitions[0].ErrorCode != kerr.UnknownTopicID.Code || len(theft.Topics[0].Partitions[0].Records) > 0 {
		t.Errorf("another tenant's topic id: %+v", theft)
	}
	if got := fetch(raw, shareFetchOf("workers", "m-1", 2, [16]byte{})); got.ErrorCode != kerr.ShareSessionNotFound.Code {
		t.Errorf("a session that lacks a topic goes on: %+v", got)
	}
	elsewhere := authenticated(t, c, thief.key)
	if got := fetch(elsewhere, shareFetchOf("workers", "m-1", 2, [16]byte{})); got.ErrorCode != kerr.ShareSessionNotFound.Code {
		t.Errorf("another connection's session: %+v", got)
	}
	if got := fetch(raw, shareFetchOf("workers", "m-2", 0, own)); got.ErrorCode != 0 {
		t.Errorf("a second session: %+v", got)
	}
	if got := fetch(raw, shareFetchOf("workers", "m-3", 0, own)); got.ErrorCode != kerr.ShareSessionLimitReached.Code {
		t.Errorf("a session more than there may be: %+v", got)
	}
	if got := fetch(raw, shareFetchOf("workers", "m-2", -1, [16]byte{})); got.ErrorCode != 0 {
		t.Errorf("closing a session: %+v", got)
	}
	if got := fetch(raw, shareFetchOf("workers", "m-3", 0, own)); got.ErrorCode != 0 {
		t.Errorf("a session after one was closed: %+v", got)
	}
	raw.conn.Close()
	eventually(t, func() string {
		if got := fetch(elsewhere, shareFetchOf("workers", "m-4", 0, own)); got.ErrorCode != 0 {
			return fmt.Sprintf("a session after a connection has ended: %+v", got)
		}
		return ""
	})
	if got := fetch(authenticated(t, c, thief.nobody().key), shareFetchOf("workers", "m-5", 0, own)); got.ErrorCode != kerr.GroupAuthorizationFailed.Code {
		t.Errorf("without any right: %+v", got)
	}
}

// joinSharing makes a member of the group workers, for a broker reads nothing for a group that has had none.
func joinSharing(t *testing.T, r *resident, member string) {
	t.Helper()
	ctx, client := testContext(t), r.client()
	beat := kmsg.NewPtrShareGroupHeartbeatRequest()
	beat.GroupID, beat.MemberID, beat.SubscribedTopicNames = "workers", member, []string{"orders"}
	eventually(t, func() string {
		response, err := beat.RequestWith(ctx, client)
		if err != nil || response.ErrorCode != 0 {
			return fmt.Sprintf("%+v, %v", response, err)
		}
		beat.MemberEpoch = response.MemberEpoch
		if response.Assignment != nil && len(response.Assignment.TopicPartitions) > 0 {
			return ""
		}
		return "it is assigned nothing"
	})
}

// The embedded engine counts through what is acknowledged, and hands out what an offset below 0 promises.
func TestAcknowledgementsThatWouldStopTheEngine(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	r.createTopic("orders", 1)
	admin, id := r.admin(), r.topicID("orders")
	far := kadm.Offsets{}
	far.AddOffset("orders", 0, 1<<62, -1)
	eventually(t, func() string { // the coordinator of Apache Kafka learns of the topic a moment after its creation
		if altered, err := admin.AlterShareGroupOffsets(testContext(t), "workers", far); err != nil || altered.Error() != nil {
			return fmt.Sprintf("an offset far ahead: %v, %v", err, altered.Error())
		}
		return ""
	})
	raw := authenticated(t, c, r.key)
	open := shareFetchOf("workers", "m-1", 0, id)
	if got := raw.ask(open).(*kmsg.ShareFetchResponse); got.ErrorCode != 0 {
		t.Fatalf("opening: %+v", got)
	}
	batches := []kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch{{FirstOffset: 0, LastOffset: 1<<62 - 1, AcknowledgeTypes: []int8{1}}}
	fetch := shareFetchOf("workers", "m-1", 1, id)
	fetch.Topics[0].Partitions[0].AcknowledgementBatches = batches
	if got := raw.ask(fetch).(*kmsg.ShareFetchResponse); got.ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("a fetch that acknowledges too much: %+v", got)
	}
	acknowledge := kmsg.NewPtrShareAcknowledgeRequest()
	acknowledge.Version, acknowledge.GroupID, acknowledge.MemberID, acknowledge.ShareSessionEpoch = 1, fetch.GroupID, fetch.MemberID, 1
	acknowledge.Topics = []kmsg.ShareAcknowledgeRequestTopic{{TopicID: id, Partitions: []kmsg.ShareAcknowledgeRequestTopicPartition{{
		AcknowledgementBatches: []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{
			{FirstOffset: 0, LastOffset: 1 << 19, AcknowledgeTypes: []int8{1}}, {FirstOffset: 1<<19 + 1, LastOffset: 1<<20 + 1, AcknowledgeTypes: []int8{1}},
		},
	}}}}
	if got := raw.ask(acknowledge).(*kmsg.ShareAcknowledgeResponse); got.ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("acknowledging too much: %+v", got)
	}
	acknowledge.Topics[0].Partitions[0].AcknowledgementBatches = acknowledge.Topics[0].Partitions[0].AcknowledgementBatches[:1]
	if got := raw.ask(acknowledge).(*kmsg.ShareAcknowledgeResponse); got.ErrorCode != 0 {
		t.Errorf("acknowledging what is long gone: %+v", got)
	}
}

// Where records were deleted that a share group has not read, the group reads those behind them.
func TestShareGroupBehindDeletedRecords(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 2})
	r := residents(t, c, "lkc-aaaaaa")[0]
	ctx, admin := testContext(t), r.admin()
	r.createTopic("orders", 1)
	for range 5 {
		produceMany(t, r, "orders", 10)
	}
	back, deleted := kadm.Offsets{}, kadm.Offsets{}
	back.AddOffset("orders", 0, 0, -1)
	deleted.AddOffset("orders", 0, 20, -1) // where a batch begins
	if altered, err := admin.AlterShareGroupOffsets(ctx, "workers", back); err != nil || altered.Error() != nil {
		t.Fatalf("setting the offset: %v, %v", err, altered.Error())
	}
	if _, err := admin.DeleteRecords(ctx, deleted); err != nil {
		t.Fatal(err)
	}
	member := r.client(kgo.ShareGroup("workers"), kgo.ConsumeTopics("orders"), kgo.ShareMaxRecords(30))
	var offsets []int64
	for len(offsets) < 30 {
		for _, record := range pollShare(ctx, t, member) {
			offsets = append(offsets, record.Offset)
			record.Ack(kgo.AckAccept)
		}
		if ctx.Err() != nil {
			t.Fatalf("only %v were read", offsets)
		}
	}
	slices.Sort(offsets)
	if offsets[0] != 20 || offsets[29] != 49 || len(slices.Compact(offsets)) != 30 {
		t.Errorf("%v were read", offsets)
	}
}
