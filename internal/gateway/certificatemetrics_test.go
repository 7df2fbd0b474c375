package gateway_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/pki"
)

// TestCertificateDaysLeft: the metric follows the certificate that is presented, and its authority's.
func TestCertificateDaysLeft(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "TLS ends in the gateway")
	root, err := pki.OpenRoot(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	between, err := pki.OpenIntermediate(t.TempDir(), root, "between", pki.Loopback(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var reloader pki.Reloader
	registry := prometheus.NewRegistry()
	issue := func(at time.Time) {
		certificate, err := between.Issue("gateway", pki.Loopback(), at)
		if err != nil {
			t.Fatal(err)
		}
		reloader.Swap(certificate)
	}
	left := func(of string) float64 {
		return metric(t, registry, "orrery_gateway_certificate_days_left", of)
	}
	issue(time.Now().Add(-80 * 24 * time.Hour))
	gatewaytest.Start(t, gatewaytest.Options{ServerTLS: reloader.ServerConfig(), Registerer: registry})
	if got := left("gateway"); got < 9.9 || got > 10 {
		t.Errorf("%g days are left of 10", got)
	}
	issue(time.Now())
	if got := left("gateway"); got < 89.9 || got > 90 {
		t.Errorf("%g days are left of 90", got)
	}
	if got := left("authority"); got < 5*365-1 || got > 5*365 {
		t.Errorf("%g days are left of the authority's five years", got)
	}
}
