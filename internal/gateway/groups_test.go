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

// produceMany writes n records that name their tenant.
func produceMany(t testing.TB, r *resident, topic string, n int) {
	t.Helper()
	client := r.client(kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	var records []*kgo.Record
	for i := range n {
		records = append(records, &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "%s/%d", r.tenant.LogicalClusterID, i)})
	}
	if err := client.ProduceSync(testContext(t), records...).FirstErr(); err != nil {
		t.Fatalf("producing to %s: %v", topic, err)
	}
}

// consumeOwn reads n records and checks that they are the tenant's.
func consumeOwn(t testing.TB, r *resident, client *kgo.Client, n int) {
	t.Helper()
	seen := map[string]bool{}
	for _, record := range consume(t, client, n) {
		var i int
		if _, err := fmt.Sscanf(string(record.Value), r.tenant.LogicalClusterID+"/%d", &i); err != nil {
			t.Errorf("%s read %q from %s", r.tenant.LogicalClusterID, record.Value, record.Topic)
		}
		seen[string(record.Value)] = true
	}
	if len(seen) != n {
		t.Errorf("%s read %d different records, not %d", r.tenant.LogicalClusterID, len(seen), n)
	}
}

// inGroup are the options of a member.
func inGroup(more ...kgo.Opt) []kgo.Opt {
	return append([]kgo.Opt{
		kgo.ConsumerGroup("workers"), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(),
	}, more...)
}

func TestClassicGroups(t *testing.T) {
	for name, options := range map[string][]kgo.Opt{
		"cooperative": {kgo.Balancers(kgo.CooperativeStickyBalancer())},
		"range":       {kgo.Balancers(kgo.RangeBalancer())},
		// The versions of Kafka 2.3: SyncGroup 3 does not tell the group's type, OffsetFetch 5 has one group.
		"old versions": {kgo.Balancers(kgo.StickyBalancer()), kgo.MaxVersions(kversion.V2_3_0())},
	} {
		t.Run(name, func(t *testing.T) {
			c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 2})
			together(t, residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb"), func(t *testing.T, r *resident) { classicGroup(t, r, options) })
		})
	}
}

func classicGroup(t *testing.T, r *resident, more []kgo.Opt) {
	options := inGroup(more...)
	ctx, admin := testContext(t), r.admin()
	r.createTopic("orders", 6)
	produceMany(t, r, "orders", 60)
	first := r.client(options...)
	consumeOwn(t, r, first, 60)
	if err := first.CommitUncommittedOffsets(ctx); err != nil {
		t.Fatal(err)
	}

	second := r.client(options...)
	eventually(t, func() string { return unbalanced(ctx, r, admin) })
	if listed, err := admin.ListGroups(ctx); err != nil || !slices.Equal(listed.Groups(), []string{"workers"}) {
		t.Errorf("the groups are %v (%v)", listed.Groups(), err)
	}
	produceMany(t, r, "orders", 6)
	checkLag(t, admin, "workers", 6)

	// The broker protects a topic that it knows to be subscribed to, and it knows from the members' metadata.
	deleted, err := admin.DeleteOffsets(ctx, "workers", kadm.TopicsSet{"orders": {0: {}}})
	if got, _ := deleted.Lookup("orders", 0); err != nil || got != kerr.GroupSubscribedToTopic {
		t.Errorf("deleting an offset that is in use: %v, %v", got, err)
	}
	if _, err := admin.DeleteGroup(ctx, "workers"); err != kerr.NonEmptyGroup {
		t.Errorf("deleting a group with members: %v", err)
	}
	first.Close()
	second.Close()
	resetAndDelete(t, r, admin, options)
}

// unbalanced complains until two members share the topic's six partitions.
func unbalanced(ctx context.Context, r *resident, admin *kadm.Client) string {
	described, err := admin.DescribeGroups(ctx, "workers")
	g := described["workers"]
	if err != nil || g.Err != nil || g.State != "Stable" || len(g.Members) != 2 {
		return fmt.Sprintf("the group is %s with %d members (%v, %v)", g.State, len(g.Members), err, g.Err)
	}
	for _, m := range g.Members {
		metadata, _ := m.Join.AsConsumer()
		assignment, _ := m.Assigned.AsConsumer()
		if metadata == nil || assignment == nil || !slices.Equal(metadata.Topics, []string{"orders"}) ||
			len(assignment.Topics) != 1 || assignment.Topics[0].Topic != "orders" || len(assignment.Topics[0].Partitions) != 3 {
			return fmt.Sprintf("member %s subscribes to %+v and has %+v", m.MemberID, metadata, assignment)
		}
		if m.ClientHost != "/127.0.0.1" {
			return fmt.Sprintf("member %s is at %q", m.MemberID, m.ClientHost)
		}
	}
	return ""
}

