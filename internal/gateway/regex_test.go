package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// checkAssigned joins a group with an expression and expects to be assigned what it matches. A broker may look for that
// after its first answer.
func checkAssigned(t *testing.T, ctx context.Context, client *kgo.Client, group, expression string, ids map[[16]byte]string, want []string) {
	t.Helper()
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.MemberID, r.RebalanceTimeoutMillis = group, "m", 30_000
	r.SubscribedTopicRegex, r.Topics = &expression, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	var got []string
	eventually(t, func() string {
		response, err := r.RequestWith(ctx, client)
		if err != nil || response.ErrorCode != 0 {
			return fmt.Sprintf("%q: %+v, %v", expression, response, err)
		}
		r.MemberEpoch = response.MemberEpoch
		if response.Assignment != nil {
			got, r.Topics = nil, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
			for _, topic := range response.Assignment.Topics {
				got = append(got, ids[topic.TopicID])
				r.Topics = append(r.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: topic.TopicID, Partitions: topic.Partitions})
			}
			slices.Sort(got)
		}
		if !slices.Equal(got, want) {
			return fmt.Sprintf("%q is assigned %q, want %q", expression, got, want)
		}
		return ""
	})
}

// The broker matches a subscription against the names of all tenants.
func TestServerSideRegex(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 2})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	for _, r := range both {
		for _, topic := range []string{"ck-1", "ck-2", "other"} {
			r.createTopic(topic, 2)
			produceMany(t, r, topic, 10)
		}
	}
	together(t, both, func(t *testing.T, r *resident) {
		ctx, client := testContext(t), r.client()
		ids := map[[16]byte]string{}
		for _, topic := range []string{"ck-1", "ck-2", "other"} {
			ids[r.topicID(topic)] = topic
		}
		for i, test := range []struct {
			expression string
			topics     []string
		}{
			{`(^ck-.*)`, []string{"ck-1", "ck-2"}}, // as librdkafka writes it
			{`ck-1|.*`, []string{"ck-1", "ck-2", "other"}},
			{`^ck-1$|^other$`, []string{"ck-1", "other"}},
			{`ck`, nil},
			{`lkc-.*`, nil},
			{`.*\bother`, []string{"other"}},
		} {
			checkAssigned(t, ctx, client, fmt.Sprint("group-", i), test.expression, ids, test.topics)
		}
		checkDescribedRegex(t, ctx, r, client)
		consumeRegex(t, r)
	})
}

// checkDescribedRegex expects that a member is told with an expression that means what its own did.
func checkDescribedRegex(t *testing.T, ctx context.Context, r *resident, client *kgo.Client) {
	t.Helper()
	describe := kmsg.NewPtrConsumerGroupDescribeRequest()
	describe.Groups = []string{"group-0"}
	described, err := describe.RequestWith(ctx, client)
	if err != nil || described.Groups[0].ErrorCode != 0 || len(described.Groups[0].Members) != 1 {
		t.Fatalf("describing: %+v, %v", described, err)
	}
	if told := described.Groups[0].Members[0].SubscribedTopicRegex; told != nil && *told != "ck-.*" {
		t.Errorf("the expression is told as %q", *told)
	}
	atBroker := kmsg.NewPtrConsumerGroupDescribeRequest()
	atBroker.Groups = []string{string(tenancy.PrefixOf(r.tenant.LogicalClusterID)) + "group-0"}
	held, err := atBroker.RequestWith(ctx, engineClient(t, r.cluster))
	if err != nil || len(held.Groups[0].Members) != 1 {
		t.Fatalf("describing at the broker: %+v, %v", held, err)
	}
	if told := held.Groups[0].Members[0].SubscribedTopicRegex; told != nil && *told != r.tenant.LogicalClusterID+"_(?:ck-.*)" {
		t.Errorf("the broker has %q", *told)
	}
}

// consumeRegex reads with a client that leaves the matching to the broker.
func consumeRegex(t *testing.T, r *resident) {
	t.Helper()
	member := r.client(kgo.ConsumerGroup("readers"), kgo.ConsumeRegex(), kgo.ConsumeTopics(`^ck-.*`), kgo.ServerSideBalancer(),
		kgo.Balancers(kgo.RangeBalancer()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	seen := map[string]int{}
	for _, record := range consume(t, member, 20) {
		seen[record.Topic]++
	}
	if len(seen) != 2 || seen["ck-1"] != 10 || seen["ck-2"] != 10 {
		t.Errorf("%s read %v", r.tenant.LogicalClusterID, seen)
	}
	member.Close()
}

func TestTransactionPatterns(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	both := residents(t, c, "lkc-cccccc", "lkc-dddddd") // brokers keep the transactional ids of other tests
	for _, r := range both {
		r.createTopic("orders", 1)
		for _, id := range []string{"tx-1", "tx-2", "my.tx"} {
			writer := r.client(kgo.TransactionalID(id))
			if err := writer.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			produceOne(t, writer, "orders", r.tenant.LogicalClusterID+"/0")
			if err := writer.EndTransaction(testContext(t), kgo.TryCommit); err != nil {
				t.Fatal(err)
			}
		}
	}
	client := both[0].client()
	for pattern, want := range map[string][]string{
		``: {"my.tx", "tx-1", "tx-2"}, `.*`: {"my.tx", "tx-1", "tx-2"}, `^tx-.$`: {"tx-1", "tx-2"}, `tx`: nil, `a|tx-1`: {"tx-1"}, `.*\btx`: {"my.tx"}, `lkc.*`: nil,
	} {
		request := kmsg.NewPtrListTransactionsRequest()
		request.TransactionalIDPattern = &pattern
		response, err := request.RequestWith(testContext(t), client)
		if err != nil || response.ErrorCode != 0 || response.Version < 2 {
			t.Fatalf("%q: %+v, %v", pattern, response, err)
		}
		var got []string
		for _, state := range response.TransactionStates {
			got = append(got, state.TransactionalID)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q lists %q, want %q", pattern, got, want)
		}
	}
	request := kmsg.NewPtrListTransactionsRequest()
	request.TransactionalIDPattern = kmsg.StringPtr("a)|(.*")
	if response, err := request.RequestWith(testContext(t), client); err != nil || response.ErrorCode != kerr.InvalidRegularExpression.Code {
		t.Errorf("what is no pattern: %+v, %v", response, err)
	}
}
