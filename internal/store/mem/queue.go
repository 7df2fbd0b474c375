package mem

import (
	"fmt"
	"time"

	"github.com/orrery-kafka/orrery/internal/store"
)

// queue keeps a loop's keys twice: by key, to know when each is due, and by when it is due and then by when it was
// added.
type queue struct{ tx *tx }

func (q queue) queued(loop, name string) key {
	return key{space: q.tx.space("queued", loop, ""), id: name}
}

func (q queue) due(loop string) space { return q.tx.space("due", loop, "") }

// added counts what was ever put into a queue.
func (q queue) added() key { return key{space: q.tx.space("added", "", "")} }

// Add implements store.Queue.
func (q queue) Add(loop string, keys ...string) error {
	for _, name := range keys {
		if err := q.AddAt(loop, name, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// AddAt implements store.Queue.
func (q queue) AddAt(loop, name string, at time.Time) error {
	if err := q.tx.writeable(); err != nil {
		return err
	}
	queued, due := q.queued(loop, name), q.due(loop)
	if old, ok := q.tx.root.get(queued); ok {
		if old.number <= store.Due(at) {
			return nil
		}
		q.tx.remove(key{due, old.number, old.place})
	}
	last, _ := q.tx.root.get(q.added())
	count := last.number + 1
	place := fmt.Sprintf("%016x", count)
	q.tx.put(q.added(), &value{number: count})
	q.tx.put(queued, &value{number: store.Due(at), place: place})
	q.tx.put(key{due, store.Due(at), place}, &value{document: []byte(name)})
	return nil
}

// Due implements store.Queue.
func (q queue) Due(loop string, now time.Time, limit int) ([]string, error) {
	if err := q.tx.readable(); err != nil {
		return nil, err
	}
	var names []string
	due := q.due(loop)
	q.tx.root.ascend(before(due), func(k key, v *value) bool {
		if k.space != due || k.number > store.Due(now) || len(names) >= limit {
			return false
		}
		names = append(names, string(v.document))
		return true
	})
	return names, nil
}

// Next implements store.Queue.
func (q queue) Next(loop string) (at time.Time, ok bool, err error) {
	if err := q.tx.readable(); err != nil {
		return time.Time{}, false, err
	}
	due := q.due(loop)
	q.tx.root.ascend(before(due), func(k key, _ *value) bool {
		if k.space == due {
			at, ok = store.DueTime(k.number), true
		}
		return false
	})
	return at, ok, nil
}

// Done implements store.Queue.
func (q queue) Done(loop, name string) error {
	if err := q.tx.writeable(); err != nil {
		return err
	}
	if old, ok := q.tx.root.get(q.queued(loop, name)); ok {
		q.tx.remove(q.queued(loop, name))
		q.tx.remove(key{q.due(loop), old.number, old.place})
	}
	return nil
}
