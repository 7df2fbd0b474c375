package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/link/kafka"
	"github.com/orrery-kafka/orrery/internal/link/linktest"
)

// brokers are a real embedded engine behind connections that can be cut.
type brokers struct{ *kafkatest.Durable }

func start(t *testing.T, count int) *brokers { return &brokers{kafkatest.StartDurable(t, count)} }

func (b *brokers) config(arrived func()) kafka.Config {
	return kafka.Config{Seeds: b.ListenAddrs(), Dial: b.Dial, Arrived: arrived}
}

func (b *brokers) mothership(t *testing.T, arrived func(), satelliteIDs ...string) *kafka.Link {
	t.Helper()
	end, err := kafka.OpenMothership(t.Context(), b.config(arrived), satelliteIDs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end.Close)
	return end
}

func (b *brokers) satellite(t *testing.T, arrived func(), satelliteID string) *kafka.Link {
	t.Helper()
	end, err := kafka.OpenSatellite(t.Context(), b.config(arrived), satelliteID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end.Close)
	return end
}

func (b *brokers) OpenMothership(t *testing.T, arrived func(), satelliteIDs ...string) linktest.End {
	return b.mothership(t, arrived, satelliteIDs...)
}

func (b *brokers) OpenSatellite(t *testing.T, arrived func(), satelliteID string) linktest.End {
	return b.satellite(t, arrived, satelliteID)
}

func (b *brokers) Append(t *testing.T, status bool, satelliteID string, key, value []byte) {
	t.Helper()
	topic := "desired." + satelliteID
	if status {
		topic = "status." + satelliteID
	}
	b.produce(t, &kgo.Record{Topic: topic, Key: key, Value: value})
}

