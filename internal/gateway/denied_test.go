package gateway_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
)

// A key that is not offered is refused in its own response, and the connection goes on.
func TestDeniedKeys(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	raw := authenticated(t, c, r.key)
	elect := kmsg.NewPtrElectLeadersRequest()
	elect.Version, elect.Topics = 2, []kmsg.ElectLeadersRequestTopic{{Topic: "orders", Partitions: []int32{0}}}
	if got := raw.ask(elect).(*kmsg.ElectLeadersResponse); got.ErrorCode != kerr.UnsupportedVersion.Code || len(got.Topics) != 0 {
		t.Errorf("ElectLeaders: %+v", got)
	}
	tokens := kmsg.NewPtrDescribeDelegationTokenRequest()
	tokens.Version = 3
	if got := raw.ask(tokens).(*kmsg.DescribeDelegationTokenResponse); got.ErrorCode != kerr.UnsupportedVersion.Code {
		t.Errorf("DescribeDelegationToken: %+v", got)
	}
	credentials := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	if got := raw.ask(credentials).(*kmsg.DescribeUserSCRAMCredentialsResponse); got.ErrorCode != kerr.UnsupportedVersion.Code || got.ErrorMessage == nil {
		t.Errorf("DescribeUserScramCredentials: %+v", got)
	}
	unregister := kmsg.NewPtrUnregisterControllerRequest()
	if got := raw.ask(unregister).(*kmsg.UnregisterControllerResponse); got.ErrorCode != kerr.UnsupportedVersion.Code {
		t.Errorf("UnregisterController: %+v", got)
	}
	if got := raw.ask(kmsg.NewPtrListGroupsRequest()).(*kmsg.ListGroupsResponse); got.ErrorCode != 0 {
		t.Errorf("what is offered, after that: %+v", got)
	}
	// Version 0 has no error of its own, nobody knows version 99, and who has not logged in is told nothing.
	for version, r := range map[int16]*rawClient{0: raw, 99: authenticated(t, c, r.key), 2: dialRaw(t, c)} {
		elect.Version = version
		r.send(elect)
		r.expectClosed()
	}
}

func TestTelemetry(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := gatewaytest.Start(t, gatewaytest.Options{Registerer: registry})
	r := residents(t, c, "lkc-aaaaaa")[0]
	raw := authenticated(t, c, r.nobody().key)
	ask := kmsg.NewPtrGetTelemetrySubscriptionsRequest()
	first := raw.ask(ask).(*kmsg.GetTelemetrySubscriptionsResponse)
	if first.ErrorCode != 0 || first.ClientInstanceID == ([16]byte{}) || len(first.RequestedMetrics) != 0 || first.PushIntervalMillis < 60_000 {
		t.Errorf("a first client: %+v", first)
	}
	if second := raw.ask(ask).(*kmsg.GetTelemetrySubscriptionsResponse); second.ClientInstanceID == first.ClientInstanceID {
		t.Errorf("two clients are given the id %x", second.ClientInstanceID)
	}
	ask.ClientInstanceID = first.ClientInstanceID
	if again := raw.ask(ask).(*kmsg.GetTelemetrySubscriptionsResponse); again.ClientInstanceID != first.ClientInstanceID || again.SubscriptionID != first.SubscriptionID {
		t.Errorf("the client again: %+v", again)
	}
	for _, test := range []struct {
		change func(*kmsg.PushTelemetryRequest)
		want   int16
	}{
		{func(*kmsg.PushTelemetryRequest) {}, 0},
		{func(p *kmsg.PushTelemetryRequest) { p.Terminating = true }, 0},
		{func(p *kmsg.PushTelemetryRequest) { p.ClientInstanceID = [16]byte{} }, kerr.InvalidRequest.Code},
		{func(p *kmsg.PushTelemetryRequest) { p.SubscriptionID++ }, kerr.UnknownSubscriptionID.Code},
		{func(p *kmsg.PushTelemetryRequest) { p.CompressionType = 9 }, kerr.UnsupportedCompressionType.Code},
		{func(p *kmsg.PushTelemetryRequest) { p.Metrics = make([]byte, first.TelemetryMaxBytes+1) }, kerr.TelemetryTooLarge.Code},
	} {
		push := kmsg.NewPtrPushTelemetryRequest()
		push.ClientInstanceID, push.SubscriptionID, push.CompressionType = first.ClientInstanceID, first.SubscriptionID, 1
		push.Metrics = []byte("no gzip at all")
		test.change(push)
		if got := raw.ask(push).(*kmsg.PushTelemetryResponse); got.ErrorCode != test.want {
			t.Errorf("%+v, want error %d", got, test.want)
		}
	}
	for name, want := range map[string]float64{"orrery_gateway_telemetry_pushes_total": 2, "orrery_gateway_telemetry_bytes_total": 28} {
		if got := gathered(t, registry, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// gathered is the value of a metric without labels.
func gathered(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name && len(family.GetMetric()) == 1 {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func TestFindShareCoordinator(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 2})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	for _, r := range both {
		r.createTopic("orders", 1)
	}
	key := func(group string, id [16]byte) string {
		return group + ":" + base64.RawURLEncoding.EncodeToString(id[:]) + ":0"
	}
	own, stolen := both[0].topicID("orders"), both[1].topicID("orders")
	request := kmsg.NewPtrFindCoordinatorRequest()
	request.Version, request.CoordinatorType = 6, 2
	request.CoordinatorKeys = []string{key("my:group", own), key("workers", stolen), "workers", "workers:x:0", key("", own), key("workers", own) + "x"}
	want := map[string]*kerr.Error{
		request.CoordinatorKeys[0]: nil, request.CoordinatorKeys[1]: kerr.UnknownTopicID, "workers": kerr.InvalidRequest,
		"workers:x:0": kerr.InvalidRequest, request.CoordinatorKeys[4]: kerr.InvalidGroupID, request.CoordinatorKeys[5]: kerr.InvalidRequest,
	}
	if c.Kafka.Engine == kafkatest.Apache {
		want[request.CoordinatorKeys[0]] = kerr.ClusterAuthorizationFailed // it is for brokers
	}
	response := authenticated(t, c, both[0].key).ask(request).(*kmsg.FindCoordinatorResponse)
	if len(response.Coordinators) != len(want) {
		t.Fatalf("%+v", response)
	}
	for _, got := range response.Coordinators {
		expected, asked := want[got.Key]
		if !asked || kerr.TypedErrorForCode(got.ErrorCode) != expected || expected == nil && got.Host != "127.0.0.1" ||
			got.ErrorMessage != nil && strings.Contains(*got.ErrorMessage, "lkc-") {
			t.Errorf("%+v, want %v", got, expected)
		}
	}
}
