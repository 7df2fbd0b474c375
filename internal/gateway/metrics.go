package gateway

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what an operator of gateways watches. Labels have few values: never an address or a name that a client
// chose. Those by tenant are bounded, see tenantMetrics.
type metrics struct {
	registerer prometheus.Registerer

	connections    prometheus.Gauge
	accepted       prometheus.Counter
	refused        *prometheus.CounterVec // by reason: limit, plaintext, tls, authentication, protocol
	requests       *prometheus.CounterVec // by API
	duration       *prometheus.HistogramVec
	errors         *prometheus.CounterVec // by API and class
	tenants        *tenantMetrics
	certificates   *certificateMetrics
	requestBytes   prometheus.Counter
	responseBytes  prometheus.Counter
	applied        prometheus.Gauge
	malformed      prometheus.Counter
	leaseFailures  prometheus.Counter
	meterFailures  prometheus.Counter
	topicIDLookups prometheus.Counter
	panics         prometheus.Counter

	storageFree, storageReserve prometheus.Gauge
	storageRefused              prometheus.Counter

	producersRefused prometheus.Counter
	throttled        *prometheus.CounterVec // by quota

	telemetryPushes prometheus.Counter
	telemetryBytes  prometheus.Counter
}

const metricPrefix = "orrery_gateway_"

func newMetrics(config *Config, uses *tenantUses) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: metricPrefix + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: metricPrefix + name, Help: help})
	}
	m := &metrics{
		registerer:   config.Registerer,
		certificates: newCertificateMetrics(config),
		connections:  gauge("connections", "Client connections that are open."),
		accepted:     counter("connections_accepted_total", "Client connections that were accepted."),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricPrefix + "connections_refused_total",
			Help: "Client connections that the gateway closed, by reason."}, []string{"reason"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricPrefix + "requests_total",
			Help: "Requests by API."}, []string{"api"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: metricPrefix + "request_duration_seconds",
			Help:    "Time from a request's last byte to its response's, by API. A fetch that waits for records counts its wait.",
			Buckets: durationBuckets}, []string{"api"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricPrefix + "errors_total",
			Help: "Responses with an error, by API and class of the first error."}, []string{"api", "class"}),
		tenants:        newTenantMetrics(uses),
		requestBytes:   counter("request_bytes_total", "Bytes of requests."),
		responseBytes:  counter("response_bytes_total", "Bytes of responses."),
		applied:        gauge("state_applied_offset", "Offset after the last state record in force."),
		malformed:      counter("state_malformed_total", "State records that could not be understood."),
		leaseFailures:  counter("lease_failures_total", "Writes of the gateway's lease that failed."),
		meterFailures:  counter("usage_failures_total", "Writes of what tenants used that failed; what they had is in the next one."),
		topicIDLookups: counter("topic_id_lookups_total", "Topic ids that the gateway had to ask the broker about."),
		panics:         counter("panics_total", "Connections that were closed because of a fault of the gateway."),
	}
	m.telemetryPushes = counter("telemetry_pushes_total", "Pushes of clients' own metrics (KIP-714), which are dropped.")
	m.telemetryBytes = counter("telemetry_bytes_total", "Bytes of clients' own metrics as they were pushed, compressed or not.")
	m.throttled = prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricPrefix + "throttle_seconds_total",
		Help: "Time for which requests and connections were held back, or clients told to wait, by quota."}, []string{"quota"})
	m.storageFree = gauge("storage_free_bytes", "Room that the broker's disk has; 0 until it was looked at.")
	m.storageReserve = gauge("storage_reserve_bytes", "Room below which clients' records are refused.")
	m.storageRefused = counter("storage_refused_total", "Topics in Produce requests that were refused because the broker's disk is almost full.")
	m.producersRefused = counter("producer_ids_refused_total", "New producer ids that tenants had to wait for.")
	return m, m.register()
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.connections, m.accepted, m.refused, m.requests, m.duration, m.requestBytes,
		m.responseBytes, m.applied, m.malformed, m.leaseFailures, m.meterFailures, m.topicIDLookups, m.panics, m.telemetryPushes, m.telemetryBytes, m.producersRefused, m.storageFree, m.storageReserve, m.storageRefused, m.throttled, m.errors, m.tenants, m.certificates}
}

func (m *metrics) register() error {
	if m.registerer == nil {
		return nil
	}
	for i, c := range m.collectors() {
		if err := m.registerer.Register(c); err != nil {
			for _, registered := range m.collectors()[:i] {
				m.registerer.Unregister(registered)
			}
			return fmt.Errorf("registering the gateway's metrics: %w", err)
		}
	}
	return nil
}

// unregister makes room for the gateway that is started next at the same node.
func (m *metrics) unregister() {
	if m.registerer == nil {
		return
	}
	for _, c := range m.collectors() {
		m.registerer.Unregister(c)
	}
}
