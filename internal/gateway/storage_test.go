package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/poll"
)

// A disk that is almost full refuses records and says so, in a way that clients try again: what an idempotent producer
// sends meanwhile is written once and in order when there is room again. Readers notice nothing.
func TestDiskThatIsAlmostFull(t *testing.T) {
	const total, reserve = 100 << 30, 2 << 30
	var free atomic.Int64
	free.Store(total)
	registry := prometheus.NewRegistry()
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{Registerer: registry, Logger: logger, Storage: func(context.Context) (gateway.Storage, error) {
		return gateway.Storage{FreeBytes: free.Load(), TotalBytes: total}, nil
	}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	raw := authenticated(t, c, key)
	client := c.Client(key, kgo.MetadataMinAge(50*time.Millisecond)) // it waits so long before it tries again
	produceOne(t, client, "orders", "0")
	// try writes one record itself, and says how it went.
	try := func() kmsg.ProduceResponseTopicPartition {
		t.Helper()
		return raw.ask(produceRequest(9, -1, "orders", batch("probe", -1, false))).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	}
	refused := func() bool { return try().ErrorCode == kerr.KafkaStorageError.Code }

	free.Store(reserve - 1)
	poll.Until(t, "records to be refused", refused)
	if p := try(); p.ErrorMessage == nil || !strings.Contains(*p.ErrorMessage, "almost full") {
		t.Errorf("the error says %v", p.ErrorMessage)
	}
	log.expect(t, "the broker's disk is almost full")
	const records = 50
	written := make(chan error, records)
	for n := range records {
		client.Produce(t.Context(), &kgo.Record{Topic: "orders", Value: fmt.Append(nil, n+1)}, func(_ *kgo.Record, err error) { written <- err })
	}
	before := metric(t, registry, "orrery_gateway_storage_refused_total", "")
	poll.Until(t, "the producer to try again", func() bool {
		return metric(t, registry, "orrery_gateway_storage_refused_total", "") >= before+3
	})
	free.Store(reserve + reserve/10) // not enough to begin again
	poll.Until(t, "the gateway to look", func() bool {
		return metric(t, registry, "orrery_gateway_storage_free_bytes", "") == float64(free.Load())
	})
	if !refused() || len(written) > 0 {
		t.Error("records are taken before there is room enough")
	}
	unacknowledged := authenticated(t, c, key)
	unacknowledged.send(produceRequest(9, 0, "orders", batch("lost", -1, false)))
	unacknowledged.expectClosed()

	free.Store(2 * reserve)
	for range records {
		if err := <-written; err != nil {
			t.Fatal(err)
		}
	}
	log.expect(t, "the broker's disk has room again")
	reader := c.Client(key, kgo.ConsumeTopics("orders"))
	for next := 0; next <= records; {
		fetches := reader.PollFetches(testContext(t))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			switch value := string(r.Value); value {
			case "probe":
			case fmt.Sprint(next):
				next++
			default:
				t.Fatalf("record %q where %d is next", value, next)
			}
		})
	}
	for _, e := range whyOf(t, c, key) {
		if describes(e, "limited Produce KAFKA_STORAGE_ERROR", "topic=orders", "rule=storage", "almost full", "tries again") {
			return
		}
	}
	t.Errorf("why does not tell: %+v", whyOf(t, c, key))
}

// While nobody can look, what was last seen counts.
func TestDiskThatNobodyCanLookAt(t *testing.T) {
	var failing atomic.Bool
	var looks atomic.Int64
	c := gatewaytest.Start(t, gatewaytest.Options{Storage: func(context.Context) (gateway.Storage, error) {
		looks.Add(1)
		if failing.Load() {
			return gateway.Storage{}, errors.New("it does not answer")
		}
		return gateway.Storage{FreeBytes: 1, TotalBytes: 100 << 30}, nil
	}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	raw := authenticated(t, c, key)
	refused := func() bool {
		r := raw.ask(produceRequest(9, -1, "orders", batch("probe", -1, false))).(*kmsg.ProduceResponse)
		return r.Topics[0].Partitions[0].ErrorCode == kerr.KafkaStorageError.Code
	}
	poll.Until(t, "records to be refused", refused)
	failing.Store(true)
	from := looks.Load()
	poll.Until(t, "two more looks", func() bool { return looks.Load() >= from+2 })
	if !refused() {
		t.Error("a disk that was full is taken for one with room")
	}
}

// A gateway learns from its broker itself what room that has.
func TestDiskOfABroker(t *testing.T) {
	gatewaytest.ApacheOnly(t, "the embedded engine makes it up")
	registry := prometheus.NewRegistry()
	c := gatewaytest.Start(t, gatewaytest.Options{Registerer: registry})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	poll.Until(t, "a look", func() bool { return metric(t, registry, "orrery_gateway_storage_reserve_bytes", "") > 0 })
	var s syscall.Statfs_t
	if err := syscall.Statfs(os.TempDir(), &s); err != nil {
		t.Fatal(err)
	}
	free := float64(s.Bavail) * float64(s.Bsize)
	if got := metric(t, registry, "orrery_gateway_storage_free_bytes", ""); got < free/2 || got > 2*free {
		t.Errorf("the broker has %g bytes, and the file system %g", got, free)
	}
	produceOne(t, c.Client(key), "orders", "there is room")
}
