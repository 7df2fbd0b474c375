package gateway

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// otherTenants is the label of the tenants that have no metrics of their own.
const otherTenants = "other"

// tenantMetrics shows what tenants use. There are at most maxTenantSeries tenants and otherTenants, each with only
// the APIs that it asked for; a client cannot make a label.
type tenantMetrics struct {
	uses *tenantUses
	// present reports whether a tenant exists.
	present func(logicalClusterID string) bool

	requestBytes, responseBytes, requests, errors, throttled, connections, connected, duration *prometheus.Desc
}

func newTenantMetrics(uses *tenantUses) *tenantMetrics {
	describe := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc(metricPrefix+"tenant_"+name, help, append([]string{"logical_cluster"}, more...), nil)
	}
	return &tenantMetrics{
		uses: uses, present: func(string) bool { return true },
		requestBytes:  describe("request_bytes_total", "Bytes of requests, by tenant."),
		responseBytes: describe("response_bytes_total", "Bytes of responses, by tenant."),
		requests:      describe("requests_total", "Requests, by tenant and API.", "api"),
		errors:        describe("errors_total", "Responses with an error, by tenant and class of the first error.", "class"),
		throttled:     describe("throttle_seconds_total", "How long clients were held back and told to wait, by tenant and quota: a dimension of the tenant's, or the key of a client quota.", "quota"),
		connections:   describe("connections", "Client connections that are open, by tenant."),
		connected:     describe("connection_seconds_total", "How long client connections were open, by tenant."),
		duration:      describe("request_duration_seconds", "Time from a request's last byte to its response's, by tenant and class: produce, fetch, other.", "class"),
	}
}

// Describe implements prometheus.Collector.
func (m *tenantMetrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.requestBytes, m.responseBytes, m.requests, m.errors, m.throttled, m.connections, m.connected, m.duration} {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector.
func (m *tenantMetrics) Collect(all chan<- prometheus.Metric) {
	m.uses.forget(m.present)
	named, others := m.uses.read()
	for id, u := range named {
		m.collect(all, id, u)
	}
	m.collect(all, otherTenants, others)
}

func (m *tenantMetrics) collect(all chan<- prometheus.Metric, tenant string, u useCounts) {
	counter := func(d *prometheus.Desc, value float64, more ...string) {
		all <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, append([]string{tenant}, more...)...)
	}
	counter(m.requestBytes, float64(u.requestBytes))
	counter(m.responseBytes, float64(u.responseBytes))
	counter(m.connected, u.connected.Seconds())
	all <- prometheus.MustNewConstMetric(m.connections, prometheus.GaugeValue, float64(u.connections), tenant)
	for class, l := range u.latency {
		if h := l.metric(m.duration, tenant, latencyClass(class).String()); h != nil {
			all <- h
		}
	}
	for i, n := range u.requests {
		if n > 0 {
			counter(m.requests, float64(n), apiLabel(int16(i-1)))
		}
	}
	for cause, wait := range u.throttled {
		if wait > 0 {
			counter(m.throttled, wait.Seconds(), throttleCause(cause).String())
		}
	}
	for class, n := range u.errors {
		if n > 0 {
			counter(m.errors, float64(n), errorClass(class).String())
		}
	}
}

// apiLabel names an API key; deniedKey is every one that is not offered.
func apiLabel(key int16) string {
	if key == deniedKey {
		return deniedLabel
	}
	return kmsg.NameForKey(key)
}
