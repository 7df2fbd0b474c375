package sim

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// storeView is the store as one life of the mothership sees it.
type storeView struct {
	world   *World
	process *process
}

var _ store.Store = storeView{}

var errStoreDown = orrery.Errorf(orrery.Unavailable, "the store cannot be reached")

// View implements store.Store.
func (s storeView) View(ctx context.Context, f func(store.Tx) error) error {
	switch {
	case s.process.dead:
		return errCrashed
	case s.world.storeDown:
		return errStoreDown
	}
	if s.world.replica != nil {
		return s.world.replica.View(ctx, f)
	}
	return s.world.store.View(ctx, f)
}

// Update implements store.Store. What it wrote is checked once it is committed.
func (s storeView) Update(ctx context.Context, f func(store.Tx) error) error {
	if s.world.storeDown {
		return errStoreDown
	}
	if s.process.dead {
		return errCrashed
	}
	w := s.world
	watched, committed := &watchedTx{}, false
	err := s.process.effect(func() error {
		err := w.store.Update(ctx, func(tx store.Tx) error {
			*watched = watchedTx{Tx: tx}
			return f(watched)
		})
		committed = err == nil
		return err
	})
	if committed {
		w.counts.Commits++
		w.counts.Rows += watched.rows
		for _, check := range watched.checks {
			check(w)
		}
	}
	return err
}

// Close implements store.Store.
func (s storeView) Close() error { return nil }

// watchedTx notes what a transaction writes.
type watchedTx struct {
	store.Tx
	rows   int
	checks []func(*World)
}

// Desired implements store.Tx.
func (t *watchedTx) Desired() store.Table[orrery.Desired] {
	return watchedTable[orrery.Desired]{t.Tx.Desired(), t, orrery.Desired.Key, (*World).checkDesired}
}

// LogicalClusters implements store.Tx.
func (t *watchedTx) LogicalClusters() store.Table[orrery.LogicalCluster] {
	return watchedTable[orrery.LogicalCluster]{t.Tx.LogicalClusters(), t, func(c orrery.LogicalCluster) string { return c.ID }, (*World).checkCluster}
}

// APIKeys implements store.Tx.
func (t *watchedTx) APIKeys() store.Table[orrery.APIKey] {
	return watchedTable[orrery.APIKey]{t.Tx.APIKeys(), t, func(k orrery.APIKey) string { return k.ID }, (*World).checkAPIKey}
}

// RoleBindings implements store.Tx.
func (t *watchedTx) RoleBindings() store.Table[orrery.RoleBinding] {
	return watchedTable[orrery.RoleBinding]{t.Tx.RoleBindings(), t, func(b orrery.RoleBinding) string { return b.ID }, (*World).checkRoleBinding}
}

// PSCs implements store.Tx.
func (t *watchedTx) PSCs() store.Table[orrery.PSC] {
	return watchedTable[orrery.PSC]{t.Tx.PSCs(), t, func(p orrery.PSC) string { return p.ID }, (*World).checkPSC}
}

// watchedTable is a table of which each write is checked: before is nil for a new row, after for one that is deleted.
type watchedTable[T any] struct {
	store.Table[T]
	tx    *watchedTx
	id    func(T) string
	check func(w *World, before, after *T)
}

// Put implements store.Table.
func (t watchedTable[T]) Put(row T) error {
	before, err := t.before(t.id(row))
	if err != nil {
		return err
	}
	t.note(before, &row)
	return t.Table.Put(row)
}

// Delete implements store.Table.
func (t watchedTable[T]) Delete(id string) error {
	before, err := t.before(id)
	if err != nil || before == nil {
		return err
	}
	t.note(before, nil)
	return t.Table.Delete(id)
}

func (t watchedTable[T]) before(id string) (*T, error) {
	row, err := t.Get(id)
	switch {
	case orrery.ErrorCode(err) == orrery.NotFound:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &row, nil
}

func (t watchedTable[T]) note(before, after *T) {
	t.tx.rows++
	t.tx.checks = append(t.tx.checks, func(w *World) { t.check(w, before, after) })
}
