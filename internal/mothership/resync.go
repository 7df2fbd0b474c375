package mothership

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// Resync looks at everything that loops look at: the rare full pass, due at start. It repairs what a fault left undone
// and, after a restore from backup, gives every record the new term.
func (m *Mothership) Resync(ctx context.Context) error {
	for _, pass := range []func(context.Context, string) (string, error){
		resync(m, store.Tx.PSCs, func(p orrery.PSC) []job { return []job{{LoopCompose, orrery.DesiredPSC + "/" + p.ID}} }),
		resync(m, store.Tx.LogicalClusters, resyncCluster),
		resync(m, store.Tx.APIKeys, func(k orrery.APIKey) []job {
			return []job{{LoopCompose, composeAPIKey + k.ID}, {LoopSettle, settleAPIKey + k.ID}}
		}),
		resync(m, store.Tx.RoleBindings, func(b orrery.RoleBinding) []job {
			return []job{{LoopCompose, composeRoleBinding + b.ID}, {LoopSettle, settleRoleBinding + b.ID}}
		}),
		resync(m, store.Tx.IdentityProviders, func(p orrery.IdentityProvider) []job {
			return []job{{LoopCompose, composeIdentityProvider + p.ID}, {LoopSettle, settleIdentityProvider + p.ID}}
		}),
		resync(m, store.Tx.IdentityPools, func(p orrery.IdentityPool) []job {
			return []job{{LoopCompose, composeIdentityPool + p.ID}, {LoopSettle, settleIdentityPool + p.ID}}
		}),
		resync(m, store.Tx.CertificateAuthorities, func(a orrery.CertificateAuthority) []job {
			return []job{{LoopCompose, composeCertificateAuthority + a.ID}, {LoopSettle, settleCertificateAuthority + a.ID}}
		}),
		resync(m, store.Tx.ServiceAccounts, func(s orrery.ServiceAccount) []job {
			return []job{{LoopSettle, settleServiceAccount + s.ID}}
		}),
		resync(m, store.Tx.Satellites, func(s orrery.Satellite) []job {
			if s.Registration == nil {
				return nil
			}
			return []job{{LoopCompose, orrery.DesiredCertificates + "/" + s.ID}}
		}),
		resync(m, store.Tx.Desired, func(d orrery.Desired) []job { return []job{{LoopCompose, d.Key()}} }),
	} {
		for cursor, first := "", true; first || cursor != ""; first = false {
			next, err := pass(ctx, cursor)
			if err != nil {
				return err
			}
			cursor = next
		}
	}
	m.nudge(LoopMonitor)
	m.nudge(LoopPublish)
	m.nudge(LoopCollect)
	return nil
}

func resyncCluster(c orrery.LogicalCluster) []job {
	if c.State.Phase == orrery.PhasePending && c.PhysicalClusterID == "" {
		return []job{{LoopPlace, c.ID}}
	}
	return []job{{LoopCompose, orrery.DesiredTenant + "/" + c.ID}, {LoopSettle, settleCluster + c.ID}}
}

// resyncRows is how many rows one transaction of Resync looks at: what follows from them fits into it, as a rule.
const resyncRows = batch / 2

// resync returns a function that looks at one page of a table and returns the cursor of the next. A page in which
// something cannot be done is left to the loops, which do the rest of it.
func resync[T any](m *Mothership, table func(store.Tx) store.Table[T], jobs func(T) []job) func(context.Context, string) (string, error) {
	return func(ctx context.Context, cursor string) (next string, err error) {
		pass := func(do func(*transaction, job) error) error {
			return m.commit(ctx, m.now(), func(t *transaction) error {
				page, err := table(t.Tx).List(store.Query{After: cursor, Limit: resyncRows})
				if err != nil {
					return err
				}
				next = page.Next
				for _, row := range page.Rows {
					for _, j := range jobs(row) {
						if err := do(t, j); err != nil {
							return err
						}
					}
				}
				return nil
			})
		}
		queue := func(t *transaction, j job) error { return t.enqueue(j.loop, j.key) }
		err = pass(func(t *transaction, j job) error {
			if j.loop == LoopPlace {
				return queue(t, j)
			}
			t.later(j.loop, []string{j.key})
			return nil
		})
		if err != nil && ctx.Err() == nil {
			err = pass(queue)
		}
		return next, err
	}
}
