package gateway_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/quota"
)

// clientQuota is one value for an entity of one part; a name of everyone is the default.
type clientQuota struct {
	kind, name, key string
	value           float64
	remove          bool
}

const everyone = "<default>"

func quotaOf(kind, name, key string, value float64) clientQuota {
	return clientQuota{kind, name, key, value, false}
}

// alterationOf makes a request with an entity for each quota.
func alterationOf(validateOnly bool, quotas ...clientQuota) *kmsg.AlterClientQuotasRequest {
	request := kmsg.NewPtrAlterClientQuotasRequest()
	request.ValidateOnly = validateOnly
	for _, q := range quotas {
		entry, part, operation := kmsg.NewAlterClientQuotasRequestEntry(), kmsg.NewAlterClientQuotasRequestEntryEntity(), kmsg.NewAlterClientQuotasRequestEntryOp()
		if part.Type = q.kind; q.name != everyone {
			part.Name = &q.name
		}
		operation.Key, operation.Value, operation.Remove = q.key, q.value, q.remove
		entry.Entity, entry.Ops = append(entry.Entity, part), append(entry.Ops, operation)
		request.Entries = append(request.Entries, entry)
	}
	return request
}

// alterQuotas returns the error of each entity.
func alterQuotas(t testing.TB, client kmsg.Requestor, request *kmsg.AlterClientQuotasRequest) []error {
	t.Helper()
	response, err := request.RequestWith(testContext(t), client)
	if err != nil {
		t.Fatal(err)
	}
	if len(response.Entries) != len(request.Entries) {
		t.Fatalf("%d results of %d entities", len(response.Entries), len(request.Entries))
	}
	errs := make([]error, len(response.Entries))
	for i, e := range response.Entries {
		if errs[i] = kerr.ErrorForCode(e.ErrorCode); errs[i] != nil {
			errs[i] = fmt.Errorf("%w: %s", errs[i], *e.ErrorMessage)
		}
		if len(e.Entity) > 0 && e.Entity[0].Type != request.Entries[i].Entity[0].Type {
			t.Errorf("the result of %+v is of %+v", request.Entries[i].Entity, e.Entity)
		}
	}
	return errs
}

func mustAlterQuotas(t testing.TB, client kmsg.Requestor, quotas ...clientQuota) {
	t.Helper()
	if err := errors.Join(alterQuotas(t, client, alterationOf(false, quotas...))...); err != nil {
		t.Fatal(err)
	}
}

// describeQuotas returns a line for each value, sorted, or one that is the error.
func describeQuotas(t testing.TB, client kmsg.Requestor, request *kmsg.DescribeClientQuotasRequest) (lines []string) {
	t.Helper()
	response, err := request.RequestWith(testContext(t), client)
	if err != nil {
		t.Fatal(err)
	}
	return quotaLines(response)
}

func quotaLines(response *kmsg.DescribeClientQuotasResponse) (lines []string) {
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return []string{err.Error()}
	}
	for _, e := range response.Entries {
		var entity []string
		for _, part := range e.Entity {
			name := everyone
			if part.Name != nil {
				name = *part.Name
			}
			entity = append(entity, part.Type+"="+name)
		}
		for _, v := range e.Values {
			lines = append(lines, fmt.Sprintf("%s %s=%v", strings.Join(entity, ","), v.Key, v.Value))
		}
	}
	slices.Sort(lines)
	return lines
}

