// Package mem keeps the control plane's state in memory, for tests and the simulation.
//
// Rows are kept as JSON documents, as in the SQL stores, so nothing that a caller holds is shared with the store.
// All state is one immutable ordered tree: a View is a pointer to it, an Update builds another and swaps the
// pointer, a rollback forgets it. Cost depends on what a transaction touches, not on how much there is, and
// readers never wait. Order depends on the content alone.
package mem

import (
	"context"
	"math"
	"sync/atomic"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// Store is a store.Store that is gone when the process ends.
type Store struct {
	state  atomic.Pointer[node]
	spaces *spaces
	writer chan struct{} // holds the one token of the transaction that may change state
	closed chan struct{}
	once   atomic.Bool
}

var _ store.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store {
	s := &Store{writer: make(chan struct{}, 1), closed: make(chan struct{}), spaces: &spaces{numbers: map[spaceName]space{}}}
	s.writer <- struct{}{}
	return s
}

// Snapshot returns a store that is as this one is now. What is written to either is not seen in the other.
func (s *Store) Snapshot() *Store {
	c := New()
	c.spaces = s.spaces
	c.state.Store(s.state.Load())
	return c
}

// Close makes every later call fail. A transaction that is running may end.
func (s *Store) Close() error {
	if s.once.CompareAndSwap(false, true) {
		close(s.closed)
	}
	return nil
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, f func(store.Tx) error) error {
	if s.once.Load() {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &tx{root: s.state.Load(), spaces: s.spaces}
	defer t.end()
	return f(t)
}

// Update implements store.Store. Updates run one after another.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) error {
	if s.once.Load() {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.writer:
	case <-s.closed:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.writer <- struct{}{} }()
	t := &tx{root: s.state.Load(), spaces: s.spaces, writable: true}
	defer t.end()
	if err := f(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.state.Store(t.root)
	return nil
}

// tx is one transaction: the tree as it was when it began, and what it made of it.
type tx struct {
	root     *node
	spaces   *spaces
	writable bool
	ended    bool
}

// end makes every later call fail, and lets go of the tree: nodes that the transaction made know it for as long as they
// live.
func (t *tx) end() { t.ended, t.root = true, nil }

func (t *tx) readable() error {
	if t.ended {
		return store.ErrEnded
	}
	return nil
}

func (t *tx) writeable() error {
	switch {
	case t.ended:
		return store.ErrEnded
	case !t.writable:
		return store.ErrReadOnly
	}
	return nil
}

// The tables.
func (t *tx) Organizations() store.Table[orrery.Organization] {
	return table[orrery.Organization]{t, store.Organizations}
}
func (t *tx) Environments() store.Table[orrery.Environment] {
	return table[orrery.Environment]{t, store.Environments}
}
func (t *tx) Users() store.Table[orrery.User] { return table[orrery.User]{t, store.Users} }
func (t *tx) ServiceAccounts() store.Table[orrery.ServiceAccount] {
	return table[orrery.ServiceAccount]{t, store.ServiceAccounts}
}
func (t *tx) APIKeys() store.Table[orrery.APIKey] { return table[orrery.APIKey]{t, store.APIKeys} }
func (t *tx) RoleBindings() store.Table[orrery.RoleBinding] {
	return table[orrery.RoleBinding]{t, store.RoleBindings}
}
func (t *tx) IdentityProviders() store.Table[orrery.IdentityProvider] {
	return table[orrery.IdentityProvider]{t, store.IdentityProviders}
}
func (t *tx) IdentityPools() store.Table[orrery.IdentityPool] {
	return table[orrery.IdentityPool]{t, store.IdentityPools}
}
func (t *tx) CertificateAuthorities() store.Table[orrery.CertificateAuthority] {
	return table[orrery.CertificateAuthority]{t, store.CertificateAuthorities}
}
func (t *tx) LogicalClusters() store.Table[orrery.LogicalCluster] {
	return table[orrery.LogicalCluster]{t, store.LogicalClusters}
}
func (t *tx) PlacementDecisions() store.Table[orrery.PlacementDecision] {
	return table[orrery.PlacementDecision]{t, store.PlacementDecisions}
}
func (t *tx) PSCs() store.Table[orrery.PSC] { return table[orrery.PSC]{t, store.PSCs} }
func (t *tx) Satellites() store.Table[orrery.Satellite] {
	return table[orrery.Satellite]{t, store.Satellites}
}
func (t *tx) Desired() store.Table[orrery.Desired] { return table[orrery.Desired]{t, store.Desired} }
func (t *tx) Queue() store.Queue                   { return queue{t} }

func (t *tx) space(table, field, value string) space {
	return t.spaces.of(spaceName{table, field, value})
}

func (t *tx) put(k key, v *value) { t.root = t.root.put(k, v, t) }

func (t *tx) remove(k key) { t.root = t.root.remove(k, t) }

func (t *tx) meta(name string) key { return key{space: t.space("meta", "", ""), id: name} }

// Meta implements store.Tx.
func (t *tx) Meta(name string) (string, error) {
	if err := t.readable(); err != nil {
		return "", err
	}
	v, _ := t.root.get(t.meta(name))
	return string(v.document), nil
}

// SetMeta implements store.Tx.
func (t *tx) SetMeta(name, text string) error {
	if err := t.writeable(); err != nil {
		return err
	}
	t.put(t.meta(name), &value{document: []byte(text)})
	return nil
}

// before is the key in front of everything in a space: no id is empty.
func before(s space) key { return key{space: s, number: math.MinInt64} }
