package mothership

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/store"
)

// PublishStep sends what was composed, satellite by satellite, in batches, and the tombstones of what is gone. A
// satellite that cannot be sent to does not hold up the others; link.ErrFenced ends the step at once.
func (m *Mothership) PublishStep(ctx context.Context, now time.Time) (next time.Time, err error) {
	var satellites []string
	err = m.store.View(ctx, func(tx store.Tx) error {
		return each(tx.Satellites(), store.Query{}, func(s orrery.Satellite) error {
			n, err := tx.Desired().Count(pendingOf(s.ID))
			if n > 0 {
				satellites = append(satellites, s.ID)
			}
			return err
		})
	})
	if err != nil {
		return time.Time{}, err
	}
	var failed []error
	for _, id := range satellites {
		more, err := m.publish(ctx, now, id)
		if errors.Is(err, link.ErrFenced) {
			return time.Time{}, err
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("publishing to %s: %w", id, err))
		}
		if more {
			next = now
		}
	}
	return next, errors.Join(failed...)
}

func pendingOf(satelliteID string) store.Query {
	return store.Query{Where: map[store.Field]string{store.SatelliteID: satelliteID, store.Pending: store.PendingSend}}
}

// answerPatience is how long a satellite may be silent about a record until it is sent again.
const answerPatience = time.Minute

// sendAgain has what a satellite that reports has not answered for a while sent again: with the topics of a link, what
// was on its way is lost. It bounds itself; the rest is sent again after the next report.
func (t *transaction) sendAgain(satelliteID string) error {
	unanswered := store.Query{Where: map[store.Field]string{store.SatelliteID: satelliteID, store.Pending: store.PendingAnswer}}
	var late []orrery.Desired
	err := each(t.Desired(), unanswered, func(d orrery.Desired) error {
		if len(late) < batch && t.now.Sub(d.UpdatedAt) >= answerPatience {
			late = append(late, d)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, d := range late {
		d.Published, d.UpdatedAt = orrery.Generation{}, t.now
		if err := t.Desired().Put(d); err != nil {
			return err
		}
	}
	return nil
}

// publish sends one batch to one satellite and reports whether there is more.
func (m *Mothership) publish(ctx context.Context, now time.Time, satelliteID string) (more bool, err error) {
	var page store.Page[orrery.Desired]
	err = m.store.View(ctx, func(tx store.Tx) error {
		query := pendingOf(satelliteID)
		query.Limit = batch
		page, err = tx.Desired().List(query)
		return err
	})
	if err != nil || len(page.Rows) == 0 {
		return false, err
	}
	messages := make([]link.Message, len(page.Rows))
	for i, d := range page.Rows {
		messages[i] = link.Message{
			SatelliteID: satelliteID, Version: link.WireVersion, Kind: d.Kind, ID: d.ID,
			Generation: d.Generation, Deleted: d.Deleted, Content: d.Content, Tombstone: d.Gone,
		}
		if d.Gone {
			messages[i].Content = nil
		}
	}
	if err := m.desired.Send(ctx, satelliteID, messages); err != nil {
		return false, err
	}
	err = m.commit(ctx, now, func(t *transaction) error {
		for _, sent := range page.Rows {
			if err := t.published(sent); err != nil {
				return err
			}
		}
		return nil
	})
	return page.Next != "", err
}

// published notes that a record was sent. One that was changed meanwhile stays to be sent.
func (t *transaction) published(sent orrery.Desired) error {
	d, ok, err := find(t.Desired(), sent.Key())
	if err != nil || !ok {
		return err
	}
	if sent.Gone {
		if !d.Gone || d.Generation != sent.Generation {
			return nil // it is wanted again, and its next generation goes out after the tombstone
		}
		return t.forget(d)
	}
	d.Published = sent.Generation
	return t.Desired().Put(d)
}

// forget removes a record of which nothing is left, and has whatever waited for that looked at.
func (t *transaction) forget(d orrery.Desired) error {
	floor, err := t.generationFloor()
	if err != nil {
		return err
	}
	if d.Generation.Number > floor {
		if err := t.SetMeta(metaFloor, strconv.FormatInt(d.Generation.Number, 10)); err != nil {
			return err
		}
	}
	if err := t.Desired().Delete(d.Key()); err != nil {
		return err
	}
	switch d.Kind {
	case orrery.DesiredPSC:
		if err := t.PSCs().Delete(d.ID); err != nil {
			return err
		}
		t.watch(d.SatelliteID)
		return t.waitingAgain() // there is room on its satellite
	case orrery.DesiredTenant:
		t.settle(settleCluster + d.ID)
		return nil
	case orrery.DesiredSaltKey:
		return nil // nobody waits for it
	}
	pscID, id, _ := strings.Cut(d.ID, "/")
	t.settle(settleOf[d.Kind] + id)
	return t.settleClusters(pscID, orrery.PhaseDeleting)
}
