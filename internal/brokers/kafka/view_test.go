package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/brokers/kafka"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
)

// manyPartitions starts the embedded engine with topics of some partitions each.
func manyPartitions(t testing.TB, topics, partitions int, options ...kfake.Opt) *kafkatest.Cluster {
	t.Helper()
	c := kafkatest.StartEmbedded(t, kafkatest.Options{Brokers: 3, Engine: options})
	client, err := kgo.NewClient(c.ClientOptions("")...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for first := 0; first < topics; first += 500 {
		var names []string
		for i := first; i < min(topics, first+500); i++ {
			names = append(names, fmt.Sprintf("lkc-1_%05d", i))
		}
		created, err := kadm.NewClient(client).CreateTopics(t.Context(), int32(partitions), 3, nil, names...)
		if err = errors.Join(err, created.Error()); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func openEmbedded(t testing.TB, c *kafkatest.Cluster, dial func(ctx context.Context, network, address string) (net.Conn, error)) brokers.Cluster {
	t.Helper()
	cluster, err := kafka.Open("pkc-1", brokers.Access{Seeds: c.Addresses(""), Dial: dial}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// A view takes a few requests whatever there is, and one more for a thousand topics whose settings it does not know.
func TestViewCosts(t *testing.T) {
	const topics = 2100
	c := manyPartitions(t, topics, 1)
	var requests sync.Map // that differ: one may be sent twice where the machine is busy
	c.Embedded.ControlKey(-1, func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.Embedded.KeepControl()
		about := ""
		if describe, ok := request.(*kmsg.DescribeConfigsRequest); ok {
			about = describe.Resources[0].ResourceName
		}
		if key := kmsg.Key(request.Key()); key != kmsg.ApiVersions {
			requests.Store(key.Name()+about, true)
		}
		return nil, nil, false
	})
	cluster := openEmbedded(t, c, nil)
	for i, want := range []int{4 + 3, 4, 4} {
		requests.Clear()
		view, err := cluster.View(t.Context())
		if err != nil || view.Partitions != topics || view.Topics != topics {
			t.Fatalf("%d partitions of %d topics: %v", view.Partitions, view.Topics, err)
		}
		var got []any
		requests.Range(func(request, _ any) bool { got = append(got, request); return true })
		if len(got) != want {
			t.Errorf("view %d took the requests %v; want %d", i, got, want)
		}
		for _, n := range view.Nodes {
			if n.Critical != 0 || n.Replicas != topics {
				t.Errorf("%+v", n)
			}
		}
	}
}

// A broker that takes connections and says nothing is passed over.
func TestViewPastABrokerThatHangs(t *testing.T) {
	c := manyPartitions(t, 1, 1)
	hanging := c.Brokers[0]
	if err := hanging.Pause(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := hanging.Resume(); err != nil {
			t.Error(err)
		}
	}()
	cluster := openEmbedded(t, c, nil)
	for range 3 {
		if _, err := cluster.View(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for _, b := range c.Brokers[1:] {
		if err := b.Pause(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := b.Resume(); err != nil {
				t.Error(err)
			}
		}()
	}
	if _, err := cluster.View(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with all of them hanging: %v", err)
	}
}

// BenchmarkView looks at 10,000 partitions: of 1,000 topics with all their settings read anew, and with those known.
func BenchmarkView(b *testing.B) {
	c := manyPartitions(b, 1000, 10)
	view := func(b *testing.B, cluster brokers.Cluster) {
		if v, err := cluster.View(b.Context()); err != nil || v.Partitions != 10_000 {
			b.Fatalf("%d partitions: %v", v.Partitions, err)
		}
	}
	b.Run("First", func(b *testing.B) {
		for b.Loop() {
			cluster, err := kafka.Open("pkc-1", brokers.Access{Seeds: c.Addresses("")}, nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			view(b, cluster)
			cluster.Close()
		}
	})
	b.Run("Next", func(b *testing.B) {
		cluster := openEmbedded(b, c, nil)
		view(b, cluster)
		b.ResetTimer()
		for b.Loop() {
			view(b, cluster)
		}
	})
	b.Run("Partitions", func(b *testing.B) {
		cluster := openEmbedded(b, c, nil)
		for b.Loop() {
			if p, err := cluster.Partitions(b.Context()); err != nil || len(p) != 10_000 {
				b.Fatalf("%d partitions: %v", len(p), err)
			}
		}
	})
}
