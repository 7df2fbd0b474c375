package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/orrery-kafka/orrery/internal/engine"
)

// principals are two users with different rights.
func principals() []User {
	operations := func(all ...kmsg.ACLOperation) []kmsg.ACLOperation { return all }
	own := ACL{Resource: kmsg.ACLResourceTypeTopic, Name: "own-", Prefixed: true, Operations: operations(kmsg.ACLOperationAll)}
	group := ACL{Resource: kmsg.ACLResourceTypeGroup, Name: "own-", Prefixed: true, Operations: operations(kmsg.ACLOperationAll)}
	return []User{
		{Name: "writer", Password: "writer-secret", ACLs: []ACL{own, group}},
		{Name: "reader", Password: "reader-secret", ACLs: []ACL{
			own, group,
			{Resource: kmsg.ACLResourceTypeTopic, Name: "state-", Prefixed: true, Operations: operations(kmsg.ACLOperationRead, kmsg.ACLOperationDescribe)},
			{Resource: kmsg.ACLResourceTypeTopic, Name: "state-log", Operations: operations(kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe)},
		}},
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func createTopics(t *testing.T, c *Cluster, partitions int32, topics ...string) {
	t.Helper()
	created, err := c.Admin(t).CreateTopics(within(t), partitions, -1, nil, topics...)
	if err = errors.Join(err, created.Error()); err != nil {
		t.Fatal(err)
	}
}

func produce(t *testing.T, client *kgo.Client, topic string, partition int32, values ...string) {
	t.Helper()
	for _, value := range values {
		if err := client.ProduceSync(within(t), &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatalf("produce %s to %s/%d: %v", value, topic, partition, err)
		}
	}
}

// consume reads as many values as are wanted, in their order.
func consume(t *testing.T, client *kgo.Client, want ...string) {
	t.Helper()
	var have []string
	for len(have) < len(want) {
		fetches := client.PollFetches(within(t))
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %q of %q: %v", have, want, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { have = append(have, string(r.Value)) })
	}
	if !slices.Equal(have, want) {
		t.Fatalf("consumed %q, want %q", have, want)
	}
}

// TestUsers has users write and read within their ACLs, and be refused what is outside them.
func TestUsers(t *testing.T) {
	Each(t, Options{Users: principals()}, func(t *testing.T, c *Cluster) {
		createTopics(t, c, 1, "own-orders", "other", "state-log", "state-table")
		writer, reader := c.Client(t, "writer"), c.Client(t, "reader")
		produce(t, writer, "own-orders", 0, "a", "b")
		consume(t, c.Client(t, "writer", kgo.ConsumeTopics("own-orders"), kgo.ConsumerGroup("own-readers")), "a", "b")
		produce(t, reader, "state-log", 0, "entry")
		produce(t, c.Client(t, ""), "state-table", 0, "row")
		consume(t, c.Client(t, "reader", kgo.ConsumeTopics("state-table")), "row")

		for _, refused := range []struct{ who, topic string }{
			{"writer", "other"}, {"writer", "state-log"}, {"reader", "other"}, {"reader", "state-table"},
		} {
			err := c.Client(t, refused.who).ProduceSync(within(t), &kgo.Record{Topic: refused.topic, Value: []byte("x")}).FirstErr()
			if !errors.Is(err, kerr.TopicAuthorizationFailed) {
				t.Errorf("%s writes %s: %v, want %v", refused.who, refused.topic, err, kerr.TopicAuthorizationFailed)
			}
		}
		visible, err := kadm.NewClient(writer).ListTopicsWithInternal(within(t))
		if err != nil || !slices.Equal(visible.Names(), []string{"own-orders"}) {
			t.Errorf("the writer sees %v (%v), want its own topic only", visible.Names(), err)
		}
		created, err := kadm.NewClient(writer).CreateTopics(within(t), 1, 1, nil, "elsewhere")
		if err = errors.Join(err, created.Error()); !errors.Is(err, kerr.TopicAuthorizationFailed) {
			t.Errorf("the writer creates a topic outside its names: %v", err)
		}
		_, err = kadm.NewClient(writer).FetchOffsets(within(t), "other")
		if !errors.Is(err, kerr.GroupAuthorizationFailed) {
			t.Errorf("the writer reads a group outside its names: %v", err)
		}
		refuseWrongPassword(t, c)
	})
}

func refuseWrongPassword(t *testing.T, c *Cluster) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Addresses("writer")...), kgo.SASL(plain.Auth{User: "writer", Pass: "wrong"}.AsMechanism()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	// The embedded engine hangs up without an answer.
	if err := client.Ping(within(t)); err == nil || c.Engine == Apache && !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("a wrong password: %v, want %v", err, kerr.SaslAuthenticationFailed)
	}
}

func leader(t *testing.T, c *Cluster, except int32) int32 {
	t.Helper()
	admin := c.Admin(t)
	var node int32
	err := poll(within(t), func() (bool, error) {
		topics, err := admin.ListTopics(within(t), "t")
		if err != nil {
			return false, err
		}
		node = topics["t"].Partitions[0].Leader
		return node >= 0 && node != except, topics["t"].Err
	})
	if err != nil {
		t.Fatal(err)
	}
	return node
}

