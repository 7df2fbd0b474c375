package mothership

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/store"
)

// CollectStep takes in what satellites report. It must be run whenever a status arrived. A status of an older
// generation, of another satellite's record, or of something unknown changes nothing; the last two are logged.
//
// The link repeats everything after a restart, so a step that fails keeps what it received for the next one.
func (m *Mothership) CollectStep(ctx context.Context, now time.Time) (next time.Time, err error) {
	if len(m.received) == 0 {
		messages, err := m.statuses.Receive(ctx, batch)
		if err != nil {
			return time.Time{}, err
		}
		m.received = m.takeLeases(messages, m.caughtUp, now)
		m.caughtUp = m.statuses.CaughtUp()
		if len(m.received) == 0 && len(messages) > 0 {
			return now, nil
		}
	}
	if len(m.received) == 0 {
		return time.Time{}, nil
	}
	full := len(m.received) >= batch || !m.statuses.CaughtUp()
	messages := latest(m.received)
	news := false
	err = m.store.View(ctx, func(tx store.Tx) error {
		t := m.transaction(tx, now)
		for _, message := range messages {
			r, err := t.read(message)
			if err != nil {
				return err
			}
			if r.problem != "" {
				m.logger.Warn("a status was ignored", "satellite", message.SatelliteID, "key", message.Key(), "reason", r.problem)
			}
			news = news || r.news
		}
		return nil
	})
	if err == nil && news {
		err = m.commit(ctx, now, func(t *transaction) error {
			for _, message := range messages {
				if err := t.collect(message); err != nil {
					return fmt.Errorf("status %s of %s: %w", message.Key(), message.SatelliteID, err)
				}
			}
			return nil
		})
	}
	if err != nil {
		return time.Time{}, err
	}
	m.received = nil
	if full {
		next = now
	}
	return next, nil
}

// latest keeps the last message of each key, in the order of their arrival.
func latest(messages []link.Message) []link.Message {
	last := map[string]int{}
	for i, message := range messages {
		last[message.SatelliteID+" "+message.Key()] = i
	}
	var out []link.Message
	for i, message := range messages {
		if last[message.SatelliteID+" "+message.Key()] == i {
			out = append(out, message)
		}
	}
	return out
}

// report is what a status message means for the state.
type report struct {
	news      bool
	onlyUsage bool   // nobody waits for it
	problem   string // why it was ignored, where somebody should know
	satellite *orrery.Satellite
	desired   orrery.Desired
	psc       *orrery.PSC
}

// read compares a message with the state, and changes nothing.
func (t *transaction) read(message link.Message) (report, error) {
	switch {
	case message.Tombstone:
		return report{}, nil
	case message.Kind == orrery.ReportSatellite:
		return t.readSatellite(message)
	}
	var status orrery.Status
	if err := json.Unmarshal(message.Content, &status); err != nil {
		return report{problem: "it cannot be read: " + err.Error()}, nil
	}
	d, ok, err := find(t.Desired(), message.Key())
	switch {
	case err != nil:
		return report{}, err
	case !ok && status.Gone:
		return report{}, nil // the end of something that was forgotten since
	case !ok && message.Kind == orrery.DesiredPSC && status.Local != nil && status.PSC != nil:
		return t.readLocal(message, status)
	case !ok:
		return report{problem: "the record is not known here; nothing is deleted for that"}, nil
	case d.SatelliteID != message.SatelliteID:
		return report{problem: "the record belongs to " + d.SatelliteID}, nil
	case status.Generation.Compare(d.Observed) < 0:
		return report{}, nil // late
	case status.Generation.Compare(d.Generation) > 0:
		return report{problem: fmt.Sprintf("it is about generation %s, and the record has %s", status.Generation, d.Generation)}, nil
	}
	r := report{desired: observe(d, status)}
	r.news = !reflect.DeepEqual(d, r.desired)
	d.Usage = r.desired.Usage
	r.onlyUsage = r.news && reflect.DeepEqual(d, r.desired)
	if d.Kind == orrery.DesiredPSC && status.PSC != nil {
		psc, ok, err := find(t.PSCs(), d.ID)
		if err != nil {
			return report{}, err
		}
		if ok && !sameJSON(psc.Status, *status.PSC) {
			psc.Status = *status.PSC
			r.psc, r.news = &psc, true
		}
	}
	return r, nil
}

// readLocal takes in a physical cluster that its satellite has by itself.
func (t *transaction) readLocal(message link.Message, status orrery.Status) (report, error) {
	if !orrery.HasPrefix(message.ID, orrery.PrefixPhysicalKafka) || len(message.ID) > maxIDLength {
		return report{problem: "its id is not one of a physical cluster"}, nil
	}
	before, ok, err := find(t.PSCs(), message.ID)
	switch {
	case err != nil:
		return report{}, err
	case ok && (!before.Local || before.SatelliteID != message.SatelliteID):
		return report{problem: "another physical cluster has this id"}, nil
	}
	psc := orrery.PSC{
		ID: message.ID, SatelliteID: message.SatelliteID, Local: true, Spec: *status.Local, Generation: status.Generation,
		Provenance: map[string]string{"": "the satellite's own configuration"}, Status: *status.PSC, CreatedAt: t.now, UpdatedAt: t.now,
	}
	if ok {
		psc.CreatedAt, psc.UpdatedAt = before.CreatedAt, before.UpdatedAt
	}
	return report{psc: &psc, news: !ok || !sameJSON(before, psc)}, nil
}

