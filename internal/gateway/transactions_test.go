package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

func TestTransactions(t *testing.T) {
	for name, options := range map[string][]kgo.Opt{
		"newest versions": nil,
		"old versions":    {kgo.MaxVersions(kversion.V2_5_0())}, // AddPartitionsToTxn and AddOffsetsToTxn are sent
	} {
		t.Run(name, func(t *testing.T) {
			c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 2})
			together(t, residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb"), func(t *testing.T, r *resident) {
				r.createTopic("orders", 3)
				r.createTopic("invoices", 3)
				produceMany(t, r, "orders", 30)
				process(t, r, options, 30)
				reader := r.client(kgo.ConsumeTopics("invoices"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
				consumeOwn(t, r, reader, 30)
				abortOne(t, r, options)
				produceMany(t, r, "invoices", 1)
				if last := consume(t, reader, 1); string(last[0].Value) != r.tenant.LogicalClusterID+"/0" {
					t.Errorf("after an aborted transaction there is %q", last[0].Value)
				}
				checkLag(t, r.admin(), "workers", 0)
			})
		})
	}
}

// process consumes n orders and produces as many invoices, each poll in a transaction with its offsets.
func process(t *testing.T, r *resident, options []kgo.Opt, n int) {
	t.Helper()
	ctx := testContext(t)
	session, err := kgo.NewGroupTransactSession(append(append(r.options(), options...), inGroup(kgo.TransactionalID("processor"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for done := 0; done < n; {
		fetches := session.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d orders: %v", done, err)
		}
		if err := session.Begin(); err != nil {
			t.Fatal(err)
		}
		var invoices []*kgo.Record
		for _, order := range fetches.Records() {
			invoices = append(invoices, &kgo.Record{Topic: "invoices", Value: order.Value})
		}
		if err := session.ProduceSync(ctx, invoices...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		committed, err := session.End(ctx, kgo.TryCommit)
		if err != nil || !committed {
			t.Fatalf("committing: %v, %v", committed, err)
		}
		done += len(invoices)
	}
}

// abortOne produces in a transaction that it aborts, and looks at it from the outside while it is open.
func abortOne(t *testing.T, r *resident, options []kgo.Opt) {
	t.Helper()
	ctx, admin := testContext(t), r.admin()
	client := r.client(append(options, kgo.TransactionalID("aborter"))...)
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produceOne(t, client, "invoices", "never")
	listed, err := admin.ListTransactions(ctx, nil, nil)
	if names := listed.TransactionalIDs(); err != nil || !slices.Equal(names, []string{"aborter", "processor"}) {
		t.Errorf("the transactions are %v (%v)", names, err)
	}
	described, err := admin.DescribeTransactions(ctx, "aborter", "nobody's")
	if d := described["aborter"]; err != nil || d.Err != nil || d.State != "Ongoing" || !slices.Equal(d.Topics.Topics(), []string{"invoices"}) {
		t.Errorf("the transaction is %+v (%v)", d, err)
	}
	if d := described["nobody's"]; d.Err != kerr.TransactionalIDNotFound {
		t.Errorf("a transaction that does not exist is %+v", d)
	}
	if err := client.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

// The embedded engine does not bind a producer id to its transactional id, so whoever knows or guesses one could
// commit, abort or fence the transaction of another tenant.
func TestStolenProducerID(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	both := residents(t, c, "lkc-eeeeee", "lkc-ffffff") // brokers keep the transactional ids of other tests
	victim, thief := both[0], both[1]
	ctx := testContext(t)
	for _, r := range both {
		r.createTopic("orders", 1)
	}
	client := victim.client(kgo.TransactionalID("tx"))
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produceOne(t, client, "orders", "in a transaction")
	producerID, epoch, err := client.ProducerID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for name, code := range steal(ctx, thief.client(), producerID, epoch, thief.topicID("orders")) {
		if code != kerr.InvalidProducerIDMapping.Code && code != kerr.ProducerFenced.Code { // fenced: the thief had the name before
			t.Errorf("%s with another tenant's producer id: %v", name, kerr.ErrorForCode(code))
		}
	}
	// The same names, and the victim's physical name, are the thief's own.
	for _, id := range []string{"tx", "lkc-eeeeee-tx"} {
		own := thief.client(kgo.TransactionalID(id))
		if err := own.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		produceOne(t, own, "orders", "the thief's")
		if err := own.EndTransaction(ctx, kgo.TryCommit); err != nil {
			t.Errorf("the thief's own transaction: %v", err)
		}
	}
	if err := client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatalf("the victim could not commit: %v", err)
	}
	reader := victim.client(kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if records := consume(t, reader, 1); len(records) != 1 || string(records[0].Value) != "in a transaction" {
		t.Errorf("the victim's topic has %v", records)
	}
}

// steal tries everything that takes a producer id, and returns the error codes.
func steal(ctx context.Context, client *kgo.Client, producerID int64, epoch int16, orders [16]byte) map[string]int16 {
	codes := map[string]int16{}
	note := func(name string, err error, code func() int16) {
		if err != nil {
			codes[name+": "+err.Error()] = 0
			return
		}
		codes[name] = code()
	}
	for _, id := range []string{"tx", "another"} {
		initialize := kmsg.NewPtrInitProducerIDRequest()
		initialize.TransactionalID, initialize.TransactionTimeoutMillis = &id, 60_000
		initialize.ProducerID, initialize.ProducerEpoch = producerID, epoch
		initialized, err := initialize.RequestWith(ctx, client)
		note("InitProducerId "+id, err, func() int16 {
			if initialized.ErrorCode == 0 && initialized.ProducerID != producerID {
				return kerr.InvalidProducerIDMapping.Code // Apache Kafka gives a new one instead
			}
			return initialized.ErrorCode
		})

		add := kmsg.NewPtrAddPartitionsToTxnRequest()
		add.TransactionalID, add.ProducerID, add.ProducerEpoch = id, producerID, epoch
		add.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "orders", Partitions: []int32{0}}}
		added, err := add.RequestWith(ctx, client)
		note("AddPartitionsToTxn "+id, err, func() int16 { return added.Topics[0].Partitions[0].ErrorCode })

		offsets := kmsg.NewPtrAddOffsetsToTxnRequest()
		offsets.TransactionalID, offsets.Group, offsets.ProducerID, offsets.ProducerEpoch = id, "workers", producerID, epoch
		addedOffsets, err := offsets.RequestWith(ctx, client)
		note("AddOffsetsToTxn "+id, err, func() int16 { return addedOffsets.ErrorCode })

		commit := kmsg.NewPtrTxnOffsetCommitRequest()
		commit.TransactionalID, commit.Group, commit.ProducerID, commit.ProducerEpoch = id, "workers", producerID, epoch
		commit.Generation = -1
		commit.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "orders", TopicID: orders, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Offset: 7}}}}
		committed, err := commit.RequestWith(ctx, client)
		note("TxnOffsetCommit "+id, err, func() int16 { return committed.Topics[0].Partitions[0].ErrorCode })

		for _, commit := range []bool{true, false} {
			end := kmsg.NewPtrEndTxnRequest()
			end.TransactionalID, end.ProducerID, end.ProducerEpoch, end.Commit = id, producerID, epoch, commit
			ended, err := end.RequestWith(ctx, client)
			note(fmt.Sprintf("EndTxn %s %v", id, commit), err, func() int16 { return ended.ErrorCode })
		}
	}
	return codes
}

