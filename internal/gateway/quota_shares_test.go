package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/quota"
)

// hotWriter is a client that writes to one partition as fast as it can, in requests of up to 45 kB.
type hotWriter struct{ acknowledged atomic.Int64 }

// ahead is what may be acknowledged beside what a quota gives in a window: five requests that were let in before, and one
// that overdraws.
const ahead = 6 * 45_000

func startHotWriter(t *testing.T, c *gatewaytest.Cluster, key gatewaytest.Key) *hotWriter {
	t.Helper()
	w, value := &hotWriter{}, bytes.Repeat([]byte{1}, 20_000)
	client := c.Client(key, kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(45_000), kgo.MaxBufferedRecords(100), kgo.DefaultProduceTopic("hot"),
		kgo.MetadataMinAge(100*time.Millisecond))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			client.Produce(ctx, &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
				switch {
				case err == nil:
					w.acknowledged.Add(int64(len(value)))
				case ctx.Err() == nil:
					t.Error(err)
				}
			})
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return w
}

// watch returns what was acknowledged in a while, at least so long, after the client has found its broker.
func (w *hotWriter) watch(t *testing.T, window time.Duration) (got int64, took time.Duration) {
	t.Helper()
	found := w.acknowledged.Load()
	poll.Until(t, "the client to write", func() bool { return w.acknowledged.Load() > found })
	began, before := time.Now(), w.acknowledged.Load()
	<-time.After(window)
	got = w.acknowledged.Load() - before
	return got, time.Since(began)
}

// moveHot moves the only partition of a topic to a broker, and returns once that leads it.
func moveHot(t *testing.T, c *gatewaytest.Cluster, topic string, node int32) {
	t.Helper()
	if c.Kafka.Engine == kafkatest.Embedded {
		if err := c.Kafka.Embedded.MoveTopicPartition(topic, 0, node); err != nil {
			t.Fatal(err)
		}
		return
	}
	admin := c.Kafka.Admin(t)
	var move kadm.AlterPartitionAssignmentsReq
	move.Assign(topic, 0, []int32{node})
	moved, err := admin.AlterPartitionAssignments(testContext(t), move)
	if err = errors.Join(err, moved.Error()); err != nil {
		t.Fatal(err)
	}
	poll.Until(t, "the partition to have moved", func() bool {
		topics, err := admin.ListTopics(testContext(t), topic)
		return err == nil && topics[topic].Partitions[0].Leader == node
	})
}

// A hot partition has its tenant's whole quota, and again at the broker to which it moves. Where quotas are split evenly
// over the gateways, the control, it never has more than its broker's part.
func TestQuotaFollowsAHotPartition(t *testing.T) {
	const rate = 1500 * 1000
	window, least := 2*time.Second, 0.7
	if soak() {
		window, least = time.Minute, 0.98
	}
	for _, even := range []bool{false, true} {
		t.Run(map[bool]string{false: "by use", true: "split evenly"}[even], func(t *testing.T) {
			if even && !soak() {
				gatewaytest.EmbeddedOnly(t, "the control is the same on both; ORRERY_SOAK=1 runs it here, too")
			}
			c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3, EvenShares: even})
			_, key := limitedTenant(t, c, "lkc-aaaaaa", orrery.Quotas{IngressBytesPerSecond: rate})
			createTopic(t, c, "lkc-aaaaaa_hot", 1)
			shares := followShares(t, c)
			moveHot(t, c, "lkc-aaaaaa_hot", 0)
			w := startHotWriter(t, c, key)
			for node := range int32(2) {
				if even && node == 0 && !soak() {
					continue // one broker shows it
				}
				moveHot(t, c, "lkc-aaaaaa_hot", node)
				if even {
					got, took := w.watch(t, min(window, 10*time.Second))
					if most := rate/3*(took.Seconds()+0.5) + ahead; float64(got) > most { // with the burst of half a second
						t.Errorf("at broker %d %d bytes in %v, more than the third of its quota", node, got, took)
					}
					t.Logf("at broker %d %.3f of the quota in %v", node, float64(got)/took.Seconds()/rate, took)
					continue
				}
				shares.wait(node, "lkc-aaaaaa", quota.Ingress, func(share int64) bool { return share >= rate*8/10 })
				awaitRate(t, c, w, node, rate, window, least)
			}
		})
	}
}