// observe returns what a status makes of a record. Of a tenant, credential or binding, what was applied once stays
// so for its generation, because a gateway reads everything before it serves; of a PSC, readiness comes and goes.
func observe(d orrery.Desired, status orrery.Status) orrery.Desired {
	same := d.Observed == status.Generation
	d.Observed, d.Reason = status.Generation, bounded(status.Reason)
	if d.KeySet = status.KeySet; d.KeySet != nil {
		d.KeySet.Fetched.Message = bounded(d.KeySet.Fetched.Message)
	}
	if u := status.Usage; u != nil && (d.Usage == nil || !u.At.Before(d.Usage.At) && !u.Stored.At.Before(d.Usage.Stored.At)) {
		d.Usage = u // what was used does not become less: another is late
	}
	if d.Observed != d.Generation {
		d.Applied, d.Gone = false, false
		return d
	}
	d.Applied = status.Applied || same && d.Applied && d.Kind != orrery.DesiredPSC
	d.Gone = d.Deleted && (status.Gone || same && d.Gone)
	if d.Applied {
		d.Reason = ""
	}
	return d
}

const maxReason = 1024 // bytes of a reason that is kept

func bounded(reason string) string {
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + "…"
	}
	return reason
}

// collect takes one message in.
func (t *transaction) collect(message link.Message) error {
	r, err := t.read(message)
	if err != nil || !r.news {
		return err
	}
	if r.satellite != nil {
		if err := t.Satellites().Put(*r.satellite); err != nil {
			return err
		}
		t.watch(r.satellite.ID)
		t.nudges[LoopPublish] = true
		if err := t.sendAgain(r.satellite.ID); err != nil {
			return err
		}
		return t.waitingAgain()
	}
	if r.psc != nil {
		t.watch(r.psc.SatelliteID)
	}
	if r.psc != nil && r.psc.Local {
		r.psc.UpdatedAt = t.now
		return t.PSCs().Put(*r.psc)
	}
	r.desired.UpdatedAt = t.now
	if err := t.Desired().Put(r.desired); err != nil {
		return err
	}
	if r.desired.Gone {
		t.nudges[LoopPublish] = true
	}
	if r.psc != nil {
		r.psc.UpdatedAt = t.now
		if err := t.PSCs().Put(*r.psc); err != nil {
			return err
		}
	}
	if r.onlyUsage {
		return nil
	}
	return t.settleRecord(r.desired)
}

// settleRecord has the waits looked at that a record's status may end.
func (t *transaction) settleRecord(d orrery.Desired) error {
	pscID, id, _ := strings.Cut(d.ID, "/")
	if d.Kind == orrery.DesiredTenant {
		t.settle(settleCluster + d.ID)
		return nil
	}
	if prefix, ok := settleOf[d.Kind]; ok {
		t.settle(prefix + id)
	}
	return t.settleClusters(pscID, orrery.PhasePending)
}

// settleClusters has the clusters of a physical cluster that are in a phase looked at.
func (t *transaction) settleClusters(pscID string, phase orrery.Phase) error {
	where := map[store.Field]string{store.PhysicalClusterID: pscID, store.Phase: string(phase)}
	return each(t.LogicalClusters(), store.Query{Where: where}, func(c orrery.LogicalCluster) error {
		t.settle(settleCluster + c.ID)
		return nil
	})
}

// reportInterval is how old the time of a satellite's last report may be here, as long as it says nothing else new.
const reportInterval = time.Minute

func (t *transaction) readSatellite(message link.Message) (report, error) {
	var s orrery.Satellite
	if err := json.Unmarshal(message.Content, &s); err != nil {
		return report{problem: "it cannot be read: " + err.Error()}, nil
	}
	if s.ID != message.ID || s.ID != message.SatelliteID || len(s.ID) > maxIDLength {
		return report{problem: "a satellite reports itself only"}, nil
	}
	before, ok, err := find(t.Satellites(), s.ID)
	if err != nil {
		return report{}, err
	}
	s.CreatedAt, s.UpdatedAt = t.now, t.now
	s.Conditions, s.Registration = before.Conditions, before.Registration // not the satellite's to say
	if ok {
		if s.ReportedAt.Before(before.ReportedAt) {
			return report{}, nil // late
		}
		s.CreatedAt = before.CreatedAt
		same := s
		same.ReportedAt, same.UpdatedAt = before.ReportedAt, before.UpdatedAt
		if sameJSON(before, same) && s.ReportedAt.Sub(before.ReportedAt) < reportInterval {
			return report{}, nil
		}
	}
	return report{news: true, satellite: &s}, nil
}

// sameJSON compares two values as they are stored.
func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
