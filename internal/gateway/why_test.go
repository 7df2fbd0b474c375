package gateway_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// whyOf asks as the owner of a key.
func whyOf(t testing.TB, c *gatewaytest.Cluster, key gatewaytest.Key) []gateway.Entry {
	t.Helper()
	identity, err := c.Gateways[0].Authenticate(netip.Addr{}, key.ID, key.Secret, "")
	if err != nil {
		t.Fatal(err)
	}
	why, err := c.Gateways[0].Why(testContext(t), gateway.Caller{Identity: identity})
	if err != nil {
		t.Fatal(err)
	}
	return why.Entries
}

// describes reports whether an entry has all of these texts.
func describes(e gateway.Entry, texts ...string) bool {
	all := fmt.Sprintf("%s %s %s principal=%s key=%s %s=%s op=%s rule=%s role=%s %s FIX %s", e.Kind, e.API, e.Error, e.Principal, e.APIKeyID,
		e.ResourceType, e.Resource, e.Operation, e.Rule, e.Role, e.Reason, e.Fix)
	return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(all, text) })
}

// TestWhy makes the mistakes that users make, and looks for each of them with its rule and what to do.
func TestWhy(t *testing.T) {
	log, logger := captureLog()
	lines, audit := captureLog()
	registry := prometheus.NewRegistry()
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger, Audit: audit, Registerer: registry})
	tenant := c.Tenant("lkc-aaaaaa")
	tenant.MaxPartitions = 3
	c.Put(tenancy.StateTenant, tenant.LogicalClusterID, tenant)
	admin, powerless, doomed := c.Admin(tenant), c.Key(tenant, tenant.LogicalClusterID, "sa-powerless"), c.Key(tenant, tenant.LogicalClusterID, "sa-doomed")
	malformed := c.Key(tenant, tenant.LogicalClusterID, "sa-malformed")
	ctx, client := testContext(t), c.Client(admin)
	manage := kadm.NewClient(client)
	if _, err := manage.CreateTopic(ctx, 2, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	produceOne(t, client, "orders", "x")
	noRetry := []kgo.Opt{kgo.RequestRetries(0), kgo.RecordRetries(0), kgo.DisableIdempotentWrite(), kgo.MaxVersions(kversion.V2_8_0())}
	nobody := c.Client(powerless, noRetry...)
	if err := nobody.ProduceSync(ctx, &kgo.Record{Topic: "orders"}).FirstErr(); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Fatalf("producing without rights: %v", err) // it is told so by Metadata already
	}
	produce := kmsg.NewPtrProduceRequest()
	produce.Acks, produce.Topics = -1, []kmsg.ProduceRequestTopic{{Topic: "orders", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: []byte{}}}}}
	for range 3 {
		if _, err := nobody.SeedBrokers()[0].Request(ctx, produce); err != nil {
			t.Fatal(err)
		}
	}
	beat := kmsg.NewPtrHeartbeatRequest()
	beat.Group, beat.MemberID = "readers", "m"
	if _, err := beat.RequestWith(ctx, nobody); !errors.Is(err, kerr.GroupAuthorizationFailed) { // of finding the coordinator
		t.Fatal(err)
	}
	if _, err := manage.CreateTopic(ctx, 2, 1, nil, "too-many"); !errors.Is(err, kerr.PolicyViolation) {
		t.Errorf("more partitions than allowed: %v", err)
	}
	if _, err := manage.CreateTopic(ctx, 1, 1, map[string]*string{"no.such": kadm.StringPtr("1")}, "wrong"); err == nil {
		t.Error("a configuration that does not exist was taken")
	}
	deny := kadm.NewACLs().Topics("orders").Deny("User:sa-powerless").DenyHosts().Operations(kadm.OpWrite)
	if results, err := manage.CreateACLs(ctx, deny.ResourcePatternType(kadm.ACLPatternLiteral)); err != nil || results[0].Err != nil {
		t.Fatal(err, results)
	}
	if results, err := manage.DeleteACLs(ctx, deny); err != nil || results[0].Err != nil || len(results[0].Deleted) != 1 {
		t.Fatal(err, results)
	}
	wrong := gatewaytest.Key{ID: admin.ID, Secret: "guessed-secret"}
	if err := c.Client(wrong, kgo.RequestRetries(0)).Ping(ctx); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("a wrong secret: %v", err)
	}
	wrong.ID = powerless.ID
	if err := with(t, c, scram.Auth{User: wrong.ID, Pass: wrong.Secret}.AsSha256Mechanism()).Ping(ctx); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("a wrong secret by SCRAM: %v", err)
	}
	unproved := dialRaw(t, c)
	unproved.handshake("SCRAM-SHA-256")
	unproved.authenticate("n,,n=" + malformed.ID + ",r=abc")
	unproved.authenticate("c=biws,r=abc,p=AAAA")
	expired := trust(t, c, tenant, "aaaaaa").token(map[string]any{"exp": time.Now().Unix() - 60})
	leaving := dialRaw(t, c) // as soon as it has read that its token does not hold
	leaving.handshake("OAUTHBEARER")
	leaving.authenticate(tokenMessage(expired, forPool(tenant.LogicalClusterID, "pool-aaaaaa")...))
	leaving.conn.Close()
	plain, err := net.Dial("tcp", c.Endpoints.Bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	fmt.Fprint(plain, "GET / HTTP/1.1\r\n\r\n")
	garbage := authenticated(t, c, admin)
	garbage.conn.Write([]byte{0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1})
	authenticated(t, c, doomed)
	c.Delete(tenancy.StateCredential, doomed.ID)
	wants := [][]string{
		{gateway.EntryDenied, "Produce", "TOPIC_AUTHORIZATION_FAILED", "User:sa-powerless", powerless.ID, "topic=orders", "op=WRITE", "role=DeveloperWrite", "FIX give User:sa-powerless the role DeveloperWrite"},
		{gateway.EntryDenied, "Metadata", "topic=orders", "op=DESCRIBE", "FIX to produce, give User:sa-powerless the role DeveloperWrite", "allows WRITE; to consume, give User:sa-powerless the role DeveloperRead", "allows READ"},
		{gateway.EntryDenied, "FindCoordinator", "GROUP_AUTHORIZATION_FAILED", "group=readers", "op=DESCRIBE", "role=DeveloperRead", "default-deny"},
		{gateway.EntryLimited, "CreateTopics", "POLICY_VIOLATION", "topic=too-many", "may have 3 partitions", "FIX change the request"},
		{gateway.EntryRefused, "CreateTopics", "INVALID_CONFIG", "topic=wrong", "no.such", "FIX correct the setting"},
		{gateway.EntryClosed, "authentication", admin.ID, "its secret is wrong", "FIX create a key"},
		{gateway.EntryClosed, "authentication", powerless.ID, "its secret is wrong", "FIX create a key"},
		{gateway.EntryClosed, "authentication", malformed.ID, "the SCRAM message is malformed", "FIX create a key"},
		{gateway.EntryClosed, "authentication", "the token", "expired", "FIX compare the token"},
		{gateway.EntryClosed, "protocol", "not Kafka's protocol", "FIX use a Kafka client"},
		{gateway.EntryClosed, "credential", doomed.ID, "deleted", "FIX create another key"},
	}
	for _, want := range wants {
		poll.Until(t, fmt.Sprintf("why to say %q", want), func() bool {
			return slices.ContainsFunc(whyOf(t, c, admin), func(e gateway.Entry) bool { return describes(e, want...) })
		})
	}
	for _, e := range whyOf(t, c, admin) {
		if e.Reason == "" || e.Fix == "" || e.Client == "" || e.Count == 0 || e.Kind == gateway.EntryDenied && e.API == "Produce" && e.Count != 3 {
			t.Errorf("an entry is not complete: %+v", e)
		}
	}
	for _, e := range whyOf(t, c, powerless) {
		if e.Principal != "User:sa-powerless" {
			t.Errorf("who has no rights sees what was refused to others: %+v", e)
		}
	}
	for _, want := range []string{"decision=allowed", "api=CreateTopics", "resource=orders", "decision=denied", "principal=User:sa-powerless", "rule=default-deny", "tenant=lkc-aaaaaa",
		`api=CreateACLs resource_type=acl resource="DENY WRITE on TOPIC orders to User:sa-powerless from *" operation=ALTER decision=allowed`,
		`api=DeleteACLs resource_type=acl resource="DENY WRITE on TOPIC orders to User:sa-powerless from *" operation=ALTER decision=allowed`} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("the audit log lacks %s:\n%s", want, lines)
		}
	}
	for _, secret := range []string{admin.Secret, powerless.Secret, doomed.Secret, "guessed-secret"} {
		if strings.Contains(lines.String()+log.String()+fmt.Sprint(whyOf(t, c, admin)), secret) {
			t.Error("a secret is in a log or in the journal")
		}
	}
	checkTenantMetrics(t, registry)
}

// checkTenantMetrics looks for what TestWhy's tenant did.
func checkTenantMetrics(t *testing.T, registry *prometheus.Registry) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := []string{family.GetName()}
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			fmt.Fprintln(&text, strings.Join(labels, " "), m.GetCounter().GetValue() > 0 || m.GetGauge().GetValue() > 0)
		}
	}
	for _, want := range []string{
		"orrery_gateway_tenant_request_bytes_total logical_cluster=lkc-aaaaaa true", "orrery_gateway_tenant_response_bytes_total logical_cluster=lkc-aaaaaa true",
		"orrery_gateway_tenant_requests_total api=Produce logical_cluster=lkc-aaaaaa true", "orrery_gateway_tenant_connections logical_cluster=lkc-aaaaaa true",
		"orrery_gateway_tenant_errors_total class=authorization logical_cluster=lkc-aaaaaa true", "orrery_gateway_errors_total api=Produce class=authorization true",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if t.Failed() {
		t.Log(text.String())
	}
}
