package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// certificateMetrics shows for how long what the gateway presents to clients is good: its own certificate, and the
// first to end of those with which it is sent. A negative number is one that has ended.
type certificateMetrics struct {
	config *tls.Config
	now    func() time.Time
	left   *prometheus.Desc
}

func newCertificateMetrics(config *Config) *certificateMetrics {
	return &certificateMetrics{config.TLS, config.Now, prometheus.NewDesc(metricPrefix+"certificate_days_left",
		"Days until the gateway's certificate ends, and the first of its authorities'.", []string{"certificate"}, nil)}
}

// Describe implements prometheus.Collector.
func (m *certificateMetrics) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- m.left }

// Collect implements prometheus.Collector. There is nothing to show before there is a certificate.
func (m *certificateMetrics) Collect(all chan<- prometheus.Metric) {
	presented := m.presented()
	if presented == nil || len(presented.Certificate) == 0 {
		return
	}
	ends := map[string]time.Time{}
	for i, der := range presented.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			continue // clients say so
		}
		of := "authority"
		if i == 0 {
			of = "gateway"
		}
		if first, known := ends[of]; !known || c.NotAfter.Before(first) {
			ends[of] = c.NotAfter
		}
	}
	for of, end := range ends {
		all <- prometheus.MustNewConstMetric(m.left, prometheus.GaugeValue, end.Sub(m.now()).Hours()/24, of)
	}
}

func (m *certificateMetrics) presented() *tls.Certificate {
	if m.config.GetCertificate != nil {
		c, err := m.config.GetCertificate(&tls.ClientHelloInfo{})
		if err == nil {
			return c
		}
	}
	if len(m.config.Certificates) > 0 {
		return &m.config.Certificates[0]
	}
	return nil
}
