package gateway_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// TestPrincipals sees that a broker keeps the gateway's two principals within their ACLs. That the ACLs are enough is
// what every other test shows.
func TestPrincipals(t *testing.T) {
	gatewaytest.ApacheOnly(t, "the embedded engine is reached inside the process, without a login")
	c := gatewaytest.Start(t, gatewaytest.Options{})
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	users := gatewaytest.Users()
	tenants, control := c.Kafka.Client(t, users[0].Name), c.Kafka.Client(t, users[1].Name)
	for _, test := range []struct {
		who    *kgo.Client
		name   string
		topics map[string]error
	}{
		{tenants, users[0].Name, map[string]error{
			"lkc-aaaaaa_orders": nil, "_orrery_tenants": kerr.TopicAuthorizationFailed, "_orrery_gateways": kerr.TopicAuthorizationFailed, "_orrery_acls": kerr.TopicAuthorizationFailed,
		}},
		{control, users[1].Name, map[string]error{
			"lkc-aaaaaa_orders": kerr.TopicAuthorizationFailed, "_orrery_tenants": kerr.TopicAuthorizationFailed, "_orrery_acls": nil,
		}},
	} {
		for topic, want := range test.topics {
			if err := test.who.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr(); !errors.Is(err, want) {
				t.Errorf("%s writes to %s: %v, want %v", test.name, topic, err, want)
			}
		}
		created, err := kadm.NewClient(test.who).CreateTopics(testContext(t), 1, 1, nil, "elsewhere")
		if err = errors.Join(err, created.Error()); !errors.Is(err, kerr.TopicAuthorizationFailed) {
			t.Errorf("%s creates a topic of nobody's: %v", test.name, err)
		}
	}
	visible, err := kadm.NewClient(tenants).ListTopicsWithInternal(testContext(t))
	if err != nil || !slices.Equal(visible.Names(), []string{"lkc-aaaaaa_orders"}) {
		t.Errorf("the tenants' principal sees %v (%v)", visible.Names(), err)
	}
}
