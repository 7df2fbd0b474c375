// Package storetest is the suite that every adapter of package store must pass.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// Open returns an empty store. Where the store is durable, reopen closes it and opens what it left; otherwise it is
// nil. Open closes what it opened when the test ends.
type Open func(t *testing.T) (s store.Store, reopen func() store.Store)

// Run runs the whole suite.
func Run(t *testing.T, open Open) {
	t.Run("Table", func(t *testing.T) {
		runTable(t, open, store.Organizations, store.Tx.Organizations, func(o *orrery.Organization, id string) { o.ID = id })
		runTable(t, open, store.Environments, store.Tx.Environments, func(e *orrery.Environment, id string) { e.ID = id })
		runTable(t, open, store.Users, store.Tx.Users, func(u *orrery.User, id string) { u.ID = id })
		runTable(t, open, store.ServiceAccounts, store.Tx.ServiceAccounts, func(s *orrery.ServiceAccount, id string) { s.ID = id })
		runTable(t, open, store.APIKeys, store.Tx.APIKeys, func(k *orrery.APIKey, id string) { k.ID = id })
		runTable(t, open, store.IdentityProviders, store.Tx.IdentityProviders, func(p *orrery.IdentityProvider, id string) { p.ID = id })
		runTable(t, open, store.IdentityPools, store.Tx.IdentityPools, func(p *orrery.IdentityPool, id string) { p.ID = id })
		runTable(t, open, store.CertificateAuthorities, store.Tx.CertificateAuthorities, func(a *orrery.CertificateAuthority, id string) { a.ID = id })
		runTable(t, open, store.RoleBindings, store.Tx.RoleBindings, func(r *orrery.RoleBinding, id string) { r.ID = id })
		runTable(t, open, store.LogicalClusters, store.Tx.LogicalClusters, func(c *orrery.LogicalCluster, id string) { c.ID = id })
		runTable(t, open, store.PlacementDecisions, store.Tx.PlacementDecisions, func(d *orrery.PlacementDecision, id string) { d.LogicalClusterID = id })
		runTable(t, open, store.PSCs, store.Tx.PSCs, func(p *orrery.PSC, id string) { p.ID = id })
		runTable(t, open, store.Satellites, store.Tx.Satellites, func(s *orrery.Satellite, id string) { s.ID = id })
		runTable(t, open, store.Desired, store.Tx.Desired, func(d *orrery.Desired, id string) { d.ID = id })
	})
	for name, test := range map[string]func(*testing.T, Open){
		"Rollback":      testRollback,
		"ReadOnly":      testReadOnly,
		"Ended":         testEnded,
		"Snapshot":      testSnapshot,
		"NoLostUpdates": testNoLostUpdates,
		"Context":       testContext,
		"Close":         testClose,
		"Queue":         testQueue,
		"QueueLoops":    testQueueLoops,
		"Meta":          testMeta,
		"Aliasing":      testAliasing,
		"PageLimit":     testPageLimit,
		"Durable":       testDurable,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// timeout bounds whatever a test waits for.
const timeout = time.Minute

func testContextFor(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	return ctx
}

func update(t *testing.T, s store.Store, f func(store.Tx) error) {
	t.Helper()
	if err := s.Update(testContextFor(t), f); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func view(t *testing.T, s store.Store, f func(store.Tx) error) {
	t.Helper()
	if err := s.View(testContextFor(t), f); err != nil {
		t.Fatalf("View: %v", err)
	}
}

func wantCode(t *testing.T, err error, code orrery.Code) {
	t.Helper()
	if orrery.ErrorCode(err) != code {
		t.Errorf("error %v has code %q, want %q", err, orrery.ErrorCode(err), code)
	}
}

// start is when the rows of the tests begin: with nanoseconds, in UTC.
var start = time.Date(2026, 11, 22, 12, 0, 0, 123456789, time.UTC)
