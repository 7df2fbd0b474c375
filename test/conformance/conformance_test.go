package conformance

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

var out = flag.String("out", "", "the file to write the page about the whole suite to; default: none")

const (
	clusterID = "lkc-kgo000"
	// ownDialer is a test that brings a dialer, which kgo refuses together with TLS: with KGO_TEST_TLS it fails against
	// any broker. It goes through the gateway without TLS.
	ownDialer = "TestIssue769"
	// internalTopic is a topic that some tests want to see. Of a broker they see its own; a tenant sees nothing of that,
	// and gets one of that name.
	internalTopic = "__consumer_offsets"
)

// chosen is a test of each kind: groups of each protocol, transactions, share groups, patterns that the client or the
// broker resolves, large records, all versions. A chain of consumers, such as TestTxnEtl, cannot be cut down to some of
// its subtests: those that are left out would keep their places among the few that run at once.
var chosen = []string{
	"TestTxnEtl", "TestShareGroup", "TestShareGroupETL", "TestShareGroupOffsetsAdmin", "TestConsumeRegex", "TestConsumeRegexShareSkipsInternal",
	"Test848RegexBrokerResolves", "TestGroupSimple", "TestMaxVersions", "TestClient_Produce", "TestClient_ProduceLargeMessages",
	"TestIssueFetchLargerThanBrokerMaxReadBytes", "TestIssue648", "TestIssue769", "TestIssue865",
}

// TestChosen runs some of the suite with few records, on Apache Kafka.
func TestChosen(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no Java")
	}
	if os.Getenv("ORRERY_SOAK") != "" {
		t.Skip("ORRERY_SOAK: TestWhole runs all of them")
	}
	some := form{run: "^(" + strings.Join(chosen, "|") + ")$", records: 500, partitions: 5, timeout: 3 * time.Minute}
	t.Log(conform(t, build(t), kafkatest.Apache, 1, some))
}

// TestWhole runs the whole suite, on each engine.
func TestWhole(t *testing.T) {
	if os.Getenv("ORRERY_SOAK") == "" {
		t.Skip("minutes long: ORRERY_SOAK=1 runs it")
	}
	s := build(t)
	whole := form{records: 5000, timeout: 20 * time.Minute}
	var results []result
	for _, e := range []kafkatest.Engine{kafkatest.Apache, kafkatest.Embedded} {
		t.Run(string(e), func(t *testing.T) {
			r := conform(t, s, e, 3, whole)
			t.Log(r)
			results = append(results, r)
		})
	}
	if *out != "" && len(results) == 2 {
		if err := os.WriteFile(*out, []byte(page(t, s, whole, results)), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// conform runs the suite directly on an engine, and then through the gateways in front of it: the other way round,
// patterns would match the tenant's topics, which have longer names on the engine.
func conform(t *testing.T, s suite, e kafkatest.Engine, brokers int, f form) result {
	t.Helper()
	c := gatewaytest.Start(t, gatewaytest.Options{Engine: e, Brokers: brokers, Own: true})
	replicas, logs := "KGO_TEST_RF="+strconv.Itoa(brokers), t.ArtifactDir()
	r := result{engine: e, name: engineName(t, e), brokers: brokers}
	r.direct, r.unsteady = s.steady(t, target{"direct", []string{replicas, seeds(c.Kafka.Addresses(""))}}, f, logs)
	for _, test := range r.unsteady {
		t.Log("failed directly, and was run again: " + test)
	}
	key, secure, plain := admin(t, c, brokers), f, f
	secure.skip, plain.run = "^"+ownDialer+"$", "^"+ownDialer+"$"
	bound := c.Bind(key)
	certificate := fmt.Sprintf("KGO_TEST_TLS=ca:%s,cert:%s,key:%s", bound.Authority, bound.Certificate, bound.PrivateKey)
	r.through = s.on(t, target{"gateway", []string{replicas, seeds(bound.Seeds), certificate}}, secure, logs)
	if _, chosen := r.direct.outcomes[ownDialer]; chosen {
		r.through.add(s.on(t, target{"gateway-plaintext", []string{replicas, seeds(c.BindPlaintext(key))}}, plain, logs))
	}
	for _, problem := range compare(r.direct.outcomes, r.through.outcomes, expectedDifferences[e]) {
		t.Error(problem)
	}
	if r.direct.outcomes.count("pass") == 0 {
		t.Error("no test passed")
	}
	return r
}

// admin makes the tenant, of the type with the widest limits, and returns the key of somebody who may do everything.
func admin(t *testing.T, c *gatewaytest.Cluster, replicas int) gatewaytest.Key {
	t.Helper()
	tenant := c.Tenant(clusterID)
	tenant.Type, tenant.MaxPartitions, tenant.ReplicationFactor = orrery.TypeDedicated, 100_000, replicas
	tenant.Quotas.MessageBytes = 20 << 20 // what a Dedicated cluster may set; the tests want 10 MiB
	c.Put(tenancy.StateTenant, clusterID, tenant)
	key := c.Admin(tenant)
	if created, err := kadm.NewClient(c.Client(key)).CreateTopic(t.Context(), 1, -1, nil, internalTopic); err != nil {
		t.Fatal(err, created.ErrMessage)
	}
	return key
}

func seeds(addresses []string) string { return "KGO_SEEDS=" + strings.Join(addresses, ",") }

func engineName(t *testing.T, e kafkatest.Engine) string {
	t.Helper()
	if e == kafkatest.Apache {
		return "Apache Kafka " + engine.DefaultVersion
	}
	return "embedded (kfake " + command(t, "go", "list", "-m", "-f", "{{.Version}}", module+"/pkg/kfake") + ")"
}
