package gateway

import (
	"maps"
	"testing"
	"time"
)

// The times are made up: what counts is their order.
func TestTopicChanges(t *testing.T) {
	var c topicChanges
	const tenant = "lkc-aaaaaa"
	start := time.Unix(1000, 0)
	c.add(tenant, "made", 3, start)
	c.add(tenant, "grown", 6, start)
	c.add(tenant, "gone", 4, start)
	c.add(tenant, "gone", 0, start)
	c.add("lkc-bbbbbb", "another's", 9, start)
	for _, test := range []struct {
		name       string
		at         time.Time
		says, want map[string]int32
	}{
		{"a broker that knows nothing of it", start.Add(time.Second), map[string]int32{"grown": 2, "gone": 4}, map[string]int32{"made": 3, "grown": 6}},
		{"a broker that knows more", start.Add(time.Second), map[string]int32{"made": 3, "grown": 8}, map[string]int32{"made": 3, "grown": 8}},
		{"later", start.Add(metadataLag), map[string]int32{"gone": 1}, map[string]int32{"gone": 1}},
	} {
		c.complete(tenant, test.says, test.at)
		if !maps.Equal(test.says, test.want) {
			t.Errorf("%s: %v, want %v", test.name, test.says, test.want)
		}
	}
	if len(c.byTenant) != 0 {
		t.Errorf("%v is kept", c.byTenant)
	}
}
