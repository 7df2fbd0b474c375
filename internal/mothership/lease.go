package mothership

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
)

// Leases are kept in memory: a satellite renews its own every few seconds, and only that one is lost or is back is worth
// a row. After a start they come from the link again.

// maxLease bounds how long a lease can last, unless Config.MaxLease says otherwise.
const maxLease = 30 * time.Minute

// fleet is what is known of satellites beside the store. It is for concurrent use.
type fleet struct {
	mu sync.Mutex
	// until is when each lease runs out, by the mothership's clock.
	until map[string]time.Time
	// leases are when the satellites that send leases have renewed theirs, by their own clocks.
	leases map[string]time.Time
	// heard are the satellites that have been heard of since the mothership began to listen.
	heard map[string]bool
	// watched are the satellites whose conditions are to be looked at; all: every one.
	watched map[string]bool
	all     bool
	// since is when the mothership began to listen; zero before the monitor's first step.
	since time.Time
	// reports are of the monitor's last look at each.
	reports map[string]SatelliteReport
}

func newFleet() *fleet {
	return &fleet{until: map[string]time.Time{}, leases: map[string]time.Time{}, heard: map[string]bool{}, watched: map[string]bool{}, all: true, reports: map[string]SatelliteReport{}}
}

// lateness is by how much a lease is taken for a message that came late; one that is older than that is of a satellite
// whose clock was set back.
const lateness = time.Hour

// renew notes a lease, or, where it is not a real one, what stands for it as long as there is none. It reports whether
// that is news: the satellite had none, or has none any more.
func (f *fleet) renew(id string, isLease, fresh bool, renewed, until, now time.Time) (news bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard[id] = f.heard[id] || fresh
	last, leases := f.leases[id]
	if leases && (!isLease || renewed.Before(last) && last.Sub(renewed) < lateness) {
		return false
	}
	if isLease {
		f.leases[id] = renewed
	}
	before, known := f.until[id]
	f.until[id] = until
	return !known || now.Before(before) != now.Before(until)
}

// lease returns when a satellite's lease runs out, zero where it never had one, and when it counts as lost: one that was
// not renewed since the mothership began to listen gets the time for it.
func (f *fleet) lease(id string) (until, end time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.until[id], f.leaseEnd(id)
}

func (f *fleet) leaseEnd(id string) time.Time {
	until, grace := f.until[id], f.since.Add(orrery.DefaultLease)
	if !f.heard[id] && until.Before(grace) {
		return grace
	}
	return until
}

// watch has satellites looked at by the monitor.
func (f *fleet) watch(ids ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		f.watched[id] = true
	}
}

// watchAll has every satellite looked at.
func (f *fleet) watchAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = true
}

// take returns what is to be looked at, and forgets it.
func (f *fleet) take() (ids map[string]bool, all bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ids, all = f.watched, f.all
	f.watched, f.all = map[string]bool{}, false
	return ids, all
}

// begun returns when the mothership began to listen, which is now at the first call.
func (f *fleet) begun(now time.Time) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.since.IsZero() {
		f.since = now
	}
	return f.since
}

// takeLeases takes the leases out of what was received. One that was on the link before the mothership listened was
// renewed when its satellite says; any other one just now, whatever the satellite's clock says.
func (m *Mothership) takeLeases(messages []link.Message, fresh bool, now time.Time) (others []link.Message) {
	news := false
	for _, message := range messages {
		if message.Kind != orrery.ReportLease {
			others = append(others, message)
		}
		lease, ok := leaseOf(message)
		if !ok {
			continue
		}
		lasts := m.maxLease
		if seconds := int(m.maxLease / time.Second); lease.Seconds < seconds { // what is more could be too much for a Duration
			lasts = time.Duration(lease.Seconds) * time.Second
		}
		until := now.Add(lasts)
		if old := lease.RenewedAt.Add(lasts); !fresh && old.Before(until) {
			until = old
		}
		if m.fleet.renew(message.SatelliteID, message.Kind == orrery.ReportLease, fresh, lease.RenewedAt, until, now) {
			m.fleet.watch(message.SatelliteID)
			news = true
		}
	}
	if news {
		m.nudge(LoopMonitor)
	}
	return others
}

// reportLease is how long a satellite counts as there that reports itself and sends no leases: one of an older version
// reports each ten minutes.
const reportLease = 25 * time.Minute

// leaseOf returns the lease that a message is, or stands for.
func leaseOf(message link.Message) (lease orrery.Lease, ok bool) {
	if message.Tombstone || message.ID != message.SatelliteID {
		return lease, false
	}
	switch message.Kind {
	case orrery.ReportLease:
		err := json.Unmarshal(message.Content, &lease)
		return lease, err == nil && lease.Seconds > 0
	case orrery.ReportSatellite:
		var s orrery.Satellite
		err := json.Unmarshal(message.Content, &s)
		return orrery.Lease{RenewedAt: s.ReportedAt, Seconds: int(reportLease / time.Second)}, err == nil
	}
	return lease, false
}
