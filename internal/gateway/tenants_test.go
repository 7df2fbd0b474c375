package gateway_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// patience is how long a failing test takes to say so. A passing one never waits for it.
const patience = 2 * time.Minute

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// createTopic makes a topic as the broker knows it.
func createTopic(t testing.TB, c *gatewaytest.Cluster, physical string, partitions int32) {
	t.Helper()
	client, err := kgo.NewClient(c.Kafka.ClientOptions("")...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(testContext(t), partitions, 1, nil, physical); err != nil {
		t.Fatal(err)
	}
	if err := gatewaytest.Known(testContext(t), c.Kafka, physical); err != nil {
		t.Fatal(err)
	}
}

func produceOne(t testing.TB, client *kgo.Client, topic, value string) *kgo.Record {
	t.Helper()
	r, err := client.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Value: []byte(value)}).First()
	if err != nil {
		t.Fatalf("producing %q to %s: %v", value, topic, err)
	}
	return r
}

// consume returns n records.
func consume(t testing.TB, client *kgo.Client, n int) []*kgo.Record {
	t.Helper()
	ctx := testContext(t)
	var records []*kgo.Record
	for len(records) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			for _, r := range records[:min(len(records), 20)] {
				t.Logf("read %s/%d at offset %d", r.Topic, r.Partition, r.Offset)
			}
			t.Fatalf("after %d of %d records: %v", len(records), n, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

func TestTwoTenantsUseTheSameNames(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3})
	for _, id := range []string{"lkc-aaaaaa", "lkc-bbbbbb"} {
		key := c.Admin(c.Tenant(id))
		createTopic(t, c, id+"_orders", 6)
		producer := c.Client(key)
		for i := range 60 {
			produceOne(t, producer, "orders", fmt.Sprint(id, i))
		}
	}
	other := c.Admin(c.Tenant("lkc-cccccc"))
	for _, id := range []string{"lkc-aaaaaa", "lkc-bbbbbb"} {
		key := c.Key(c.Tenant(id), id, "u-"+id)
		consumer := c.Client(key, kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		seen := map[string]bool{}
		for _, r := range consume(t, consumer, 60) {
			if r.Topic != "orders" || len(r.Value) < 10 || string(r.Value[:10]) != id {
				t.Errorf("%s got %q from %s", id, r.Value, r.Topic)
			}
			seen[string(r.Value)] = true
		}
		if len(seen) != 60 {
			t.Errorf("%s got %d different records, want 60", id, len(seen))
		}
	}
	topics, err := kadm.NewClient(c.Client(other)).ListTopics(testContext(t))
	if err != nil || len(topics) != 0 {
		t.Errorf("a tenant without topics sees %v, %v", topics.Names(), err)
	}
}
