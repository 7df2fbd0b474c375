package gateway_test

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

const megabyte = 1_000_000

// limitedTenant is a tenant with quotas and a key that may do everything in it.
func limitedTenant(t testing.TB, c *gatewaytest.Cluster, id string, quotas orrery.Quotas) (tenancy.Tenant, gatewaytest.Key) {
	t.Helper()
	tenant := c.Tenant(id)
	key := c.Admin(tenant)
	tenant.Quotas = quotas
	c.Put(tenancy.StateTenant, id, tenant)
	return tenant, key
}

// throttles counts what a client is told.
type throttles struct{ times, told atomic.Int64 }

func (h *throttles) OnBrokerThrottle(_ kgo.BrokerMetadata, interval time.Duration, _ bool) {
	h.times.Add(1)
	h.told.Add(int64(interval))
}

// writeFor produces as fast as the client can until a time is over, and returns the bytes that were acknowledged. They
// cannot be compressed.
func writeFor(t *testing.T, client *kgo.Client, topic string, limit time.Duration) (acknowledged int64) {
	t.Helper()
	return writeUntil(t, client, topic, time.Now().Add(limit))
}

// writeUntil is writeFor until a time.
func writeUntil(t *testing.T, client *kgo.Client, topic string, end time.Time) (acknowledged int64) {
	t.Helper()
	value := bytes.Repeat([]byte{1}, 50_000)
	var sum atomic.Int64
	for time.Now().Before(end) {
		client.Produce(testContext(t), &kgo.Record{Topic: topic, Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
				return
			}
			if time.Now().Before(end) {
				sum.Add(int64(len(value)))
			}
		})
	}
	if err := client.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
	return sum.Load()
}