// topicID returns the id of a topic of the tenant.
func (r *resident) topicID(topic string) [16]byte {
	r.t.Helper()
	topics, err := r.admin().ListTopics(testContext(r.t), topic)
	if err != nil || topics[topic].Err != nil {
		r.t.Fatalf("the id of %s: %v, %v", topic, err, topics[topic].Err)
	}
	return topics[topic].ID
}

func TestStolenTopicID(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	victim, thief := both[0], both[1]
	ctx, client := testContext(t), thief.client()
	victim.createTopic("secrets", 1)
	thief.createTopic("orders", 1)
	stolen, own := victim.topicID("secrets"), thief.topicID("orders")

	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Group, commit.Generation = "workers", -1
	for _, id := range [][16]byte{stolen, own} {
		commit.Topics = append(commit.Topics, kmsg.OffsetCommitRequestTopic{TopicID: id, Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: 3}}})
	}
	committed, err := commit.RequestWith(ctx, client)
	if err != nil || committed.Version < 10 || len(committed.Topics) != 2 {
		t.Fatalf("OffsetCommit: %+v, %v", committed, err)
	}
	for _, topic := range committed.Topics {
		if code := topic.Partitions[0].ErrorCode; (topic.TopicID == stolen) != (code == kerr.UnknownTopicID.Code) {
			t.Errorf("OffsetCommit of %x: %v", topic.TopicID, kerr.ErrorForCode(code))
		}
	}

	fetch := kmsg.NewPtrOffsetFetchRequest()
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group = "workers"
	for _, id := range [][16]byte{stolen, own} {
		group.Topics = append(group.Topics, kmsg.OffsetFetchRequestGroupTopic{TopicID: id, Partitions: []int32{0}})
	}
	fetch.Groups = append(fetch.Groups, group)
	fetched, err := fetch.RequestWith(ctx, client)
	if err != nil || fetched.Version < 10 || len(fetched.Groups) != 1 || len(fetched.Groups[0].Topics) != 2 {
		t.Fatalf("OffsetFetch: %+v, %v", fetched, err)
	}
	for _, topic := range fetched.Groups[0].Topics {
		p := topic.Partitions[0]
		if topic.TopicID == stolen && p.ErrorCode != kerr.UnknownTopicID.Code || topic.TopicID == own && p.Offset != 3 {
			t.Errorf("OffsetFetch of %x: %+v", topic.TopicID, p)
		}
	}

	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.TimeoutMillis = 5000
	remove.Topics = []kmsg.DeleteTopicsRequestTopic{{TopicID: stolen}, {TopicID: own}}
	removed, err := remove.RequestWith(ctx, client)
	if err != nil || len(removed.Topics) != 2 {
		t.Fatalf("DeleteTopics: %+v, %v", removed, err)
	}
	for _, topic := range removed.Topics {
		if topic.TopicID == stolen && (topic.ErrorCode != kerr.UnknownTopicID.Code || topic.Topic != nil) ||
			topic.TopicID == own && (topic.ErrorCode != 0 || topic.Topic == nil || *topic.Topic != "orders") {
			t.Errorf("DeleteTopics of %x: %+v", topic.TopicID, topic)
		}
	}
	if victim.topicID("secrets") != stolen {
		t.Error("the victim's topic is gone")
	}
}

