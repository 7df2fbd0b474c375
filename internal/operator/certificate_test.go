package operator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
)

// TestCertificateThatStaysDue: a certificate that is not replaced by a younger one, here because the clock of who issues
// it is behind, is a reason of its own a day after its renewal was due, and no fault until it runs out.
func TestCertificateThatStaysDue(t *testing.T) {
	w := newWorld(t, nil) // its certificate authority stays in the present
	w.until("the cluster is ready", w.ready)
	const day = 24 * time.Hour
	issued := w.observe().CertificateExpires.Add(-90 * day)
	for _, test := range []struct {
		age    time.Duration
		status orrery.ConditionStatus
		reason string
		says   string
	}{
		{59 * day, orrery.True, "CertificateValid", "is good until"},
		{60*day + 20*time.Hour, orrery.True, "CertificateValid", "is good until"},
		{62 * day, orrery.True, "CertificateExpiring", "cannot be renewed"},
		{89 * day, orrery.True, "CertificateExpiring", "is good until"},
		{91 * day, orrery.False, "CertificateExpired", "ran out on"},
	} {
		status, _, err := w.operator.Step(w.ctx, issued.Add(test.age), w.desired)
		valid, _ := orrery.FindCondition(status.Conditions, orrery.ConditionCertificatesValid)
		if err != nil || valid.Status != test.status || valid.Reason != test.reason || !strings.Contains(valid.Message, test.says) {
			t.Errorf("after %s of 90 days: %+v, %v", test.age, valid, err)
		}
	}
}
