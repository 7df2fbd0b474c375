package operator

import (
	"time"

	"github.com/orrery-kafka/orrery/internal/substrate"
)

// renew renews certificates with a third of their life left: that of the gateways, and those of the brokers' own
// listeners, one at a time. That of the controllers' listener is renewed by a restart only, and lives so long that the
// next one that is due anyway is soon enough.
func (l *look) renew() {
	if l.target.Gateways && certificateDue(l.observed, l.now) {
		l.act(substrate.RenewCertificate, 0, "%s", certificateReason(l.observed))
	}
	for _, b := range l.nodes {
		if b.Running && !b.CertificateExpires.IsZero() && !l.now.Before(renewal(b.CertificateIssued, b.CertificateExpires)) {
			l.act(substrate.RenewBrokerCertificate, b.Node, "a third of the life of %s's certificate is left: it runs out on %s", nodeName(b.Node), date(b.CertificateExpires))
			return
		}
	}
}

// renewal is when a certificate has a third of its life left.
func renewal(issued, expires time.Time) time.Time { return expires.Add(-expires.Sub(issued) / 3) }

// certificateDue reports whether the gateways' certificate is missing or has a third of its life left.
func certificateDue(observed substrate.Observed, now time.Time) bool {
	return observed.CertificateExpires.IsZero() || !now.Before(certificateRenewal(observed))
}

func certificateRenewal(observed substrate.Observed) time.Time {
	return renewal(observed.CertificateIssued, observed.CertificateExpires)
}

func certificateReason(observed substrate.Observed) string {
	if observed.CertificateExpires.IsZero() {
		return "the gateways have no certificate yet"
	}
	return "a third of the certificate's life is left: it runs out on " + date(observed.CertificateExpires)
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }
