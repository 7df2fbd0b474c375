package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/store"
)

func wantDue(t *testing.T, tx store.Tx, loop string, now time.Time, limit int, want ...string) {
	t.Helper()
	got, err := tx.Queue().Due(loop, now, limit)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("at %v the keys %q of %s are due (%v), want %q", now, got, loop, err, want)
	}
}

func wantNext(t *testing.T, tx store.Tx, loop string, want time.Time) {
	t.Helper()
	if due, ok, err := tx.Queue().Next(loop); err != nil || !ok || !due.Equal(want) || due.Location() != time.UTC {
		t.Errorf("the next of %s is at %v, %v (%v), want %v", loop, due, ok, err, want)
	}
}

// testQueue walks one loop's set through its life.
func testQueue(t *testing.T, open Open) {
	s, _ := open(t)
	later := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	update(t, s, func(tx store.Tx) error {
		q := tx.Queue()
		return errors.Join(
			q.AddAt("place", "later", later(20)), q.AddAt("place", "soon", later(10)), q.AddAt("place", "also soon", later(10)),
			q.AddAt("place", "later", later(30)), // already due earlier
			q.Add("place", "z", "a"), q.Add("place", "a", "z", "z"))
	})
	update(t, s, func(tx store.Tx) error {
		wantDue(t, tx, "place", start, 10, "z", "a")
		wantDue(t, tx, "place", later(10).Add(-1), 10, "z", "a")
		wantDue(t, tx, "place", later(10), 10, "z", "a", "soon", "also soon")
		wantDue(t, tx, "place", later(20), 3, "z", "a", "soon")
		wantDue(t, tx, "place", later(20), 0)
		if due, ok, err := tx.Queue().Next("place"); !ok || err != nil || due.After(start) {
			t.Errorf("the next is at %v, %v (%v), want at once", due, ok, err)
		}
		return errors.Join(tx.Queue().Done("place", "z"), tx.Queue().Done("place", "a"), tx.Queue().Done("place", "unknown"))
	})
	update(t, s, func(tx store.Tx) error {
		wantNext(t, tx, "place", later(10))
		wantDue(t, tx, "place", later(10), 10, "soon", "also soon")
		return errors.Join(tx.Queue().AddAt("place", "later", later(5)), tx.Queue().AddAt("place", "soon", later(10)), tx.Queue().Add("place", "also soon"))
	})
	update(t, s, func(tx store.Tx) error {
		wantDue(t, tx, "place", later(60), 10, "also soon", "later", "soon")
		return errors.Join(tx.Queue().Done("place", "also soon"), tx.Queue().Done("place", "later"), tx.Queue().Done("place", "soon"))
	})
	update(t, s, func(tx store.Tx) error {
		wantDue(t, tx, "place", later(60), 10)
		if due, ok, err := tx.Queue().Next("place"); ok || err != nil {
			t.Errorf("an empty set has a next at %v (%v)", due, err)
		}
		return tx.Queue().AddAt("place", "later", later(30).Add(7)) // as if it had never been there
	})
	view(t, s, func(tx store.Tx) error { wantNext(t, tx, "place", later(30).Add(7)); return nil })
}

// testQueueLoops checks that sets of different loops, also of similar names, have nothing to do with each other.
func testQueueLoops(t *testing.T, open Open) {
	s, _ := open(t)
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.Queue().Add("place", "k"), tx.Queue().Add("place2", "k"), tx.Queue().AddAt("compose", "k", start))
	})
	update(t, s, func(tx store.Tx) error { return tx.Queue().Done("place", "k") })
	view(t, s, func(tx store.Tx) error {
		wantDue(t, tx, "place", start, 10)
		wantDue(t, tx, "place2", start, 10, "k")
		wantDue(t, tx, "compose", start, 10, "k")
		wantDue(t, tx, "", start, 10)
		return nil
	})
}