// TestFailures kills the leader of a partition with three replicas, starts it again, freezes it and restarts it.
// What was acknowledged stays, and the others go on.
func TestFailures(t *testing.T) {
	Each(t, Options{Brokers: 3}, func(t *testing.T, c *Cluster) {
		createTopics(t, c, 1, "t")
		writer := c.Client(t, "", kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(100*time.Millisecond))
		produce(t, writer, "t", 0, "before")
		first := c.Brokers[leader(t, c, -1)]
		if err := first.Kill(); err != nil {
			t.Fatal(err)
		}
		if conn, err := net.Dial("tcp", first.Address); err == nil {
			conn.Close()
			t.Error("a broker that was killed takes connections")
		}
		second := c.Brokers[leader(t, c, first.Node)]
		produce(t, writer, "t", 0, "while it is down")
		if err := first.Kill(); c.Engine == Apache && !errors.Is(err, errDown) {
			t.Errorf("kill it twice: %v", err)
		}
		if err := first.Start(); err != nil {
			t.Fatal(err)
		}
		pauseAndResume(t, c, second)
		if err := second.Restart(); err != nil {
			t.Fatal(err)
		}
		produce(t, writer, "t", 0, "after")
		consume(t, c.Client(t, "", kgo.ConsumeTopics("t")), "before", "while it is down", "after")
	})
}

// TestFrozenLeader freezes the leader of a partition. Who writes goes on with another one, long before it is back.
func TestFrozenLeader(t *testing.T) {
	Each(t, Options{Brokers: 3}, func(t *testing.T, c *Cluster) {
		createTopics(t, c, 1, "t")
		writer := c.Client(t, "", kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(100*time.Millisecond), kgo.RequestTimeoutOverhead(time.Second))
		produce(t, writer, "t", 0, "before")
		frozen := c.Brokers[leader(t, c, -1)]
		if err := frozen.Pause(); err != nil {
			t.Fatal(err)
		}
		others := c.Client(t, "", kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.SeedBrokers(c.Brokers[(frozen.Node+1)%3].Address), kgo.MetadataMinAge(100*time.Millisecond), kgo.RequestTimeoutOverhead(time.Second))
		produce(t, others, "t", 0, "while it is frozen")
		produce(t, writer, "t", 0, "by who was there before")
		if err := frozen.Resume(); err != nil {
			t.Fatal(err)
		}
		consume(t, c.Client(t, "", kgo.ConsumeTopics("t")), "before", "while it is frozen", "by who was there before")
	})
}

// pauseAndResume sees that a broker answers nothing while it is frozen, and the same request afterwards.
func pauseAndResume(t *testing.T, c *Cluster, b *Broker) {
	t.Helper()
	client := c.Client(t, "", kgo.SeedBrokers(b.Address))
	ctx := within(t)
	ask := func() error {
		_, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client.Broker(int(b.Node)))
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if err := b.Pause(); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() { answered <- ask() }()
	select {
	case err := <-answered:
		t.Fatalf("a frozen broker answered: %v", err)
	case <-time.After(300 * time.Millisecond): // nothing is awaited here but that nothing comes
	}
	if err := b.Resume(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-answered:
		if err != nil {
			t.Errorf("after Resume: %v", err)
		}
	case <-ctx.Done():
		t.Error("no answer after Resume")
	}
}

// TestUpgrade writes to the previous version through TLS, upgrades, and reads.
func TestUpgrade(t *testing.T) {
	needJava(t)
	c := StartApache(t, Options{Version: engine.PreviousVersion, Users: principals(), TLS: true})
	createTopics(t, c, 1, "own-t")
	client := func(options ...kgo.Opt) *kgo.Client {
		client, err := kgo.NewClient(append(c.TLSClientOptions("writer"), options...)...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		return client
	}
	produce(t, client(), "own-t", 0, "old")
	if err := c.Brokers[0].Upgrade(engine.DefaultVersion); err != nil {
		t.Fatal(err)
	}
	produce(t, client(), "own-t", 0, "new")
	consume(t, client(kgo.ConsumeTopics("own-t")), "old", "new")
	if log := c.Logs(); !strings.Contains(log, "Kafka version: "+engine.DefaultVersion) {
		t.Errorf("the log does not say that %s runs:\n%s", engine.DefaultVersion, log)
	}
}

// TestNothingIsLeft closes a cluster whose broker is frozen, which would not hear a request to end.
func TestNothingIsLeft(t *testing.T) {
	needJava(t)
	c, err := Open(Apache, Options{Brokers: 1})
	if err != nil {
		t.Fatal(err)
	}
	b := c.Brokers[0].life.(*apacheBroker)
	process, dir := b.process, b.cluster.dir
	if program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", c.Brokers[0].PID())); err == nil && filepath.Base(program) != "java" {
		t.Errorf("process %d is %s", c.Brokers[0].PID(), program)
	}
	if err := c.Brokers[0].Pause(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-process.Done():
	default:
		t.Error("Close returned before the broker had ended")
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("its files are still there: %v", err)
	}
	listener, err := net.Listen("tcp", c.Brokers[0].Address)
	if err != nil {
		t.Fatalf("its port is not free: %v", err)
	}
	listener.Close()
	if err := c.Close(); err != nil {
		t.Errorf("close it twice: %v", err)
	}
}

func TestBrokerThatCannotStart(t *testing.T) {
	needJava(t)
	c, err := Open(Apache, Options{Config: map[string]string{"log.segment.bytes": "many"}})
	if err == nil {
		c.Close()
		t.Fatal("a broker with a wrong setting started")
	}
	for _, want := range []string{"it ended", "log.segment.bytes", "many"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("the error does not mention %q:\n%v", want, err)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"same name twice":   {Users: []User{{Name: "a", Password: "x"}, {Name: "a", Password: "y"}}},
		"TLS without users": {TLS: true},
	} {
		if c, err := Open(Embedded, o); err == nil {
			c.Close()
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Open("redpanda", Options{}); err == nil {
		t.Error("an unknown engine: no error")
	}
}

func needJava(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no Java")
	}
}
