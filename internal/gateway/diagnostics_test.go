package gateway_test

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// TestDiagnostics: who is connected, what was slow, why somebody is held back and what was refused is on the page, without
// a secret, and what a client chose is only text.
func TestDiagnostics(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	tenant, key := limitedTenant(t, c, "lkc-aaaaaa", orrery.Quotas{IngressBytesPerSecond: 100_000, RequestsPerSecond: 1000})
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	hostile := c.Client(key, kgo.ClientID("<script>alert(1)</script>"))
	stranger := c.Key(tenant, "lkc-aaaaaa", "sa-stranger")
	if err := mayProduce(t, c.Client(stranger, kgo.DisableIdempotentWrite()), "orders"); err == nil {
		t.Fatal("who has no rights writes")
	}
	r := authenticated(t, c, key)
	var d gateway.Diagnostics
	get := func(query, accept string) string {
		w, request := httptest.NewRecorder(), httptest.NewRequest("GET", "/"+query, nil)
		request.Header.Set("Accept", accept)
		c.Gateways[0].ServeDiagnostics(w, request)
		return w.Body.String()
	}
	large := produceRequest(9, 1, "orders", batch(strings.Repeat("x", 900_000), -1, false))
	eventually(t, func() string { // shares are decided each second
		if err := hostile.Ping(testContext(t)); err != nil {
			t.Fatal(err)
		}
		if tenants := c.Gateways[0].Diagnose().Tenants; len(tenants) != 1 || len(tenants[0].Shares) == 0 {
			return "it is not said how the tenant's shares were found"
		}
		return ""
	})
	eventually(t, func() string {
		r.ask(large) // its connection is muted for a second
		body := get("?format=json", "")
		d = gateway.Diagnostics{}
		if err := json.Unmarshal([]byte(body), &d); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{key.Secret, stranger.Secret} {
			if strings.Contains(body, secret) {
				t.Fatal("a secret is shown")
			}
		}
		muted := slices.ContainsFunc(d.Connections, func(s gateway.ConnectionState) bool {
			return s.MutedMillis > 0 && strings.Contains(s.MutedBy, "ingress") && s.RequestBytes > 900_000
		})
		named := slices.ContainsFunc(d.Connections, func(s gateway.ConnectionState) bool {
			return s.ClientID == "<script>alert(1)</script>" && s.Principal == "User:u-lkc-aaaaaa" && s.APIKeyID == key.ID && s.Address == "127.0.0.1" && s.LastAPI != ""
		})
		switch {
		case !d.Ready, !muted, !named, len(d.Slow) == 0:
			return "it is not ready, nobody is muted or named, or nothing slow: " + body
		case len(d.Tenants) != 1 || d.Tenants[0].ThrottledSeconds <= 0 || len(d.Tenants[0].Shares) == 0:
			return "the tenant is not held back, or it is not said how its shares were found: " + body
		case !slices.ContainsFunc(d.Refusals, func(e gateway.ClusterEntry) bool {
			return e.LogicalClusterID == "lkc-aaaaaa" && e.Principal == "User:sa-stranger" && e.Error == "TOPIC_AUTHORIZATION_FAILED"
		}):
			return "what was refused is missing: " + body
		}
		return ""
	})
	if got := get("", "application/json"); !strings.HasPrefix(got, "{") {
		t.Errorf("who accepts JSON gets %.100s", got)
	}
	page := get("", "text/html")
	for _, want := range []string{"<h1>Gateway 0 of " + gatewaytest.PhysicalClusterID, "&lt;script&gt;alert(1)", "User:u-lkc-aaaaaa", "TOPIC_AUTHORIZATION_FAILED", "ingress"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q: %s", want, page)
		}
	}
	if strings.Contains(page, "<script") {
		t.Error("a client's name is taken for markup")
	}
}
