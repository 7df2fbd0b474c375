package watch

import (
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orrery-kafka/orrery/internal/health"
)

// metrics are what an operator of brokers watches. Labels are ids and nodes of the platform's own.
type metrics struct {
	probes   *prometheus.CounterVec
	duration *prometheus.GaugeVec
	free     *prometheus.GaugeVec
	standing *prometheus.GaugeVec
}

// bootstrapLabel is the broker label of probes of the bootstrap address.
const bootstrapLabel = "bootstrap"

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		probes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "orrery_probes_total",
			Help: "Probes of brokers from outside, by how far they came: nothing, dial, TLS, login, produce, consume (whole)."}, []string{"physical_cluster", "broker", "reached"}),
		duration: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "orrery_probe_duration_seconds",
			Help: "Time that a stage of the last probe took; 0 where it did not come so far."}, []string{"physical_cluster", "broker", "stage"}),
		free: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "orrery_broker_disk_free_bytes",
			Help: "Room on the file system of a broker's data."}, []string{"physical_cluster", "broker"}),
		standing: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "orrery_broker_standing",
			Help: "What is thought of a broker's health: 1 of Healthy, Suspect, Demote, Restart and Replace, and 0 of the others."}, []string{"physical_cluster", "broker", "standing"}),
	}
	if registerer == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.probes, m.duration, m.free, m.standing} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("registering the metrics of probes: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) saw(id string, probes []health.Probe, brokers []health.Signals) {
	for _, p := range probes {
		broker := strconv.Itoa(int(p.Node))
		last := health.Consumed
		if p.Node == bootstrapNode {
			broker, last = bootstrapLabel, health.LoggedIn
		}
		m.probes.WithLabelValues(id, broker, p.Reached.String()).Inc()
		for stage := health.Dialled; stage <= last; stage++ {
			m.duration.WithLabelValues(id, broker, stage.String()).Set(p.Took[stage].Seconds())
		}
	}
	for _, b := range brokers {
		if b.System.TotalBytes > 0 {
			m.free.WithLabelValues(id, strconv.Itoa(int(b.Node))).Set(float64(b.System.FreeBytes))
		}
	}
}

func (m *metrics) forget(id string) {
	labels := prometheus.Labels{"physical_cluster": id}
	m.probes.DeletePartialMatch(labels)
	m.duration.DeletePartialMatch(labels)
	m.free.DeletePartialMatch(labels)
	m.standing.DeletePartialMatch(labels)
}

func (m *metrics) judged(id string, verdicts []health.Verdict) {
	for _, v := range verdicts {
		for _, standing := range []health.Standing{health.Healthy, health.Suspect, health.Demote, health.Restart, health.Replace} {
			value := 0.0
			if v.Standing == standing {
				value = 1
			}
			m.standing.WithLabelValues(id, strconv.Itoa(int(v.Node)), string(standing)).Set(value)
		}
	}
}
