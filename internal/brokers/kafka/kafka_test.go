package kafka_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/brokers/brokerstest"
	"github.com/orrery-kafka/orrery/internal/brokers/kafka"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/poll"
)

const (
	patience  = time.Minute
	elsewhere = "of-nobody" // a topic that members of groups consume, not part of what a test looks at
)

// embedded is a real embedded engine behind connections that can be cut.
type embedded struct{ *kafkatest.Durable }

func start(t *testing.T, count int) *embedded { return &embedded{kafkatest.StartDurable(t, count)} }

func (e *embedded) Open(t *testing.T, changed func()) brokers.Cluster {
	t.Helper()
	c, err := kafka.Opener(nil)("pkc-1", brokers.Access{Seeds: e.ListenAddrs(), Dial: e.Dial}, changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (e *embedded) Nodes() []int32 {
	nodes := make([]int32, e.Brokers())
	for i := range nodes {
		nodes[i] = int32(i)
	}
	return nodes
}

// client returns a client of its own, as a tenant has.
func (e *embedded) client(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(e.ListenAddrs()...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func (e *embedded) admin(t *testing.T) *kadm.Client { return kadm.NewClient(e.client(t)) }

func (e *embedded) CreateTopic(t *testing.T, name string, partitions int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(e.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), int32(partitions), 1, nil, name); err != nil {
		t.Fatal(err)
	}
}

func (e *embedded) Append(t *testing.T, name string, times int) {
	t.Helper()
	client := e.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for range times {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: name, Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func (e *embedded) CreateGroup(t *testing.T, name string) {
	t.Helper()
	e.CreateTopic(t, "for-"+name, 1)
	offsets := kadm.Offsets{}
	offsets.AddOffset("for-"+name, 0, 0, -1)
	if err := e.admin(t).CommitAllOffsets(t.Context(), name, offsets); err != nil {
		t.Fatal(err)
	}
	e.deleteTopics(t, "for-"+name)
}

func (e *embedded) deleteTopics(t *testing.T, names ...string) {
	t.Helper()
	deleted, err := e.admin(t).DeleteTopics(t.Context(), names...)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (e *embedded) JoinGroup(t *testing.T, name string) (leave func()) {
	t.Helper()
	e.CreateTopic(t, elsewhere, 1)
	return e.join(t, name, elsewhere, kgo.ConsumerGroup(name))
}

// join makes a member of a group and waits until the group has it.
func (e *embedded) join(t *testing.T, name, topic string, options ...kgo.Opt) (leave func()) {
	t.Helper()
	client := e.client(t, append(options, kgo.ConsumeTopics(topic))...)
	admin := e.admin(t)
	poll.Until(t, "a member of "+name, func() bool {
		groups, err := admin.ListGroups(t.Context())
		return err == nil && groups[name].State == "Stable"
	})
	return func() {
		client.LeaveGroup()
		client.Close()
		poll.Until(t, "the member of "+name+" to be gone", func() bool {
			groups, err := admin.ListGroups(t.Context())
			state := groups[name].State // "" where the group ends with its last member
			return err == nil && (state == "Empty" || state == "")
		})
	}
}

func (e *embedded) Topics(t *testing.T) []string {
	t.Helper()
	topics, err := e.admin(t).ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(topics.Names(), func(name string) bool { return name == elsewhere })
}

func (e *embedded) Groups(t *testing.T) []string {
	t.Helper()
	groups, err := e.admin(t).ListGroups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return groups.Groups()
}

func TestCluster(t *testing.T) {
	for name, count := range map[string]int{"OneBroker": 1, "ThreeBrokers": 3} {
		t.Run(name, func(t *testing.T) {
			brokerstest.Run(t, func(t *testing.T) brokerstest.Engine { return start(t, count) })
		})
	}
}

func TestStateTopics(t *testing.T) {
	for count, want := range map[int]struct {
		replicas  int
		minInsync string
	}{1: {1, "1"}, 2: {2, "1"}, 5: {3, "2"}} {
		e := start(t, count)
		c := e.Open(t, nil)
		if err := c.PrepareStateTopics(t.Context()); err != nil {
			t.Fatal(err)
		}
		topics, err := e.admin(t).ListTopics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range topics.Sorted() {
			if n := len(topic.Partitions); n != 1 || len(topic.Partitions[0].Replicas) != want.replicas {
				t.Errorf("on %d brokers %s has %d partitions, replicas %v", count, topic.Topic, n, topic.Partitions[0].Replicas)
			}
		}
		configs, err := e.admin(t).DescribeTopicConfigs(t.Context(), topics.Names()...)
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range configs {
			got := map[string]string{}
			for _, c := range topic.Configs {
				got[c.Key] = c.MaybeValue()
			}
			if got["cleanup.policy"] != "compact" || got["min.insync.replicas"] != want.minInsync || got["segment.bytes"] != "4194304" {
				t.Errorf("on %d brokers %s has %v", count, topic.Name, got)
			}
		}
	}
}

func TestViewOfUnhealthyPartitions(t *testing.T) {
	e := start(t, 3)
	c := e.Open(t, nil)
	// The embedded engine does not replicate, so its answer is made to show partitions that lack something.
	e.ControlKey(kmsg.Metadata.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		e.KeepControl()
		response := request.ResponseKind().(*kmsg.MetadataResponse)
		response.ControllerID = 1
		for node, address := range e.ListenAddrs() {
			tcp, _ := net.ResolveTCPAddr("tcp", address)
			broker := kmsg.NewMetadataResponseBroker()
			broker.NodeID, broker.Host, broker.Port = int32(node), "127.0.0.1", int32(tcp.Port)
			response.Brokers = append(response.Brokers, broker)
		}
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic = kmsg.StringPtr("lkc-1_a")
		for i, p := range []struct {
			leader int32
			isr    []int32
		}{{0, []int32{0, 1, 2}}, {0, []int32{0, 1}}, {-1, nil}} {
			partition := kmsg.NewMetadataResponseTopicPartition()
			partition.Partition, partition.Leader, partition.Replicas, partition.ISR = int32(i), p.leader, []int32{0, 1, 2}, p.isr
			topic.Partitions = append(topic.Partitions, partition)
		}
		response.Topics = append(response.Topics, topic)
		return response, nil, true
	})
	got, err := c.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := brokers.View{Controller: 1, Brokers: []int32{0, 1, 2}, Topics: 1, Partitions: 3, OfflinePartitions: 1, UnderReplicatedPartitions: 2, Quorum: brokers.Quorum{Leader: -1}, At: got.At}
	// Nobody has heard of min.insync.replicas of this topic, so that each replica counts as needed.
	for node, n := range []brokers.NodeView{{Leaders: 2, PreferredLeaders: 3, OutOfSync: 1}, {OutOfSync: 1}, {OutOfSync: 2}} {
		n.Node, n.Alive, n.Rack, n.Replicas, n.Critical, n.CriticalExample, n.AlwaysCritical = int32(node), true, got.Nodes[node].Rack, 3, 3, "lkc-1_a-0", 1
		if node == 0 { // it leads two of them, of which one lacks a follower
			n.Followers, n.FollowersOutOfSync = 4, 1
		}
		if node == 2 {
			n.Critical = 2
		}
		want.Nodes = append(want.Nodes, n)
	}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestRemoveTenantEndsEveryKindOfGroup(t *testing.T) {
	e := start(t, 3)
	c := e.Open(t, nil)
	e.CreateTopic(t, "lkc-1_a", 1)
	leave := []func(){
		e.join(t, "lkc-1_next", "lkc-1_a", kgo.ConsumerGroup("lkc-1_next"), kgo.ServerSideBalancer()),
		e.join(t, "lkc-1_share", "lkc-1_a", kgo.ShareGroup("lkc-1_share")),
	}
	if left, err := c.RemoveTenant(t.Context(), "lkc-1_"); err != nil || left != 2 {
		t.Errorf("RemoveTenant returned %d, %v; want the 2 groups", left, err)
	}
	for _, f := range leave {
		f()
	}
	if left, err := c.RemoveTenant(t.Context(), "lkc-1_"); err != nil || left != 0 {
		t.Errorf("RemoveTenant returned %d, %v", left, err)
	}
	if got := e.Groups(t); len(got) != 0 {
		t.Errorf("the groups %q are left", got)
	}
}

func TestRemoveTenantEndsTransactions(t *testing.T) {
	e := start(t, 1)
	c := e.Open(t, nil)
	e.CreateTopic(t, "lkc-2_a", 1)
	for _, id := range []string{"lkc-1_x", "lkc-2_x"} {
		client := e.client(t, kgo.TransactionalID(id))
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "lkc-2_a", Value: []byte(id)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := c.RemoveTenant(t.Context(), "lkc-1_"); err != nil || left != 0 {
		t.Errorf("RemoveTenant returned %d, %v", left, err)
	}
	open, err := e.admin(t).ListTransactions(t.Context(), nil, []string{"Ongoing"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := open.TransactionalIDs(), []string{"lkc-2_x"}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestClusterIsAwayAndBack(t *testing.T) {
	e := start(t, 3)
	changed := make(chan struct{}, 10_000)
	c := e.Open(t, func() { changed <- struct{}{} })
	ctx := t.Context()
	if err := c.PrepareStateTopics(ctx); err != nil {
		t.Fatal(err)
	}
	write(t, c, "1")
	awaitTail(t, c, "1")
	e.Cut(true)
	for name, call := range map[string]func(context.Context) error{
		"View":               func(ctx context.Context) error { _, err := c.View(ctx); return err },
		"PrepareStateTopics": c.PrepareStateTopics,
		"ReadState":          func(ctx context.Context) error { _, err := c.ReadState(ctx, brokers.TopicGateways); return err },
		"WriteState": func(ctx context.Context) error {
			_, err := c.WriteState(ctx, brokers.TopicGateways, []brokers.Record{{Key: "a", Value: []byte("lost")}})
			return err
		},
		"RemoveTenant": func(ctx context.Context) error { _, err := c.RemoveTenant(ctx, "lkc-1_"); return err },
	} {
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		if err := call(short); err == nil || !strings.Contains(err.Error(), "pkc-1") {
			t.Errorf("%s without brokers returned %v", name, err)
		}
		cancel()
	}
	if got, ready := c.Tail(brokers.TopicGateways); !ready || len(got) != 1 {
		t.Errorf("the last known tail is %+v, %t", got, ready)
	}
	e.Cut(false)
	write(t, c, "2")
	awaitTail(t, c, "2")
	e.Restart(t)
	write(t, c, "3")
	awaitTail(t, c, "3")
	if _, err := c.View(ctx); err != nil {
		t.Error(err)
	}
}

func TestAStateTopicIsMadeAgain(t *testing.T) {
	e := start(t, 1)
	c := e.Open(t, nil)
	if err := c.PrepareStateTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"1", "2", "3"} {
		write(t, c, value)
	}
	awaitTail(t, c, "3")
	e.deleteTopics(t, brokers.TopicGateways)
	if err := c.PrepareStateTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, c, "4")
	awaitTail(t, c, "4")
	state, err := c.ReadState(t.Context(), brokers.TopicGateways)
	if err != nil || len(state) != 1 || string(state[0].Value) != "4" {
		t.Errorf("the state is %+v, %v", state, err)
	}
}

// A record of a transaction that was aborted does not count, and one that is open is not waited for.
func TestStateWithTransactions(t *testing.T) {
	e := start(t, 1)
	c := e.Open(t, nil)
	if err := c.PrepareStateTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, c, "1")
	foreign := e.client(t, kgo.TransactionalID("foreign"))
	for _, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		if err := foreign.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := foreign.ProduceSync(t.Context(), &kgo.Record{Topic: brokers.TopicGateways, Key: []byte("b"), Value: []byte("foreign")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		state, err := c.ReadState(t.Context(), brokers.TopicGateways)
		if err != nil || len(state) != 1 {
			t.Errorf("with an open transaction the state is %+v, %v", state, err)
		}
		if err := foreign.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	awaitTail(t, c, "1")
	state, err := c.ReadState(t.Context(), brokers.TopicGateways)
	if err != nil || len(state) != 2 {
		t.Errorf("after the commit the state is %+v, %v", state, err)
	}
}

func write(t *testing.T, c brokers.Cluster, value string) {
	t.Helper()
	// A connection that broke may fail one write; the caller's next step repeats it.
	var err error
	for range 20 {
		if _, err = c.WriteState(t.Context(), brokers.TopicGateways, []brokers.Record{{Key: "a", Value: []byte(value)}}); err == nil {
			return
		}
	}
	t.Fatal(err)
}

func awaitTail(t *testing.T, c brokers.Cluster, value string) {
	t.Helper()
	poll.Until(t, "the tail to have "+value, func() bool {
		records, ready := c.Tail(brokers.TopicGateways)
		return ready && len(records) > 0 && string(records[0].Value) == value
	})
}