// A tenant's quotas are set and described with an ordinary client, in each version; another tenant has none of them.
func TestClientQuotas(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	admin, other := both[0].admin(), both[1].client()
	ctx := testContext(t)
	alter := func(dry bool, entries ...kadm.AlterClientQuotaEntry) kadm.AlteredClientQuotas {
		t.Helper()
		change := admin.AlterClientQuotas
		if dry {
			change = admin.ValidateAlterClientQuotas
		}
		altered, err := change(ctx, entries)
		if err != nil || len(altered) != len(entries) {
			t.Fatalf("%+v, %v", altered, err)
		}
		return altered
	}
	user, client := "sa-guest", "reader"
	pair := kadm.ClientQuotaEntity{{Type: "user", Name: &user}, {Type: "client-id", Name: &client}}
	everybody := kadm.ClientQuotaEntity{{Type: "user"}}
	rate := kadm.AlterClientQuotaOp{Key: quota.ProducerByteRate, Value: 1e6}
	for _, a := range alter(false, kadm.AlterClientQuotaEntry{Entity: pair, Ops: []kadm.AlterClientQuotaOp{rate, {Key: quota.RequestPercentage, Value: 12.5}}},
		kadm.AlterClientQuotaEntry{Entity: everybody, Ops: []kadm.AlterClientQuotaOp{rate}},
		kadm.AlterClientQuotaEntry{Entity: everybody, Ops: []kadm.AlterClientQuotaOp{{Key: quota.ConsumerByteRate, Value: 2e6}}}) {
		if a.Err != nil {
			t.Error(a.Err, a.ErrMessage)
		}
	}
	all := []string{"user=<default> consumer_byte_rate=2e+06", "user=<default> producer_byte_rate=1e+06",
		"user=sa-guest,client-id=reader producer_byte_rate=1e+06", "user=sa-guest,client-id=reader request_percentage=12.5"}
	if got := describeQuotas(t, both[0].client(), kmsg.NewPtrDescribeClientQuotasRequest()); !slices.Equal(got, all) {
		t.Errorf("there are %q", got)
	}
	if got := describeQuotas(t, other, kmsg.NewPtrDescribeClientQuotasRequest()); len(got) != 0 {
		t.Errorf("another tenant has %q", got)
	}
	exact, err := admin.DescribeClientQuotas(ctx, true, []kadm.DescribeClientQuotaComponent{{Type: "user", MatchType: kmsg.QuotasMatchTypeDefault}})
	if err != nil || len(exact) != 1 || len(exact[0].Values) != 2 {
		t.Errorf("the default of users is %+v, %v", exact, err)
	}
	alter(true, kadm.AlterClientQuotaEntry{Entity: everybody, Ops: []kadm.AlterClientQuotaOp{{Key: quota.ProducerByteRate, Value: 5}}})
	mixed := alter(false, kadm.AlterClientQuotaEntry{Entity: pair, Ops: []kadm.AlterClientQuotaOp{{Key: quota.ProducerByteRate, Remove: true}, {Key: "nonsense", Remove: true}}},
		kadm.AlterClientQuotaEntry{Entity: everybody, Ops: []kadm.AlterClientQuotaOp{{Key: quota.ProducerByteRate, Remove: true}, {Key: quota.ConsumerByteRate, Value: -1}}})
	if mixed[0].Err != nil || !errors.Is(mixed[1].Err, kerr.InvalidRequest) || !strings.Contains(mixed[1].ErrMessage, "greater than 0") {
		t.Errorf("one good and one bad: %+v", mixed)
	}
	all = slices.Delete(all, 2, 3)
	if got := describeQuotas(t, both[0].client(), kmsg.NewPtrDescribeClientQuotasRequest()); !slices.Equal(got, all) {
		t.Errorf("after the removal of one, a dry run and a mistake there are %q", got)
	}
}

// What is refused is refused one by one, as Kafka does, and says why.
func TestClientQuotaRefusals(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	admin, nobody := r.client(), r.nobody().client()
	good := quotaOf("user", "sa-guest", quota.ProducerByteRate, 1)
	if got := describeQuotas(t, nobody, kmsg.NewPtrDescribeClientQuotasRequest()); len(got) != 1 || !strings.HasPrefix(got[0], "CLUSTER_AUTHORIZATION_FAILED") {
		t.Errorf("nobody describes: %q", got)
	}
	for _, err := range alterQuotas(t, nobody, alterationOf(false, good, good)) {
		if !errors.Is(err, kerr.ClusterAuthorizationFailed) {
			t.Errorf("nobody alters: %v", err)
		}
	}
	bad := []struct {
		quota clientQuota
		why   string
	}{
		{quotaOf("user", "User:sa-guest", quota.ProducerByteRate, 1), `without "User:"`},
		{quotaOf("ip", "10.0.0.1", "connection_creation_rate", 1), "set by the service"},
		{quotaOf("group", "a", quota.ProducerByteRate, 1), "entity type"},
		{quotaOf("user", "sa-guest", "nonsense", 1), "Invalid configuration key"},
		{quotaOf("user", "sa-guest", quota.ProducerByteRate, 0), "greater than 0"},
		{quotaOf("user", "sa-guest", quota.ProducerByteRate, 0.5), "whole number"},
		{quotaOf("client-id", strings.Repeat("x", 256), quota.ProducerByteRate, 1), "at most 255 bytes"},
	}
	quotas := []clientQuota{good}
	for _, b := range bad {
		quotas = append(quotas, b.quota)
	}
	for i, err := range alterQuotas(t, admin, alterationOf(false, quotas...)) {
		if i == 0 && err != nil || i > 0 && (!errors.Is(err, kerr.InvalidRequest) || !strings.Contains(err.Error(), bad[i-1].why)) {
			t.Errorf("%+v: %v", quotas[i], err)
		}
	}
	group := kmsg.NewPtrDescribeClientQuotasRequest()
	group.Components = []kmsg.DescribeClientQuotasRequestComponent{{EntityType: "group", MatchType: kmsg.QuotasMatchTypeAny}}
	if got := describeQuotas(t, admin, group); !strings.HasPrefix(got[0], "UNSUPPORTED_VERSION") {
		t.Errorf("a filter for groups: %q", got)
	}
	var many []clientQuota
	for i := range quota.MaxClientQuotas {
		many = append(many, quotaOf("user", fmt.Sprint("sa-", i), quota.ProducerByteRate, 1))
	}
	for _, refused := range [][]clientQuota{many, append(many, good)} { // one is there already
		for _, err := range alterQuotas(t, admin, alterationOf(false, refused...)) {
			if !errors.Is(err, kerr.PolicyViolation) || !strings.Contains(err.Error(), "at most 1000") {
				t.Fatalf("one too many: %v", err)
			}
		}
	}
	mustAlterQuotas(t, admin, many[1:]...)
	if got := describeQuotas(t, admin, kmsg.NewPtrDescribeClientQuotasRequest()); len(got) != quota.MaxClientQuotas {
		t.Errorf("there are %d quotas", len(got))
	}
	mustAlterQuotas(t, admin, quotaOf("user", "sa-guest", quota.ConsumerByteRate, 1)) // of one that has some
}

