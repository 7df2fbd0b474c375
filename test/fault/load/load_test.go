package load

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/kafkatest"
)

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// startOn keeps a topic of a small cluster busy.
func startOn(t *testing.T, c *kafkatest.Cluster) *Load {
	t.Helper()
	const partitions = 3
	if _, err := c.Admin(t).CreateTopic(within(t), partitions, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	l, err := Start(within(t), Config{
		Client: c.ClientOptions(""), Topic: "orders", Partitions: partitions, Producers: 2, Interval: time.Millisecond,
		Group: "readers", Members: 2, RequestTimeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Abandon)
	return l
}

func TestNothingIsWrong(t *testing.T) {
	l := startOn(t, kafkatest.StartEmbedded(t, kafkatest.Options{}))
	for range 3 {
		if err := l.Settle(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	report, err := l.Stop(within(t))
	if err != nil || report.Acknowledged < 3*3*2 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestLossIsFound has a broker that acknowledges one batch without keeping it.
func TestLossIsFound(t *testing.T) {
	c := kafkatest.StartEmbedded(t, kafkatest.Options{})
	l := startOn(t, c)
	c.Embedded.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		produce := request.(*kmsg.ProduceRequest)
		response := produce.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range produce.Topics {
			answer := kmsg.NewProduceResponseTopic()
			answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
			for _, partition := range topic.Partitions {
				acknowledged := kmsg.NewProduceResponseTopicPartition()
				acknowledged.Partition = partition.Partition
				answer.Partitions = append(answer.Partitions, acknowledged)
			}
			response.Topics = append(response.Topics, answer)
		}
		return response, nil, true
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_ = l.Settle(ctx) // it cannot
	ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := l.Stop(ctx); err == nil || !strings.Contains(err.Error(), "lost: producer") {
		t.Errorf("a batch was lost, and the load found %v", err)
	}
}
