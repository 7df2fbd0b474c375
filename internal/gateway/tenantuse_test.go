package gateway

import (
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// seriesOf sums a metric by its logical_cluster.
func seriesOf(t *testing.T, registry *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]float64{}
	for _, family := range families {
		if family.GetName() != metricPrefix+name {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "logical_cluster" {
					sums[label.GetValue()] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
				}
			}
		}
	}
	return sums
}

// TestTenantMetricsAreBounded: tenants beyond the bound are counted together; who is deleted or idle for long goes;
// and what the others share never goes down.
func TestTenantMetricsAreBounded(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	uses := newTenantUses(func() time.Time { return now }, newBudget(1), newBudget(1))
	registry := prometheus.NewRegistry()
	m, err := newMetrics(&Config{Registerer: registry, TLS: new(tls.Config)}, uses)
	if err != nil {
		t.Fatal(err)
	}
	deleted := map[string]bool{}
	m.tenants.present = func(id string) bool { return !deleted[id] }
	type open struct {
		use   *tenantUse
		since int64
	}
	connections := map[string]open{}
	const tenants = maxTenantSeries + 500
	for i := range tenants {
		id := fmt.Sprintf("lkc-%04d", i)
		use, since := uses.open(id)
		use.requestBytes.Add(10)
		connections[id] = open{use, since}
	}
	now = now.Add(time.Second)
	bytes := seriesOf(t, registry, "tenant_request_bytes_total")
	if len(bytes) != maxTenantSeries+1 || bytes["lkc-0000"] != 10 || bytes[otherTenants] != 5000 {
		t.Errorf("%d series; others have %g bytes", len(bytes), bytes[otherTenants])
	}
	if seconds := seriesOf(t, registry, "tenant_connection_seconds_total"); seconds["lkc-0000"] != 1 || seconds[otherTenants] != 500 {
		t.Errorf("connected for %g s, others %g s", seconds["lkc-0000"], seconds[otherTenants])
	}
	for id, c := range connections {
		uses.close(c.use, c.since)
		deleted[id] = id < "lkc-0100"
	}
	bytes = seriesOf(t, registry, "tenant_request_bytes_total")
	if _, there := bytes["lkc-0000"]; there || len(bytes) != maxTenantSeries-100+1 {
		t.Errorf("after 100 deletions there are %d series", len(bytes))
	}
	use, _ := uses.open("lkc-new")
	use.requestBytes.Add(7)
	if bytes = seriesOf(t, registry, "tenant_request_bytes_total"); bytes["lkc-new"] != 7 {
		t.Errorf("a new tenant has %g bytes where there is room again", bytes["lkc-new"])
	}
	now = now.Add(2 * tenantSeriesIdle)
	bytes = seriesOf(t, registry, "tenant_request_bytes_total")
	if len(bytes) != 2 || bytes["lkc-new"] != 7 || bytes[otherTenants] != 5000 || len(uses.known) != 1 {
		t.Errorf("after a long time %v is left, of %d tenants", bytes, len(uses.known))
	}
}