// Every gateway learns of each change, however many are made at once; one that starts knows them all before it takes a
// client; and quotas of another key of the same entity are never overwritten.
func TestClientQuotasOnEveryGateway(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3})
	r := residents(t, c, "lkc-aaaaaa")[0]
	admin := r.client()
	if err := admin.Ping(testContext(t)); err != nil { // the brokers are known then
		t.Fatal(err)
	}
	keys := []string{quota.ProducerByteRate, quota.ConsumerByteRate, quota.RequestPercentage}
	made := make(chan error)
	var all []string
	for node := range int32(3) {
		for i := range 10 {
			q := quotaOf("user", fmt.Sprint("sa-", i), keys[node], float64(1000+i))
			all = append(all, fmt.Sprintf("user=%s %s=%v", q.name, q.key, q.value))
			go func() {
				response, err := alterationOf(false, q).RequestWith(context.Background(), admin.Broker(int(node)))
				if err == nil {
					err = kerr.ErrorForCode(response.Entries[0].ErrorCode)
				}
				made <- err
			}()
		}
	}
	for range all {
		if err := <-made; err != nil {
			t.Error(err)
		}
	}
	slices.Sort(all)
	for node := range 3 {
		eventually(t, func() string {
			if got := describeQuotas(t, admin.Broker(node), kmsg.NewPtrDescribeClientQuotasRequest()); !slices.Equal(got, all) {
				return fmt.Sprintf("gateway %d knows %d of %d quotas", node, len(got), len(all))
			}
			return ""
		})
	}
	describe := kmsg.NewPtrDescribeClientQuotasRequest()
	if got := quotaLines(askAtStart(t, c, r, describe).(*kmsg.DescribeClientQuotasResponse)); !slices.Equal(got, all) {
		t.Errorf("a gateway that has just started knows %q", got)
	}
}

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
	for i, w := range writers {
		writing.Go(func() { wrote[i] = writeFor(t, w, "orders", window) })
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

// Kafka's own command sets and shows client quotas.
func TestKafkaConfigs(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no Java")
	}
	gatewaytest.EmbeddedOnly(t, "client quotas end in the gateway")
	kafka, err := engine.Install(testContext(t), engine.Config{CacheDir: os.Getenv("ORRERY_ENGINE_CACHE"), Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	chain := c.ServerTLS.Certificates[0].Certificate
	properties := filepath.Join(t.TempDir(), "client.properties")
	text := strings.Join([]string{"security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", "ssl.truststore.type=PEM",
		"ssl.truststore.certificates=" + strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chain[len(chain)-1]})), "\n", " \\\n"), "",
		fmt.Sprintf("sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=%q password=%q;", r.key.ID, r.key.Secret)}, "\n")
	if err := os.WriteFile(properties, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	configs := func(arguments ...string) string {
		t.Helper()
		arguments = append([]string{"--bootstrap-server", c.Endpoints.Bootstrap, "--command-config", properties}, arguments...)
		command := exec.CommandContext(testContext(t), kafka.Java, kafka.Arguments(engine.JVM{FirstTierOnly: true, LogLevel: "OFF"}, "kafka.admin.ConfigCommand", arguments...)...)
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", arguments, err, output)
		}
		return string(output)
	}
	both := []string{"--entity-type", "users", "--entity-name", "sa-guest", "--entity-type", "clients", "--entity-default"}
	if said := configs(append(both, "--alter", "--add-config", "producer_byte_rate=1000000,request_percentage=12.5")...); !strings.Contains(said, "Completed updating") {
		t.Errorf("it says %q", said)
	}
	if got := describeQuotas(t, r.client(), kmsg.NewPtrDescribeClientQuotasRequest()); len(got) != 2 || got[0] != "user=sa-guest,client-id=<default> producer_byte_rate=1e+06" {
		t.Errorf("there are %q", got)
	}
	if said := configs(append(both, "--describe")...); !strings.Contains(said, "user-principal 'sa-guest', the default client-id are") || !strings.Contains(said, "producer_byte_rate=1000000.0") || !strings.Contains(said, "request_percentage=12.5") {
		t.Errorf("it says %q", said)
	}
}
