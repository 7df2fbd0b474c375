package mothership

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/placement"
	"github.com/orrery-kafka/orrery/internal/store"
)

// SatelliteReport is what the monitor found of a satellite when it last looked.
type SatelliteReport struct {
	orrery.Satellite
	// LeaseUntil is when its lease runs out; zero: it has not been heard of since the start.
	LeaseUntil time.Time
	// LeaseEnd is when that counts: after a start of the mothership there is time to renew a lease.
	LeaseEnd time.Time
	// Use is what it runs, or was asked to run.
	Use orrery.Capacity
	// Clusters is how many physical clusters that is, and Unready those that are not Ready, by id.
	Clusters int
	Unready  []string
}

// Fleet returns what the monitor found of every satellite, sorted by id.
func (m *Mothership) Fleet() []SatelliteReport {
	m.fleet.mu.Lock()
	defer m.fleet.mu.Unlock()
	out := make([]SatelliteReport, 0, len(m.fleet.reports))
	for id, r := range m.fleet.reports {
		r.LeaseUntil, r.LeaseEnd = m.fleet.until[id], m.fleet.leaseEnd(id)
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b SatelliteReport) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// MonitorStep turns leases, certificates, capacity and the health of physical clusters into the conditions of
// satellites, and has certificates renewed that are due. It looks at the satellites of which there is news, and writes
// what has changed.
func (m *Mothership) MonitorStep(ctx context.Context, now time.Time) (next time.Time, err error) {
	ids, all := m.fleet.take()
	begun := m.fleet.begun(now)
	var reports []SatelliteReport
	err = m.store.View(ctx, func(tx store.Tx) error {
		reports = nil
		t := m.transaction(tx, now)
		return each(tx.Satellites(), store.Query{}, func(s orrery.Satellite) error {
			if due := m.due(s.ID, begun); all || ids[s.ID] || !due.IsZero() && !now.Before(due) {
				r, err := t.reportOn(s)
				reports = append(reports, r)
				return err
			}
			return nil
		})
	})
	if err == nil {
		err = m.keepReports(ctx, now, reports)
	}
	if err != nil { // it is looked at again
		for id := range ids {
			m.fleet.watch(id)
		}
		if all {
			m.fleet.watchAll()
		}
		return time.Time{}, err
	}
	return m.nextDue(now, begun), nil
}

// reportOn gathers what is known of a satellite.
func (t *transaction) reportOn(s orrery.Satellite) (r SatelliteReport, err error) {
	r = SatelliteReport{Satellite: s}
	r.LeaseUntil, r.LeaseEnd = t.m.fleet.lease(s.ID)
	err = each(t.PSCs(), store.Where(store.SatelliteID, s.ID), func(psc orrery.PSC) error {
		use, err := t.use(psc)
		r.Use = placement.Add(r.Use, placement.Add(volumes(psc.Spec), placement.OnSatellite(use)))
		r.Clusters++
		if !psc.Deleted && !psc.Status.Ready(psc.Generation) {
			r.Unready = append(r.Unready, psc.ID)
		}
		return err
	})
	return r, err
}

// keepReports writes the conditions that have changed, and has certificates renewed.
func (m *Mothership) keepReports(ctx context.Context, now time.Time, reports []SatelliteReport) error {
	var failed []error
	for _, r := range reports {
		renewed, err := m.certify(ctx, now, r.Satellite)
		if err != nil {
			failed = append(failed, fmt.Errorf("renewing the certificates of %s: %w", r.ID, err))
		}
		if renewed {
			continue // which has it looked at again
		}
		conditions := judge(r, now)
		if before := r.Conditions; !slices.Equal(before, conditions) {
			err := m.commit(ctx, now, func(t *transaction) error { return t.keepConditions(r.ID, conditions) })
			if err != nil {
				failed = append(failed, err)
				continue
			}
			m.tell(r.ID, before, conditions)
		}
		r.Conditions = conditions
		m.fleet.mu.Lock()
		m.fleet.reports[r.ID] = r
		m.fleet.mu.Unlock()
	}
	return errors.Join(failed...)
}

// keepConditions stores the conditions of a satellite. Where it is counted on again, what waits for a place is looked
// at.
func (t *transaction) keepConditions(id string, conditions []orrery.Condition) error {
	s, ok, err := find(t.Satellites(), id)
	if err != nil || !ok {
		return err
	}
	before, after := lost(s), lost(orrery.Satellite{Conditions: conditions})
	s.Conditions = conditions // who reads UpdatedAt asks when what the satellite is for changed
	if err := t.Satellites().Put(s); err != nil {
		return err
	}
	if before != "" && after == "" {
		return t.waitingAgain()
	}
	return nil
}

// tell logs which conditions have changed.
func (m *Mothership) tell(id string, before, after []orrery.Condition) {
	for _, c := range after {
		old, known := orrery.FindCondition(before, c.Type)
		switch {
		case known && old.Status == c.Status:
		case c.Status == orrery.True:
			m.logger.Info("a condition of a satellite is well", "satellite", id, "condition", c.Type, "reason", c.Reason, "message", c.Message)
		default:
			m.logger.Warn("a condition of a satellite is not well", "satellite", id, "condition", c.Type, "status", c.Status, "reason", c.Reason, "message", c.Message)
		}
	}
}

// due is when a satellite has to be looked at because of the time: its lease runs out, or its certificates are due. It is
// zero where nothing will be.
func (m *Mothership) due(id string, begun time.Time) (at time.Time) {
	m.fleet.mu.Lock()
	defer m.fleet.mu.Unlock()
	r, known := m.fleet.reports[id]
	if !known {
		return begun // at once
	}
	if c, ok := orrery.FindCondition(r.Conditions, orrery.ConditionLeaseCurrent); ok && c.Status == orrery.True {
		at = m.fleet.leaseEnd(id)
	}
	if r.Registration != nil && m.admission != nil {
		if renewal := renewAt(r.Registration.Certificates); at.IsZero() || renewal.Before(at) {
			at = renewal
		}
	}
	return at
}

// nextDue is when the first satellite has to be looked at because of the time.
func (m *Mothership) nextDue(now, begun time.Time) (next time.Time) {
	for _, r := range m.Fleet() {
		at := m.due(r.ID, begun)
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if !next.IsZero() && next.Before(now.Add(monitorPause)) {
		return now.Add(monitorPause) // what is due and cannot be done must not be tried without a rest
	}
	return next
}

// monitorPause is the least time between two steps that only time has made due.
const monitorPause = time.Second

// lost says why nothing new may be put on a satellite; "" where it may.
func lost(s orrery.Satellite) string {
	c, ok := orrery.FindCondition(s.Conditions, orrery.ConditionLeaseCurrent)
	if !ok || c.Status == orrery.True {
		return ""
	}
	return c.Message
}