// A tenant gets what its quotas give it, whatever its client sends, and is told so. Another one is not held back.
func TestTenantsAreHeldToTheirQuotas(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := gatewaytest.Start(t, gatewaytest.Options{Registerer: registry})
	const rate = 2 * megabyte
	_, key := limitedTenant(t, c, "lkc-aaaaaa", orrery.Quotas{IngressBytesPerSecond: rate, EgressBytesPerSecond: rate})
	_, other := limitedTenant(t, c, "lkc-bbbbbb", orrery.Quotas{IngressBytesPerSecond: 1000 * megabyte, EgressBytesPerSecond: 1000 * megabyte})
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	createTopic(t, c, "lkc-bbbbbb_orders", 1)
	var limited, free throttles
	writer := c.Client(key, kgo.WithHooks(&limited), kgo.MaxBufferedRecords(40), kgo.ProducerBatchCompression(kgo.NoCompression()))
	neighbour := c.Client(other, kgo.WithHooks(&free))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			if err := neighbour.ProduceSync(testContext(t), &kgo.Record{Topic: "orders", Value: []byte("small")}).FirstErr(); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	began := time.Now()
	const window = 4 * time.Second
	got := writeFor(t, writer, "orders", window)
	// The burst of half a second, and one request that overdraws.
	if most := int64(rate*(window.Seconds()+0.5)) + megabyte; got > most*101/100 {
		t.Errorf("%d bytes in %s with a quota of %d/s, at most %d", got, window, rate, most)
	}
	if got == 0 || limited.times.Load() == 0 {
		t.Errorf("%d bytes, throttled %d times", got, limited.times.Load())
	}
	<-done
	if n := free.times.Load(); n != 0 {
		t.Errorf("the neighbour was throttled %d times", n)
	}
	if gathered(t, registry, "orrery_gateway_throttle_seconds_total") <= 0 {
		t.Error("no throttle time was counted")
	}
	t.Logf("%d bytes in %s, throttled %d times for %s", got, time.Since(began), limited.times.Load(), time.Duration(limited.told.Load()))

	reader := c.Client(key, kgo.WithHooks(&limited), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	began, told := time.Now(), limited.times.Load()
	var read int64
	for read < got {
		reader.PollFetches(testContext(t)).EachRecord(func(r *kgo.Record) { read += int64(len(r.Value)) })
	}
	// A response is delivered when it was charged, at most a second's worth.
	if most := int64(rate * (time.Since(began).Seconds() + 0.5 + 1)); read > most*101/100 {
		t.Errorf("%d bytes read in %s with a quota of %d/s", read, time.Since(began), rate)
	}
	if limited.times.Load() == told {
		t.Error("the reader was not told that it is throttled")
	}
	t.Logf("%d bytes read in %s", read, time.Since(began))
}

// Where the client does not wait as it is told, its connection is not read (KIP-219), and a request of another
// connection is held until what came before is paid for.
func TestThrottledConnectionIsMuted(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	for i, test := range []struct {
		name    string
		version int16
		batch   []byte
	}{
		{"raw", 8, batch(string(make([]byte, 900_000)), -1, false)},
		{"raw and flexible", 9, batch(string(make([]byte, 900_000)), -1, false)},
		{"refused by its handler", 9, batch(string(make([]byte, 900_000)), 7, true)},
	} {
		t.Run(test.name, func(t *testing.T) {
			id := []string{"lkc-aaaaaa", "lkc-bbbbbb", "lkc-cccccc"}[i]
			_, key := limitedTenant(t, c, id, orrery.Quotas{IngressBytesPerSecond: megabyte})
			createTopic(t, c, id+"_orders", 1)
			a, b := authenticated(t, c, key), authenticated(t, c, key)
			request := produceRequest(test.version, -1, "orders", test.batch)
			// The bucket is full, so the first request overdraws it by about 400 ms.
			began := time.Now()
			response := a.ask(request).(*kmsg.ProduceResponse)
			told := time.Duration(response.ThrottleMillis) * time.Millisecond
			if told <= 0 || told > time.Second {
				t.Fatalf("told to wait for %s", told)
			}
			a.ask(kmsg.NewPtrMetadataRequest())
			// It is told for how long from when the request came in.
			if waited := time.Since(began); waited < told-5*time.Millisecond {
				t.Errorf("a muted connection was read after %s of %s", waited, told)
			}
			a.ask(request)
			b.ask(request)
			// Three requests of 0.9 MB: the third was let in when the first two were paid for, but for the burst.
			if took := time.Since(began); took < 1300*time.Millisecond-5*time.Millisecond {
				t.Errorf("three requests in %s", took)
			}
		})
	}
}

// Each storm of a hostile client ends at a quota, with an answer that says so.
func TestStormsAreRefused(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	_, key := limitedTenant(t, c, "lkc-aaaaaa", orrery.Quotas{PartitionChangesPerFiveMinutes: 4, ProducerIDsPerHour: 6})
	l := authenticated(t, c, key)
	create := func(topic string, version int16) (code int16, throttle int32) {
		request := kmsg.NewPtrCreateTopicsRequest()
		request.Version, request.TimeoutMillis = version, 5000
		one := kmsg.NewCreateTopicsRequestTopic()
		one.Topic, one.NumPartitions, one.ReplicationFactor = topic, 5, -1
		request.Topics = append(request.Topics, one)
		response := l.ask(request).(*kmsg.CreateTopicsResponse)
		return response.Topics[0].ErrorCode, response.ThrottleMillis
	}
	if code, _ := create("a", 7); code != 0 {
		t.Fatal(kerr.ErrorForCode(code))
	}
	for version, want := range map[int16]*kerr.Error{7: kerr.ThrottlingQuotaExceeded, 5: kerr.RequestTimedOut} {
		if code, throttle := create("b", version); code != want.Code || throttle < 1 {
			t.Errorf("CreateTopics version %d: %v, throttled for %d ms", version, kerr.ErrorForCode(code), throttle)
		}
	}
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.Version, remove.TimeoutMillis = 6, 5000
	one := kmsg.NewDeleteTopicsRequestTopic()
	one.Topic = kmsg.StringPtr("a")
	remove.Topics = append(remove.Topics, one)
	if response := l.ask(remove).(*kmsg.DeleteTopicsResponse); response.Topics[0].ErrorCode != kerr.ThrottlingQuotaExceeded.Code || response.ThrottleMillis < 1 {
		t.Errorf("DeleteTopics: %+v", response)
	}
	grow := kmsg.NewPtrCreatePartitionsRequest()
	grow.Version, grow.TimeoutMillis = 3, 5000
	more := kmsg.NewCreatePartitionsRequestTopic()
	more.Topic, more.Count = "a", 6
	grow.Topics = append(grow.Topics, more)
	if response := l.ask(grow).(*kmsg.CreatePartitionsResponse); response.Topics[0].ErrorCode != kerr.ThrottlingQuotaExceeded.Code {
		t.Errorf("CreatePartitions: %+v", response)
	}
	for given := 0; ; given++ {
		response := l.ask(initProducer(nil)).(*kmsg.InitProducerIDResponse)
		if response.ErrorCode != 0 {
			if response.ErrorCode != kerr.CoordinatorLoadInProgress.Code || response.ThrottleMillis < 1 {
				t.Errorf("InitProducerId: %+v", response)
			}
			break
		}
		if given > 3 {
			t.Fatal("new producer ids without end")
		}
	}
}

func TestRequestsAndConnectionsAreLimited(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	_, key := limitedTenant(t, c, "lkc-aaaaaa", orrery.Quotas{RequestsPerSecond: 10, Connections: 2})
	one, two := authenticated(t, c, key), authenticated(t, c, key)
	for _, r := range []*rawClient{one, two} { // it counts from when the gateway goes on to read, after it has told that it is logged in
		r.ask(kmsg.NewPtrMetadataRequest())
	}
	three := authenticated(t, c, key)
	three.expectClosed()
	began, told := time.Now(), int32(0)
	const storm = 20
	for range storm {
		request := kmsg.NewPtrMetadataRequest()
		request.Version = 9
		told = max(told, one.ask(request).(*kmsg.MetadataResponse).ThrottleMillis)
	}
	if took := time.Since(began); took < time.Second || told < 1 { // (20 - 5) / 10 a second, without what came before
		t.Errorf("%d requests in %s, told to wait for %d ms", storm, took, told)
	}
	one.conn.Close()
	poll.Until(t, "the place of a connection that has ended", func() bool { // free once the gateway has seen it go
		four := authenticated(t, c, key)
		metadata := kmsg.NewRequestFormatter().AppendRequest(nil, kmsg.NewPtrMetadataRequest(), 9)
		if _, err := four.conn.Write(metadata); err != nil {
			return false
		}
		n, _ := four.conn.Read(make([]byte, 1))
		return n == 1
	})
}
