package mothership

import (
	"fmt"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/placement"
)

// judge says how a satellite is. The messages hold nothing that changes with time alone, so that a fleet in which nothing
// happens writes nothing.
func judge(r SatelliteReport, now time.Time) []orrery.Condition {
	found := []orrery.Condition{judgeLease(r, now), judgeCertificates(r, now), judgeClusters(r), judgeCapacity(r)}
	ready := orrery.Condition{Type: orrery.ConditionReady, Status: orrery.True, Reason: "Ready", Message: "it runs what it is asked to"}
	for _, c := range found[:3] { // a full one is ready
		if c.Status != orrery.True {
			ready.Status, ready.Reason, ready.Message = orrery.False, c.Reason, c.Message
			break
		}
	}
	var out []orrery.Condition
	for _, c := range append([]orrery.Condition{ready}, found...) {
		c.Since = now.UTC()
		if old, ok := orrery.FindCondition(r.Conditions, c.Type); ok && old.Status == c.Status {
			c.Since = old.Since
		}
		out = append(out, c)
	}
	return out
}

func judgeLease(r SatelliteReport, now time.Time) orrery.Condition {
	c := orrery.Condition{Type: orrery.ConditionLeaseCurrent, Status: orrery.True, Reason: "Renewed", Message: "it says again and again that it is there"}
	before, known := orrery.FindCondition(r.Conditions, c.Type)
	switch {
	case now.Before(r.LeaseUntil):
		return c
	case now.Before(r.LeaseEnd) && known:
		return before // the mothership has just begun to listen
	case r.LeaseUntil.IsZero() && r.ReportedAt.IsZero():
		c.Status, c.Reason, c.Message = orrery.Unknown, "NeverHeardOf", "it has registered, and not reported yet"
	default:
		c.Status, c.Reason, c.Message = orrery.False, "LeaseExpired", "it is not heard of any more: it, its host or its way to the link is down; what it runs goes on by itself"
	}
	if before.Status == c.Status {
		c.Message = before.Message
	} else if !r.LeaseUntil.IsZero() {
		c.Message += "; its lease ran out at " + r.LeaseUntil.UTC().Format(time.RFC3339)
	}
	return c
}

// certificateAlarm is with how much left a certificate that should have been renewed long ago is not well.
const certificateAlarm = 7 * 24 * time.Hour

func judgeCertificates(r SatelliteReport, now time.Time) orrery.Condition {
	c := orrery.Condition{Type: orrery.ConditionCertificatesValid, Status: orrery.True, Reason: "Valid"}
	if r.Registration == nil {
		c.Message = "it is in the mothership's own process, whose certificates are renewed with what it runs"
		return c
	}
	certificates := r.Registration.Certificates
	if certificates.Identity == "" {
		c.Status, c.Reason, c.Message = orrery.Unknown, "NotSigned", "its registration has not been completed: it will be when the satellite asks again"
		return c
	}
	for _, one := range []struct {
		name    string
		expires time.Time
	}{{"its identity on the link", certificates.IdentityExpires}, {"its certificate authority", certificates.AuthorityExpires}} {
		switch {
		case !now.Before(one.expires):
			c.Status, c.Reason, c.Message = orrery.False, "Expired", fmt.Sprintf("%s ran out on %s: start the satellite with an API key, and it registers again under the same id", one.name, one.expires.Format(time.DateOnly))
			return c
		case !now.Before(one.expires.Add(-certificateAlarm)):
			c.Status, c.Reason, c.Message = orrery.False, "RunsOut", fmt.Sprintf("%s runs out on %s and could not be renewed", one.name, one.expires.Format(time.DateOnly))
			return c
		}
	}
	c.Message = fmt.Sprintf("its identity on the link until %s, its certificate authority until %s", certificates.IdentityExpires.Format(time.DateOnly), certificates.AuthorityExpires.Format(time.DateOnly))
	return c
}

// namedClusters is how many physical clusters a message names.
const namedClusters = 3

func judgeClusters(r SatelliteReport) orrery.Condition {
	c := orrery.Condition{Type: orrery.ConditionClustersReady, Status: orrery.True, Reason: "Ready", Message: fmt.Sprintf("%d of %d physical clusters are Ready", r.Clusters-len(r.Unready), r.Clusters)}
	if len(r.Unready) > 0 {
		named := r.Unready[:min(len(r.Unready), namedClusters)]
		c.Status, c.Reason = orrery.False, "NotReady"
		c.Message += "; not Ready: " + strings.Join(named, ", ")
		if more := len(r.Unready) - len(named); more > 0 {
			c.Message += fmt.Sprintf(" and %d more", more)
		}
	}
	return c
}

func judgeCapacity(r SatelliteReport) orrery.Condition {
	c := orrery.Condition{Type: orrery.ConditionCapacityAvailable, Status: orrery.True, Reason: "Room"}
	if r.Capacity == (orrery.Capacity{}) {
		c.Status, c.Reason, c.Message = orrery.False, "NoCapacity", "it takes no clusters"
		if r.ReportedAt.IsZero() {
			c.Status, c.Reason, c.Message = orrery.Unknown, "NeverHeardOf", "it has not said yet what it can carry"
		}
		return c
	}
	c.Message = fmt.Sprintf("%d of %d brokers and %d of %d logical clusters are taken", r.Use.Brokers, r.Capacity.Brokers, r.Use.LogicalClusters, r.Capacity.LogicalClusters)
	if name, ok := placement.Fits(placement.Add(r.Use, orrery.Capacity{LogicalClusters: 1}), r.Capacity); !ok {
		c.Status, c.Reason = orrery.False, "Full"
		c.Message += ": there is no room in " + name
	} else if r.Use.Brokers >= r.Capacity.Brokers {
		c.Status, c.Reason = orrery.False, "Full"
		c.Message += ": there is no room for another broker"
	}
	return c
}
