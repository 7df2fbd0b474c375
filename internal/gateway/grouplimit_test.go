package gateway_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// commitTo commits an offset to a group without being in it, which begins a group that is not there.
func commitTo(t testing.TB, admin *kadm.Client, group string) error {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: "orders", Partition: 0, At: 0, LeaderEpoch: -1})
	answers, err := admin.CommitOffsets(testContext(t), group, offsets)
	if err != nil {
		t.Fatal(err)
	}
	return answers.Error()
}

// joinAnswers are what a first member of a group is answered, by the kind of the group.
func joinAnswers(t testing.TB, client *kgo.Client, group string) map[string]int16 {
	t.Helper()
	classic, consumer, share := kmsg.NewPtrJoinGroupRequest(), kmsg.NewPtrConsumerGroupHeartbeatRequest(), kmsg.NewPtrShareGroupHeartbeatRequest()
	classic.Group, classic.ProtocolType, classic.SessionTimeoutMillis, classic.RebalanceTimeoutMillis = group, "connect", 10_000, 10_000
	classic.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "x"}}
	consumer.Group, consumer.MemberID, consumer.RebalanceTimeoutMillis = group, "AAAAAAAAAAAAAAAAAAAAAA", 10_000
	consumer.SubscribedTopicNames, consumer.Topics = []string{"orders"}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	share.GroupID, share.MemberID, share.SubscribedTopicNames = group, "AAAAAAAAAAAAAAAAAAAAAA", []string{"orders"}
	answers := map[string]int16{}
	for kind, request := range map[string]kmsg.Request{"classic": classic, "consumer": consumer, "share": share} {
		response, err := client.Request(testContext(t), request)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		switch r := response.(type) {
		case *kmsg.JoinGroupResponse:
			answers[kind] = r.ErrorCode
		case *kmsg.ConsumerGroupHeartbeatResponse:
			answers[kind] = r.ErrorCode
		case *kmsg.ShareGroupHeartbeatResponse:
			answers[kind] = r.ErrorCode
		}
	}
	return answers
}

// A tenant begins as many groups as it may, on all brokers together, of whatever kind. Those that are there go on, one
// that is deleted makes room, another tenant has its own, and who is refused can read why.
func TestGroupsAreLimited(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 2})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	r, other := both[0], both[1]
	const most = 4
	limited := r.tenant
	limited.Quotas = orrery.Quotas{Groups: most}
	c.Put(tenancy.StateTenant, limited.LogicalClusterID, limited)
	for _, each := range both {
		each.createTopic("orders", 1)
	}
	admin := r.admin()
	var names []string
	for i := range most { // on both brokers, or on one: as their names fall
		names = append(names, fmt.Sprint("group-", i))
		if err := commitTo(t, admin, names[i]); err != nil {
			t.Fatalf("%s of %d: %v", names[i], most, err)
		}
	}
	if err := commitTo(t, admin, "one-more"); !errors.Is(err, kerr.PolicyViolation) {
		t.Errorf("one more group is answered %v", err)
	}
	for kind, code := range joinAnswers(t, r.client(), "one-more") {
		if code != kerr.PolicyViolation.Code {
			t.Errorf("the first member of one more %s group is answered %v", kind, kerr.ErrorForCode(code))
		}
	}
	for _, name := range names {
		if err := commitTo(t, admin, name); err != nil {
			t.Errorf("a group that is there: %v", err)
		}
	}
	if err := commitTo(t, other.admin(), "one-more"); err != nil {
		t.Errorf("another tenant's: %v", err)
	}
	poll.Until(t, "the refusal to be explained", func() bool {
		return slices.ContainsFunc(whyOf(t, c, r.key), func(e gateway.Entry) bool {
			return describes(e, "as many groups as it may", "one-more")
		})
	})
	if _, err := admin.DeleteGroups(testContext(t), names[0]); err != nil {
		t.Fatal(err)
	}
	if err := commitTo(t, admin, "another"); err != nil {
		t.Errorf("in the place of one that was deleted: %v", err)
	}
}
