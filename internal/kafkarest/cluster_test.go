package kafkarest_test

import (
	"strings"
	"testing"
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
