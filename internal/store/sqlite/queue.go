package sqlite

import (
	"database/sql"
	"time"

	"github.com/orrery-kafka/orrery/internal/store"
)

// queue is the loops' sets of keys. A key's sequence says when it was last put to its due time.
type queue struct{ tx *tx }

// Add implements store.Queue.
func (q queue) Add(loop string, keys ...string) error {
	for _, key := range keys {
		if err := q.AddAt(loop, key, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// AddAt implements store.Queue.
func (q queue) AddAt(loop, key string, due time.Time) error {
	return q.tx.write(`INSERT INTO queue (loop, key, due) VALUES (?, ?, ?) ON CONFLICT (loop, key) DO UPDATE
		SET due = excluded.due, sequence = (SELECT max(sequence) + 1 FROM queue) WHERE excluded.due < queue.due`, loop, key, store.Due(due))
}

// Due implements store.Queue.
func (q queue) Due(loop string, now time.Time, limit int) (keys []string, err error) {
	err = q.tx.rows("SELECT key FROM queue WHERE loop = ? AND due <= ? ORDER BY due, sequence LIMIT ?",
		[]any{loop, store.Due(now), max(0, limit)}, func(rows *sql.Rows) error {
			var key string
			err := rows.Scan(&key)
			keys = append(keys, key)
			return err
		})
	return keys, err
}

// Next implements store.Queue.
func (q queue) Next(loop string) (due time.Time, ok bool, err error) {
	var nanoseconds int64
	ok, err = q.tx.row("SELECT due FROM queue WHERE loop = ? ORDER BY due LIMIT 1", []any{loop}, &nanoseconds)
	if !ok {
		return time.Time{}, false, err
	}
	return store.DueTime(nanoseconds), true, nil
}

// Done implements store.Queue.
func (q queue) Done(loop, key string) error {
	return q.tx.write("DELETE FROM queue WHERE loop = ? AND key = ?", loop, key)
}
