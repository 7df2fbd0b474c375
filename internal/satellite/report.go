package satellite

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
)

// reports is what there is to say to the mothership, by key; only what differs from what was said last is sent.
type reports struct {
	sent   map[string]string // hash of the last status that was sent
	outbox map[string]link.Message
	// registered is when the satellite's own report was sent last, and its hash without the time.
	registered     time.Time
	registeredHash string
	leased         time.Time // when the lease was renewed last
	failures       int
	retry          time.Time
}

// registrationPeriod is how often the satellite reports itself although nothing has changed.
const registrationPeriod = 10 * time.Minute

// Pauses while the link does not take what is sent.
const (
	firstLinkPause = 250 * time.Millisecond
	lastLinkPause  = 5 * time.Second
	// sendTimeout bounds a try: while the link is away, physical clusters must not wait for it.
	sendTimeout = 5 * time.Second
)

func newReports() reports {
	return reports{sent: map[string]string{}, outbox: map[string]link.Message{}}
}

// changed notes a status; one that was sent already is not sent again.
func (r *reports) changed(m link.Message, status orrery.Status) {
	content, err := json.Marshal(status)
	if err != nil {
		return // a status is made of strings and numbers
	}
	m.Version, m.Generation, m.Content = link.WireVersion, status.Generation, content
	if r.sent[m.Key()] == orrery.Hash(content) {
		delete(r.outbox, m.Key())
		return
	}
	r.outbox[m.Key()] = m
}

// again has a status sent although it was sent before: who repeats a desired record may have lost the answer.
func (r *reports) again(m link.Message) { delete(r.sent, m.Key()) }

// forget removes the status of a key from the link.
func (r *reports) forget(m link.Message) {
	delete(r.sent, m.Key())
	r.outbox[m.Key()] = link.Message{Version: link.WireVersion, Kind: m.Kind, ID: m.ID, Tombstone: true}
}

func (r *reports) linkPause() time.Duration {
	return min(firstLinkPause<<min(r.failures, 10), lastLinkPause)
}

// report sends what has changed, in batches, and the satellite's own registration when it is due.
func (s *Satellite) report(ctx context.Context, now time.Time, sender link.Sender) (next time.Time, err error) {
	r := &s.reports
	if now.Before(r.retry) {
		return r.retry, nil
	}
	registration, hash, err := s.registration(now)
	if err != nil {
		return now.Add(quiet), err
	}
	var batch []link.Message
	if hash != r.registeredHash || !now.Before(r.registered.Add(registrationPeriod)) {
		batch = append(batch, registration)
	}
	for _, key := range slices.Sorted(maps.Keys(r.outbox)) {
		if len(batch) >= sendLimit {
			next = now
			break
		}
		batch = append(batch, r.outbox[key])
	}
	if s.config.Lease > 0 && !now.Before(r.leased.Add(s.leasePeriod())) {
		lease, err := s.lease(now)
		if err != nil {
			return now.Add(quiet), err
		}
		batch = append(batch, lease)
	}
	if len(batch) == 0 {
		return earlier(now.Add(quiet), s.reportDue()), nil
	}
	sending, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if err := sender.Send(sending, s.config.Satellite.ID, batch); err != nil {
		r.retry = now.Add(r.linkPause())
		r.failures++
		return r.retry, fmt.Errorf("satellite: reporting: %w", err)
	}
	r.failures, r.retry = 0, time.Time{}
	for _, m := range batch {
		switch {
		case m.Kind == orrery.ReportSatellite:
			r.registered, r.registeredHash = now, hash
		case m.Kind == orrery.ReportLease:
			r.leased = now
		case !m.Tombstone:
			r.sent[m.Key()] = orrery.Hash(m.Content)
		}
		delete(r.outbox, m.Key())
	}
	if next != now {
		next = s.reportDue()
	}
	return next, nil
}

// reportDue is when there is something to say although nothing has changed.
func (s *Satellite) reportDue() time.Time {
	due := s.reports.registered.Add(registrationPeriod)
	if s.config.Lease > 0 {
		due = earlier(due, s.reports.leased.Add(s.leasePeriod()))
	}
	return due
}

func (s *Satellite) leasePeriod() time.Duration { return s.config.Lease / 4 }

// lease is the message that renews this satellite's lease.
func (s *Satellite) lease(now time.Time) (link.Message, error) {
	content, err := json.Marshal(orrery.Lease{RenewedAt: now.UTC(), Seconds: int(s.config.Lease / time.Second)})
	if err != nil {
		return link.Message{}, fmt.Errorf("satellite: encoding the lease: %w", err)
	}
	return link.Message{Version: link.WireVersion, Kind: orrery.ReportLease, ID: s.config.Satellite.ID, Content: content}, nil
}

// registration is the satellite's report about itself; the hash leaves its time out.
func (s *Satellite) registration(now time.Time) (m link.Message, hash string, err error) {
	satellite := s.config.Satellite
	satellite.ReportedAt = time.Time{}
	bare, err := json.Marshal(satellite)
	if err != nil {
		return link.Message{}, "", fmt.Errorf("satellite: encoding the registration: %w", err)
	}
	satellite.ReportedAt = now
	content, err := json.Marshal(satellite)
	if err != nil {
		return link.Message{}, "", fmt.Errorf("satellite: encoding the registration: %w", err)
	}
	return link.Message{Version: link.WireVersion, Kind: orrery.ReportSatellite, ID: satellite.ID, Content: content}, orrery.Hash(bare), nil
}
