package kafkarest_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery/internal/gateway"
)

// A key of a cluster need not say which cluster it is about.
func TestListClusters(t *testing.T) {
	p := start(t)
	for owner, lkc := range map[key]string{keyA: lkcA, keyB: lkcB, keyNoRight: lkcA} {
		listed := p.do(owner, "GET", "/clusters", "", 200)
		data, _ := listed["data"].([]any)
		if listed["kind"] != "KafkaClusterList" || len(data) != 1 {
			t.Fatalf("%s lists %v", owner.id, listed)
		}
		one, _ := data[0].(map[string]any)
		self, _ := one["metadata"].(map[string]any)["self"].(string)
		if one["cluster_id"] != lkc || !strings.HasSuffix(self, "/kafka/v3/clusters/"+lkc) {
			t.Errorf("%s lists %v", owner.id, one)
		}
	}
	p.refused(key{keyA.id, "wrong"}, "GET", "/clusters", "", 401, 40101, "secret is wrong")
	p.refused(keyA, "GET", "/clusters/", "", 404, 404, "no such resource")
}

// Who guesses secrets is not let guess on, and is told when to come back.
func TestFailedLogins(t *testing.T) {
	p := startWith(t, func(c *gateway.Config) {
		c.ExemptAddresses, c.Limits.AddressFailures = []netip.Prefix{}, 3
	})
	p.refused(key{keyA.id, "wrong"}, "GET", "/clusters", "", 401, 40101, "secret is wrong")
	for range 100 { // a third of a failure comes back each second
		request, err := http.NewRequest("GET", p.server.URL+"/kafka/v3/clusters", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth(keyA.id, "wrong")
		response, err := p.server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode == 429 {
			if response.Header.Get("Retry-After") == "" {
				t.Error("nothing says when to try again")
			}
			return
		}
	}
	t.Error("it was let guess 100 times")
}