func (b *brokers) produce(t *testing.T, record *kgo.Record) {
	t.Helper()
	client := b.client(t, kgo.ProducerBatchMaxBytes(2<<20), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func (b *brokers) client(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(b.ListenAddrs()...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestLink(t *testing.T) {
	for name, count := range map[string]int{"OneBroker": 1, "ThreeBrokers": 3} {
		t.Run(name, func(t *testing.T) {
			linktest.Run(t, func(t *testing.T) linktest.Link { return start(t, count) })
		})
	}
}

func TestConverge(t *testing.T) {
	seen := linktest.Converge(t, 3, func(t *testing.T, _ uint64) linktest.Faulty {
		return linktest.Faulty{Link: start(t, 1), Calm: func() {}}
	})
	if seen.Restarts == 0 || seen.Repeats == 0 || seen.Converged != 3 {
		t.Errorf("the restarts did %+v", seen)
	}
}

func TestTopics(t *testing.T) {
	for count, want := range map[int]struct {
		replicas  int
		minInsync string
	}{1: {1, "1"}, 3: {3, "2"}, 4: {3, "2"}} {
		b := start(t, count)
		b.mothership(t, nil, "sat-1")
		admin := kadm.NewClient(b.client(t))
		topics, err := admin.ListTopics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := topics.Names(); len(got) != 2 || got[0] != "desired.sat-1" || got[1] != "status.sat-1" {
			t.Fatalf("the topics are %q", got)
		}
		for _, topic := range topics.Sorted() {
			if n := len(topic.Partitions); n != 1 || len(topic.Partitions[0].Replicas) != want.replicas {
				t.Errorf("on %d brokers %s has %d partitions with replicas %v", count, topic.Topic, n, topic.Partitions[0].Replicas)
			}
		}
		configs, err := admin.DescribeTopicConfigs(t.Context(), topics.Names()...)
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range configs {
			got := map[string]string{}
			for _, c := range topic.Configs {
				got[c.Key] = c.MaybeValue()
			}
			if got["cleanup.policy"] != "compact" || got["min.insync.replicas"] != want.minInsync {
				t.Errorf("on %d brokers %s has cleanup.policy %q and min.insync.replicas %q", count, topic.Name, got["cleanup.policy"], got["min.insync.replicas"])
			}
		}
	}
}

func TestBrokersRestart(t *testing.T) {
	b := start(t, 3)
	mothership, satellite := b.mothership(t, nil, "sat-1"), b.satellite(t, nil, "sat-1")
	for number := int64(1); number <= 3; number++ {
		send(t, mothership, number)
		await(t, satellite, number)
		b.Restart(t)
	}
	send(t, satellite, 9)
	await(t, mothership, 9)
}

func TestConnectionsAreCut(t *testing.T) {
	b := start(t, 1)
	mothership, satellite := b.mothership(t, nil, "sat-1"), b.satellite(t, nil, "sat-1")
	for number := int64(1); number <= 5; number++ {
		send(t, mothership, number)
		b.Cut(false)
		await(t, satellite, number)
	}
}

func TestBrokersAreAway(t *testing.T) {
	b := start(t, 1)
	mothership, satellite := b.mothership(t, nil, "sat-1"), b.satellite(t, nil, "sat-1")
	send(t, mothership, 1)
	b.Cut(true)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := mothership.Send(ctx, "sat-1", []link.Message{psc(2)}); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, link.ErrFenced) {
		t.Errorf("Send without brokers returned %v", err)
	}
	if _, err := kafka.OpenMothership(ctx, b.config(nil), "sat-1"); err == nil {
		t.Error("opening without brokers returned nil")
	}
	b.Cut(false)
	send(t, mothership, 3)
	await(t, satellite, 3)
}

// A message that was being sent when the mothership was killed does not count, for a receiver that is there and
// for one that starts later, and both are caught up although the log ends with it.
func TestKilledInTheMiddleOfSend(t *testing.T) {
	b := start(t, 1)
	mothership := b.mothership(t, nil, "sat-1")
	send(t, mothership, 1)
	mothership.Close()
	leaveOpen(t, b, 2)
	early := b.satellite(t, nil, "sat-1")
	await(t, early, 1)
	mothership = b.mothership(t, nil, "sat-1")
	late := b.satellite(t, nil, "sat-1")
	await(t, late, 1)
	caughtUp(t, late)
	send(t, mothership, 3)
	for _, satellite := range []*kafka.Link{early, late} {
		if got := next(t, satellite); got != 3 {
			t.Errorf("received generation %d; want 3", got)
		}
	}
}

func TestTopicIsMadeAgain(t *testing.T) {
	b := start(t, 1)
	mothership, satellite := b.mothership(t, nil, "sat-1"), b.satellite(t, nil, "sat-1")
	for number := int64(1); number <= 20; number++ {
		send(t, mothership, number)
	}
	await(t, satellite, 20)
	admin := kadm.NewClient(b.client(t))
	if _, err := admin.DeleteTopic(t.Context(), "desired.sat-1"); err != nil {
		t.Fatal(err)
	}
	send(t, mothership, 21) // makes it again
	await(t, satellite, 21)
	send(t, mothership, 22)
	await(t, satellite, 22)
}

func TestCaughtUpWithATopicThatIsMadeAgain(t *testing.T) {
	b := start(t, 1)
	mothership := b.mothership(t, nil, "sat-1")
	for number := int64(1); number <= 20; number++ {
		send(t, mothership, number)
	}
	satellite := b.satellite(t, nil, "sat-1")
	admin := kadm.NewClient(b.client(t))
	if _, err := admin.DeleteTopic(t.Context(), "desired.sat-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "desired.sat-1"); err != nil {
		t.Fatal(err)
	}
	caughtUp(t, satellite)
}

func TestClosed(t *testing.T) {
	b := start(t, 1)
	mothership := b.mothership(t, nil, "sat-1")
	mothership.Close()
	mothership.Close()
	if err := mothership.Send(t.Context(), "sat-1", []link.Message{psc(1)}); err == nil {
		t.Error("Send after Close returned nil")
	}
	if _, err := mothership.Receive(t.Context(), 1); err == nil {
		t.Error("Receive after Close returned nil")
	}
}
