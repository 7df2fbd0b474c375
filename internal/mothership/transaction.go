package mothership

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/store"
)

// transaction is one transaction of the store with what belongs to it: who asked and what they may do, the
// follow-up work, and what is to be told to others once it is committed.
type transaction struct {
	store.Tx
	m      *Mothership
	now    time.Time
	actor  Actor
	policy *authz.Policy // nil in a step, which acts for the platform

	work    []job // follow-ups, done in this transaction as far as the budget goes
	queued  map[job]bool
	nudges  map[string]bool
	watched []string // satellites for the monitor
	changed bool     // somebody's wait may be over
	live    map[string][]orrery.LogicalCluster
}

// job is one follow-up: a key of one loop's queue.
type job struct{ loop, key string }

// batch bounds what one transaction does: rows of a step, and follow-ups.
const batch = 200

// view runs f for an actor on a snapshot.
func (m *Mothership) view(ctx context.Context, actor Actor, f func(*transaction) error) error {
	return m.store.View(ctx, func(tx store.Tx) error {
		t := m.transaction(tx, m.now())
		if err := t.enter(actor); err != nil {
			return err
		}
		return f(t)
	})
}

// update runs f for an actor, then the follow-ups, in one transaction; then it nudges.
func (m *Mothership) update(ctx context.Context, actor Actor, f func(*transaction) error) error {
	return m.commit(ctx, m.now(), func(t *transaction) error {
		if err := t.enter(actor); err != nil {
			return err
		}
		return f(t)
	})
}

// commit runs f and the follow-ups in one transaction, and tells others after the commit.
func (m *Mothership) commit(ctx context.Context, now time.Time, f func(*transaction) error) error {
	var t *transaction
	err := m.store.Update(ctx, func(tx store.Tx) error {
		t = m.transaction(tx, now)
		if err := f(t); err != nil {
			return err
		}
		return t.followUp()
	})
	if err != nil {
		return err
	}
	if len(t.watched) > 0 {
		m.fleet.watch(t.watched...)
	}
	for _, loop := range slices.Sorted(maps.Keys(t.nudges)) {
		m.nudge(loop)
	}
	if t.changed {
		m.changed()
	}
	return nil
}

func (m *Mothership) transaction(tx store.Tx, now time.Time) *transaction {
	return &transaction{
		Tx: tx, m: m, now: now.UTC(),
		queued: map[job]bool{}, nudges: map[string]bool{}, live: map[string][]orrery.LogicalCluster{},
	}
}

// enqueue puts a key into a loop's queue and nudges the loop.
func (t *transaction) enqueue(loop string, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	t.nudges[loop] = true
	return t.Queue().Add(loop, keys...)
}

// watch has the monitor look at a satellite.
func (t *transaction) watch(satelliteID string) {
	t.nudges[LoopMonitor] = true
	t.watched = append(t.watched, satelliteID)
}

// compose asks for desired records to be recomputed, settle for waits to be looked at: in this transaction, or,
// beyond the budget, by their loop.
func (t *transaction) compose(keys ...string) { t.later(LoopCompose, keys) }

func (t *transaction) settle(keys ...string) { t.later(LoopSettle, keys) }

func (t *transaction) later(loop string, keys []string) {
	for _, key := range keys {
		j := job{loop, key}
		if !t.queued[j] {
			t.queued[j] = true
			t.work = append(t.work, j)
		}
	}
}

// followUp does the asked-for work, first composing and then settling, until there is none or the budget is spent;
// the rest goes to the queues.
func (t *transaction) followUp() error {
	for budget := batch; budget > 0 && len(t.work) > 0; budget-- {
		i := max(0, slices.IndexFunc(t.work, func(j job) bool { return j.loop == LoopCompose }))
		next := t.work[i]
		t.work = slices.Delete(t.work, i, i+1)
		delete(t.queued, next)
		do := t.settleKey
		if next.loop == LoopCompose {
			do = t.composeKey
		}
		if err := do(next.key); err != nil {
			return fmt.Errorf("%s %s: %w", next.loop, next.key, err)
		}
	}
	for _, j := range t.work {
		if err := t.enqueue(j.loop, j.key); err != nil {
			return err
		}
	}
	return nil
}

// each calls f with every row that a query selects, page by page.
func each[T any](table store.Table[T], q store.Query, f func(T) error) error {
	for {
		page, err := table.List(q)
		if err != nil {
			return err
		}
		for _, row := range page.Rows {
			if err := f(row); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
	}
}

// list returns one page of the rows that a query selects and keep keeps.
func list[T, V any](table store.Table[T], where map[store.Field]string, page Page, keep func(T) (V, bool, error)) (List[V], error) {
	size := page.Size
	if size <= 0 || size > MaxPageSize {
		size = MaxPageSize
	}
	out := List[V]{Rows: []V{}}
	q := store.Query{Where: where, After: page.Token}
	for {
		q.Limit = size - len(out.Rows) // so that the cursor is that of the last row that is returned
		rows, err := table.List(q)
		if err != nil {
			return List[V]{}, err
		}
		for _, row := range rows.Rows {
			v, ok, err := keep(row)
			if err != nil {
				return List[V]{}, err
			}
			if ok {
				out.Rows = append(out.Rows, v)
			}
		}
		q.After, out.Next = rows.Next, rows.Next
		if rows.Next == "" || len(out.Rows) == size {
			return out, nil
		}
	}
}

// find returns a row, and false where there is none.
func find[T any](table store.Table[T], id string) (row T, ok bool, err error) {
	if id == "" || len(id) > maxIDLength {
		return row, false, nil
	}
	row, err = table.Get(id)
	if orrery.ErrorCode(err) == orrery.NotFound {
		return row, false, nil
	}
	return row, err == nil, err
}

// maxIDLength bounds the ids that are looked up: every id of ours is shorter.
const maxIDLength = 255

// newID draws an id that the table does not have.
func newID[T any](t *transaction, table store.Table[T], draw func(io.Reader) (string, error)) (string, error) {
	for range 100 {
		id, err := draw(t.m.random)
		if err != nil {
			return "", err
		}
		if _, taken, err := find(table, id); err != nil || !taken {
			return id, err
		}
	}
	return "", errors.New("a hundred ids in a row were taken: the source of randomness is broken")
}

func prefixed(prefix string) func(io.Reader) (string, error) {
	return func(random io.Reader) (string, error) { return orrery.NewID(random, prefix) }
}

// lockedReader makes a reader safe for use cases and steps at once.
type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

// Read implements io.Reader.
func (l *lockedReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}