func checkLag(t *testing.T, admin *kadm.Client, group string, want int64) {
	t.Helper()
	committed, err := admin.FetchOffsets(testContext(t), group)
	if err == nil {
		err = committed.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	ends, err := admin.ListEndOffsets(testContext(t), "orders")
	var lag int64
	ends.Each(func(end kadm.ListedOffset) {
		at, _ := committed.Lookup(end.Topic, end.Partition)
		lag += end.Offset - at.At
	})
	if err != nil || lag != want {
		t.Errorf("the lag is %d, not %d (%v)", lag, want, err)
	}
}

// resetAndDelete sets the offsets of a group without members back, reads from there, and deletes it.
func resetAndDelete(t *testing.T, r *resident, admin *kadm.Client, options []kgo.Opt) {
	t.Helper()
	ctx := testContext(t)
	start, err := admin.ListStartOffsets(ctx, "orders")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string {
		if err := admin.CommitAllOffsets(ctx, "workers", start.Offsets()); err != nil {
			return "resetting the offsets: " + err.Error()
		}
		return ""
	})
	checkLag(t, admin, "workers", 66)
	again := r.client(options...)
	if got := len(consume(t, again, 66)); got != 66 {
		t.Errorf("%d records after the reset", got)
	}
	again.Close()
	eventually(t, func() string {
		if _, err := admin.DeleteGroup(ctx, "workers"); err != nil {
			return "deleting the group: " + err.Error()
		}
		return ""
	})
	if listed, err := admin.ListGroups(ctx); err != nil || len(listed) != 0 {
		t.Errorf("the groups are %v (%v)", listed.Groups(), err)
	}
}

func TestServerSideGroups(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 2})
	together(t, residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb"), func(t *testing.T, r *resident) {
		ctx, admin := testContext(t), r.admin()
		r.createTopic("orders", 6)
		produceMany(t, r, "orders", 60)
		options := inGroup(kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()))
		first := r.client(options...)
		consumeOwn(t, r, first, 60)
		if err := first.CommitUncommittedOffsets(ctx); err != nil {
			t.Fatal(err)
		}
		second := r.client(options...)
		eventually(t, func() string {
			first.AllowRebalance()
			described, err := admin.DescribeConsumerGroups(ctx, "workers")
			g := described["workers"]
			if err != nil || g.Err != nil || len(g.Members) != 2 {
				return fmt.Sprintf("the group is %s with %d members (%v, %v)", g.State, len(g.Members), err, g.Err)
			}
			for _, m := range g.Members {
				if !slices.Equal(m.SubscribedTopics, []string{"orders"}) || len(m.Assignment["orders"]) != 3 || m.ClientHost != "/127.0.0.1" {
					return fmt.Sprintf("member %s at %q subscribes to %v and has %v", m.MemberID, m.ClientHost, m.SubscribedTopics, m.Assignment)
				}
			}
			return ""
		})
		produceMany(t, r, "orders", 6)
		checkLag(t, admin, "workers", 6)
		first.Close()
		second.Close()
		resetAndDelete(t, r, admin, options)
	})
}

func TestStaticMembers(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	together(t, residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb"), func(t *testing.T, r *resident) {
		ctx, admin := testContext(t), r.admin()
		r.createTopic("orders", 3)
		produceMany(t, r, "orders", 10)
		options := inGroup(kgo.InstanceID("instance-1"), kgo.Balancers(kgo.RangeBalancer()))
		first := r.client(options...)
		consumeOwn(t, r, first, 10)
		if err := first.CommitUncommittedOffsets(ctx); err != nil {
			t.Fatal(err)
		}
		first.Close() // a static member does not leave
		second := r.client(options...)
		produceMany(t, r, "orders", 5)
		consumeOwn(t, r, second, 5)
		described, err := admin.DescribeGroups(ctx, "workers")
		if members := described["workers"].Members; err != nil || len(members) != 1 || *members[0].InstanceID != "instance-1" {
			t.Errorf("the members are %+v (%v)", members, err)
		}
		left, err := admin.LeaveGroup(ctx, kadm.LeaveGroup("workers").InstanceIDs("instance-1"))
		if err != nil || left.Error() != nil {
			t.Errorf("removing the member: %v, %v", err, left.Error())
		}
	})
}

