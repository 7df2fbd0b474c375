package embedded

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
)

// fleetMetrics are the mothership's metrics of its satellites, from what its monitor found last.
type fleetMetrics struct{ mothership *mothership.Mothership }

var (
	satelliteCondition   = prometheus.NewDesc("orrery_satellite_condition", "A condition of a satellite: 1 is True, 0 False, -1 Unknown.", []string{"satellite", "condition"}, nil)
	satelliteLease       = prometheus.NewDesc("orrery_satellite_lease_seconds", "For how long a satellite's lease lasts from now; negative once it has run out.", []string{"satellite"}, nil)
	satelliteCertificate = prometheus.NewDesc("orrery_satellite_certificate_expires_seconds", "For how long a certificate of a satellite is still valid: its identity on the link, its authority.", []string{"satellite", "certificate"}, nil)
	satelliteCapacity    = prometheus.NewDesc("orrery_satellite_capacity", "What a satellite can carry.", []string{"satellite", "of"}, nil)
	satelliteUse         = prometheus.NewDesc("orrery_satellite_use", "What a satellite carries or was asked to carry.", []string{"satellite", "of"}, nil)
	satelliteClusters    = prometheus.NewDesc("orrery_satellite_physical_clusters", "Physical clusters of a satellite, and those of them that are not Ready.", []string{"satellite", "state"}, nil)
)

// Describe implements prometheus.Collector.
func (fleetMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{satelliteCondition, satelliteLease, satelliteCertificate, satelliteCapacity, satelliteUse, satelliteClusters} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (f fleetMetrics) Collect(out chan<- prometheus.Metric) {
	now := time.Now()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for _, r := range f.mothership.Fleet() {
		for _, c := range r.Conditions {
			gauge(satelliteCondition, map[orrery.ConditionStatus]float64{orrery.True: 1, orrery.False: 0, orrery.Unknown: -1}[c.Status], r.ID, c.Type)
		}
		if !r.LeaseUntil.IsZero() {
			gauge(satelliteLease, r.LeaseUntil.Sub(now).Seconds(), r.ID)
		}
		if r.Registration != nil {
			gauge(satelliteCertificate, r.Registration.Certificates.IdentityExpires.Sub(now).Seconds(), r.ID, "identity")
			gauge(satelliteCertificate, r.Registration.Certificates.AuthorityExpires.Sub(now).Seconds(), r.ID, "authority")
		}
		for of, amount := range map[string][2]float64{
			"brokers":          {float64(r.Capacity.Brokers), float64(r.Use.Brokers)},
			"logical_clusters": {float64(r.Capacity.LogicalClusters), float64(r.Use.LogicalClusters)},
			"partitions":       {float64(r.Capacity.Partitions), float64(r.Use.Partitions)},
			"storage_bytes":    {float64(r.Capacity.StorageBytes), float64(r.Use.StorageBytes)},
		} {
			gauge(satelliteCapacity, amount[0], r.ID, of)
			gauge(satelliteUse, amount[1], r.ID, of)
		}
		gauge(satelliteClusters, float64(r.Clusters-len(r.Unready)), r.ID, "ready")
		gauge(satelliteClusters, float64(len(r.Unready)), r.ID, "not_ready")
	}
}
