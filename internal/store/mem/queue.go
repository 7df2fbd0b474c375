package mem

import (
	"fmt"
	"time"

	"github.com/orrery-kafka/orrery/internal/store"
)

// queue keeps a loop's keys twice: by key, to know when each is due, and by when it is due and then by when it was
// added.
type queue struct{ tx *tx }

func queued(loop, name string) key { return key{space: "queued/" + loop, id: name} }

func due(loop string) string { return "due/" + loop }

// added counts what was ever put into a queue.
var added = key{space: "added"}

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
	root := q.tx.root
	if old, ok := root.get(queued(loop, name)); ok {
		if old.number <= store.Due(at) {
			return nil
		}
		root = root.remove(key{due(loop), old.number, old.place})
	}
	count, _ := root.get(added)
	count.number++
	place := fmt.Sprintf("%016x", count.number)
	root = root.put(added, count)
	root = root.put(queued(loop, name), value{number: store.Due(at), place: place})
	q.tx.root = root.put(key{due(loop), store.Due(at), place}, value{document: []byte(name)})
	return nil
}

// Due implements store.Queue.
func (q queue) Due(loop string, now time.Time, limit int) ([]string, error) {
	if err := q.tx.readable(); err != nil {
		return nil, err
	}
	var names []string
	q.tx.root.ascend(before(due(loop)), func(k key, v value) bool {
		if k.space != due(loop) || k.number > store.Due(now) || len(names) >= limit {
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
	q.tx.root.ascend(before(due(loop)), func(k key, _ value) bool {
		if k.space == due(loop) {
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
	if old, ok := q.tx.root.get(queued(loop, name)); ok {
		q.tx.root = q.tx.root.remove(queued(loop, name)).remove(key{due(loop), old.number, old.place})
	}
	return nil
}