func TestStolenMemberID(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	victim, thief := both[0], both[1]
	ctx := testContext(t)
	for _, r := range both {
		r.createTopic("orders", 1)
		produceMany(t, r, "orders", 1)
		member := r.client(inGroup()...)
		consumeOwn(t, r, member, 1)
	}
	describe := func() kadm.DescribedGroup {
		described, err := victim.admin().DescribeGroups(ctx, "workers")
		if err != nil || len(described["workers"].Members) != 1 {
			t.Fatalf("the victim's group: %+v, %v", described, err)
		}
		return described["workers"]
	}
	before := describe()
	memberID := before.Members[0].MemberID
	client := thief.client()

	beat := kmsg.NewPtrHeartbeatRequest()
	beat.Group, beat.MemberID, beat.Generation = "workers", memberID, 1
	if response, err := beat.RequestWith(ctx, client); err != nil || response.ErrorCode != kerr.UnknownMemberID.Code {
		t.Errorf("Heartbeat: %+v, %v", response, err)
	}
	left, err := thief.admin().LeaveGroup(ctx, kadm.LeaveGroup("workers").InstanceIDs("x"))
	if err != nil || left.Ok() {
		t.Errorf("LeaveGroup: %+v, %v", left, err)
	}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group, leave.Members = "workers", []kmsg.LeaveGroupRequestMember{{MemberID: memberID}}
	if response, err := leave.RequestWith(ctx, client); err != nil || response.Members[0].ErrorCode != kerr.UnknownMemberID.Code {
		t.Errorf("LeaveGroup: %+v, %v", response, err)
	}
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Group, commit.MemberID, commit.Generation = "workers", memberID, 1
	commit.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "orders", TopicID: thief.topicID("orders"), Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: 9}}}}
	if response, err := commit.RequestWith(ctx, client); err != nil || response.Topics[0].Partitions[0].ErrorCode != kerr.UnknownMemberID.Code {
		t.Errorf("OffsetCommit: %+v, %v", response, err)
	}
	if after := describe(); after.State != before.State || after.Members[0].MemberID != memberID {
		t.Errorf("the victim's group was %+v and is %+v", before, after)
	}
}