// awaitRate watches a writer until it gets a part of its tenant's quota in one window. What it gets is at most the quota,
// with a hundredth that gateways have on top so that others may begin.
func awaitRate(t *testing.T, c *gatewaytest.Cluster, w *hotWriter, node int32, rate float64, window time.Duration, least float64) {
	t.Helper()
	for deadline := time.Now().Add(10 * window); ; {
		got, took := w.watch(t, window)
		part := float64(got) / took.Seconds() / rate
		t.Logf("at broker %d %.3f of the quota in %v", node, part, took)
		if float64(got) > rate*1.01*(took.Seconds()+0.5)+ahead {
			t.Errorf("at broker %d %d bytes in %v, more than the quota", node, got, took)
		}
		if part >= least {
			return
		}
		if time.Now().After(deadline) {
			break
		}
	}
	_, key := limitedTenant(t, c, "lkc-bbbbbb", orrery.Quotas{})
	createTopic(t, c, "lkc-bbbbbb_hot", 1)
	got, took := startHotWriter(t, c, key).watch(t, window)
	if free := float64(got) / took.Seconds(); free < 1.25*rate {
		t.Skipf("the machine cannot: without a quota the same client writes %.0f bytes a second", free)
	}
	t.Fatalf("at broker %d the tenant did not get %.2f of its quota, and without one the same client writes %d bytes in %v", node, least, got, took)
}

// slowConn is a broker that takes its time for every answer.
type slowConn struct {
	net.Conn
	delay *atomic.Int64
}

func (c slowConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	<-time.After(time.Duration(c.delay.Load()))
	return n, err
}

// Where a broker takes long to answer, its tenants' shares shrink and they are throttled though they use less than their
// quota; they grow again when it is well.
func TestSharesShrinkAtAnOverloadedBroker(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "a machine that is busy makes Apache Kafka slow by itself")
	var delay atomic.Int64
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 2, Dial: func(dial func(context.Context, int32) (net.Conn, error)) func(context.Context, int32) (net.Conn, error) {
		return func(ctx context.Context, node int32) (net.Conn, error) {
			conn, err := dial(ctx, node)
			if err != nil || node != 0 {
				return conn, err
			}
			return slowConn{conn, &delay}, nil
		}
	}})
	const rate, clients, size = 4 * megabyte, 60, 10_000
	_, key := limitedTenant(t, c, "lkc-aaaaaa", orrery.Quotas{IngressBytesPerSecond: rate})
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	if err := c.Kafka.Embedded.MoveTopicPartition("lkc-aaaaaa_orders", 0, 0); err != nil {
		t.Fatal(err)
	}
	shares := followShares(t, c)
	// Every request takes the broker a second, so they write 0.6 MB/s at most, and the even share is 2 MB/s.
	delay.Store(int64(time.Second))
	var told atomic.Int64
	halt := make(chan struct{})
	var running []chan struct{}
	for range clients {
		r, done := authenticated(t, c, key), make(chan struct{})
		r.conn.SetDeadline(time.Now().Add(3 * patience))
		running = append(running, done)
		go func() {
			defer close(done)
			request := produceRequest(9, -1, "orders", batch(string(make([]byte, size)), -1, false))
			for {
				select {
				case <-halt:
					return
				default:
				}
				if millis := int64(r.ask(request).(*kmsg.ProduceResponse).ThrottleMillis); delay.Load() > 0 {
					told.Add(millis)
				}
			}
		}()
	}
	defer func() {
		close(halt)
		for _, done := range running {
			<-done
		}
	}()
	low := shares.wait(0, "lkc-aaaaaa", quota.Ingress, func(share int64) bool { return share < rate/10 })
	poll.Until(t, "a client to be told to wait", func() bool { return told.Load() > 0 })
	delay.Store(0)
	high := shares.wait(0, "lkc-aaaaaa", quota.Ingress, func(share int64) bool { return share > rate/6 })
	t.Logf("a share of %d of %d bytes/s at the slow broker, %d afterwards; clients were told to wait %v in all", low, rate, high, time.Duration(told.Load())*time.Millisecond)
}

// sharesSeen are what gateways publish of tenants' use.
type sharesSeen struct {
	t      *testing.T
	client *kgo.Client
	newest map[string]map[string]quota.Published // use/NODE -> lkc-… ->
}

func followShares(t *testing.T, c *gatewaytest.Cluster) *sharesSeen {
	t.Helper()
	client, err := kgo.NewClient(append(c.Kafka.ClientOptions(""), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		"_orrery_gateways": {0: kgo.NewOffset().AtStart()},
	}))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &sharesSeen{t, client, map[string]map[string]quota.Published{}}
}

// wait waits until a gateway says that it has a share, and returns it.
func (s *sharesSeen) wait(node int32, tenant string, d quota.Dimension, enough func(share int64) bool) int64 {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	key := fmt.Sprint("use/", node)
	for {
		if published, ok := s.newest[key][tenant]; ok && enough(published[d].Share) {
			return published[d].Share
		}
		fetches := s.client.PollFetches(ctx)
		if ctx.Err() != nil {
			s.t.Fatalf("gateway %d does not have the share; published were %v", node, s.newest)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			var record struct{ Tenants map[string]quota.Published }
			if strings.HasPrefix(string(r.Key), "use/") {
				if err := json.Unmarshal(r.Value, &record); err != nil {
					s.t.Error(err)
				}
				s.newest[string(r.Key)] = record.Tenants
			}
		})
	}
}