// A member may sync on another connection than the one on which it joined, and below version 5 the gateway then
// has to ask the broker for the group's type.
func TestSyncOnAnotherConnection(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	ctx := testContext(t)
	r.createTopic("orders", 1)
	old := kgo.MaxVersions(kversion.V2_3_0())

	metadata := kmsg.NewConsumerMemberMetadata()
	metadata.Topics = []string{"orders"}
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.ProtocolType, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = "workers", "consumer", 30_000, 30_000
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: metadata.AppendTo(nil)}}
	joining := r.client(old)
	joined, err := join.RequestWith(ctx, joining)
	if err == nil && joined.ErrorCode == kerr.MemberIDRequired.Code {
		join.MemberID = joined.MemberID
		joined, err = join.RequestWith(ctx, joining)
	}
	if err != nil || joined.ErrorCode != 0 || len(joined.Members) != 1 {
		t.Fatalf("joining: %+v, %v", joined, err)
	}
	if got := string(joined.Members[0].ProtocolMetadata); got != string(metadata.AppendTo(nil)) {
		t.Errorf("the leader was given %q", got)
	}

	assignment := kmsg.NewConsumerMemberAssignment()
	assignment.Topics = []kmsg.ConsumerMemberAssignmentTopic{{Topic: "orders", Partitions: []int32{0}}}
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.Group, sync.Generation, sync.MemberID = "workers", joined.Generation, joined.MemberID
	sync.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: joined.MemberID, MemberAssignment: assignment.AppendTo(nil)}}
	synced, err := sync.RequestWith(ctx, r.client(old))
	if err != nil || synced.ErrorCode != 0 || string(synced.MemberAssignment) != string(assignment.AppendTo(nil)) {
		t.Errorf("syncing: %+v, %v", synced, err)
	}
	if synced.Version >= 5 {
		t.Errorf("version %d tells the type", synced.Version)
	}
	atBroker, err := kadm.NewClient(engineClient(t, c)).DescribeGroups(ctx, "lkc-aaaaaa_workers")
	if err != nil {
		t.Fatal(err)
	}
	held, _ := atBroker["lkc-aaaaaa_workers"].Members[0].Assigned.AsConsumer()
	if held == nil || held.Topics[0].Topic != "lkc-aaaaaa_orders" {
		t.Errorf("the broker holds %+v", held)
	}
}

// engineClient goes around the gateways.
func engineClient(t testing.TB, c *gatewaytest.Cluster) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(c.Kafka.ClientOptions("")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestGroupRefusals(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	ctx, client := testContext(t), r.client()

	malformed := kmsg.NewPtrJoinGroupRequest()
	malformed.Group, malformed.ProtocolType, malformed.SessionTimeoutMillis, malformed.RebalanceTimeoutMillis = "workers", "consumer", 30_000, 30_000
	malformed.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0, 0, 0x7f, 0xff, 0xff, 0xff}}}
	if response, err := malformed.RequestWith(ctx, client); err != nil || response.ErrorCode != kerr.InconsistentGroupProtocol.Code {
		t.Errorf("metadata that lies about its length: %+v, %v", response, err)
	}
	connect := *malformed
	connect.Group, connect.ProtocolType = "connect", "connect"
	if response, err := connect.RequestWith(ctx, client); err != nil || response.ErrorCode != 0 && response.ErrorCode != kerr.MemberIDRequired.Code {
		t.Errorf("metadata of another type is the clients' own: %+v, %v", response, err)
	}

	regex := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	regex.Group, regex.MemberID, regex.RebalanceTimeoutMillis = "workers-2", "m-1", 30_000
	regex.SubscribedTopicRegex, regex.Topics = kmsg.StringPtr("a)|(.*"), []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	if response, err := regex.RequestWith(ctx, client); err != nil || response.ErrorCode != kerr.InvalidRegularExpression.Code || response.ErrorMessage == nil {
		t.Errorf("what is no regular expression: %+v, %v", response, err)
	}
	empty := kmsg.NewPtrHeartbeatRequest()
	if response, err := empty.RequestWith(ctx, client); err == nil && response.ErrorCode != kerr.InvalidGroupID.Code {
		t.Errorf("an empty group id: %+v", response)
	}
}
