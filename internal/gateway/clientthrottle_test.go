package gateway_test

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/quota"
)

// allOn lets everybody do everything with a topic.
func allOn(topic string) []authz.ACL {
	return []authz.ACL{topicACL("User:*", topic, authz.OperationAll, authz.PermissionAllow)}
}

// quickWriter sends as fast as it may, and counts what it is told.
func quickWriter(c *gatewaytest.Cluster, key gatewaytest.Key, told *throttles, clientID string) *kgo.Client {
	return c.Client(key, kgo.WithHooks(told), kgo.ClientID(clientID), kgo.MaxBufferedRecords(20), kgo.ProducerBatchCompression(kgo.NoCompression()))
}

// A principal with a quota of 1 MB/s is held to it, over all of its connections and client ids, and told why; another
// principal of the tenant is not, and neither is one of the same name in another tenant. What changes is in force on
// connections that are open when it is answered.
func TestClientQuotasAreHeld(t *testing.T) {
	if !soak() {
		gatewaytest.EmbeddedOnly(t, "it takes ten seconds; ORRERY_SOAK=1 runs it")
	}
	registry := prometheus.NewRegistry()
	c := gatewaytest.Start(t, gatewaytest.Options{Registerer: registry})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	for _, r := range both {
		r.createTopic("orders", 1)
		mustCreateACLs(t, r.client(), allOn("orders")...)
	}
	admin := both[0].client()
	slow := c.Key(both[0].tenant, "lkc-aaaaaa", "sa-slow")
	const rate = megabyte
	var told, free, neighbour throttles
	writers := []*kgo.Client{quickWriter(c, slow, &told, "one"), quickWriter(c, slow, &told, "two")}
	for _, w := range writers { // their connections are open
		produceOne(t, w, "orders", "x")
	}
	mustAlterQuotas(t, admin, quotaOf("user", "sa-slow", quota.ProducerByteRate, rate), quotaOf("user", "sa-slow", quota.ConsumerByteRate, rate))
	const window = 3 * time.Second
	var wrote [2]int64
	var writing sync.WaitGroup
	end := time.Now().Add(window) // for both, or what they write would be of a longer time
	for i, w := range writers {
		writing.Go(func() { wrote[i] = writeUntil(t, w, "orders", end) })
	}
	for _, other := range []*kgo.Client{
		quickWriter(c, c.Key(both[0].tenant, "lkc-aaaaaa", "sa-quick"), &free, "one"),
		quickWriter(c, c.Key(both[1].tenant, "lkc-bbbbbb", "sa-slow"), &neighbour, "one"),
	} {
		for range 200 {
			if err := other.ProduceSync(testContext(t), &kgo.Record{Topic: "orders", Value: bytes.Repeat([]byte{1}, 50_000)}).FirstErr(); err != nil {
				t.Error(err)
			}
		}
	}
	writing.Wait()
	got := wrote[0] + wrote[1]
	// The burst of half a second, and what each of two connections overdraws.
	if most := int64(rate*(window.Seconds()+0.5)) + 2*megabyte; got > most*101/100 || got == 0 || told.times.Load() == 0 {
		t.Errorf("%d bytes in %s with a quota of %d/s, throttled %d times", got, window, rate, told.times.Load())
	}
	if n, m := free.times.Load(), neighbour.times.Load(); n+m != 0 {
		t.Errorf("another principal was throttled %d times, one of the same name elsewhere %d times", n, m)
	}
	t.Logf("%d bytes in %s, throttled %d times", got, window, told.times.Load())
	var toldReader throttles
	reader := c.Client(slow, kgo.WithHooks(&toldReader), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	began, read := time.Now(), int64(0)
	for read < 3*rate {
		reader.PollFetches(testContext(t)).EachRecord(func(r *kgo.Record) { read += int64(len(r.Value)) })
	}
	// A response is delivered when it was charged, at most a second's worth.
	if most := int64(rate * (time.Since(began).Seconds() + 0.5 + 1)); read > most*101/100+50_000 || toldReader.times.Load() == 0 {
		t.Errorf("%d bytes read in %s with a quota of %d/s", read, time.Since(began), rate)
	}
	checkClientThrottles(t, c, both[0], registry)

	mustAlterQuotas(t, admin, clientQuota{"user", "sa-slow", quota.ProducerByteRate, 0, true})
	before := told.times.Load()
	for range 100 {
		if err := writers[0].ProduceSync(testContext(t), &kgo.Record{Topic: "orders", Value: bytes.Repeat([]byte{1}, 50_000)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if n := told.times.Load(); n != before {
		t.Errorf("without a quota, a connection that had one is throttled %d times", n-before)
	}
}

// checkClientThrottles looks for what TestClientQuotasAreHeld did in why and in the tenant's metrics.
func checkClientThrottles(t *testing.T, c *gatewaytest.Cluster, r *resident, registry *prometheus.Registry) {
	t.Helper()
	if !slices.ContainsFunc(whyOf(t, c, r.key), func(e gateway.Entry) bool {
		return describes(e, gateway.EntryThrottled, "principal=User:sa-slow", "rule=producer_byte_rate of user sa-slow", "producer_byte_rate=1000000 of user sa-slow",
			"FIX use less of it, or raise it: kafka-configs --alter --entity-type users --entity-name sa-slow --add-config producer_byte_rate=VALUE")
	}) {
		t.Errorf("why says nothing of the client quota: %+v", whyOf(t, c, r.key))
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "orrery_gateway_tenant_throttle_seconds_total" {
				seen[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetCounter().GetValue() > 0
			}
		}
	}
	if !seen["lkc-aaaaaa producer_byte_rate"] || !seen["lkc-aaaaaa consumer_byte_rate"] || len(seen) != 2 {
		t.Errorf("the throttle time by tenant and quota is %v", seen)
	}
}

// Who changes partitions faster than its controller_mutation_rate is told so (KIP-599); others of the tenant may.
func TestControllerMutationRate(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	admin := r.admin()
	ctx := testContext(t)
	mustAlterQuotas(t, r.client(), quotaOf("user", r.key.Credential.OwnerID, quota.ControllerMutationRate, 0.001))
	if _, err := admin.CreateTopic(ctx, 3, -1, nil, "burst"); err != nil { // which a rate may be exceeded by, once
		t.Fatal(err)
	}
	if _, err := admin.CreateTopic(ctx, 1, -1, nil, "more"); !errors.Is(err, kerr.ThrottlingQuotaExceeded) {
		t.Errorf("one more: %v", err)
	}
	if deleted, err := admin.DeleteTopics(ctx, "burst"); err != nil || !errors.Is(deleted["burst"].Err, kerr.ThrottlingQuotaExceeded) {
		t.Errorf("a deletion: %+v, %v", deleted, err)
	}
	mustCreateACLs(t, r.client(), allOn("more")...)
	colleague := kadm.NewClient(c.Client(c.Key(r.tenant, "lkc-aaaaaa", "sa-colleague")))
	if _, err := colleague.CreateTopic(ctx, 1, -1, nil, "more"); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}

// What a client gets in a minute is its quota within 2 %.
func TestClientQuotaIsHeldWithinTwoPercent(t *testing.T) {
	if !soak() {
		t.Skip("it takes a minute; ORRERY_SOAK=1 runs it")
	}
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	r.createTopic("orders", 1)
	const rate, window = 5 * megabyte, time.Minute
	mustAlterQuotas(t, r.client(), quotaOf("user", everyone, quota.ProducerByteRate, rate))
	writer := c.Client(r.key, kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(60_000),
		kgo.MaxBufferedBytes(8*megabyte), kgo.RecordDeliveryTimeout(time.Minute))
	got := float64(writeFor(t, writer, "orders", window)) / window.Seconds() / rate
	t.Logf("%.4f of the quota", got)
	if got < 0.98 || got > 1.02 {
		t.Errorf("%.4f of the quota", got)
	}
}
