package authz_test

import (
	"sync"
	"testing"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// TestReadersAndChanges reads one Authorizer from several goroutines while others make the next ones of it: nothing of it
// may change. The race detector, where it is on, and the runtime's check of maps watch.
func TestReadersAndChanges(t *testing.T) {
	r := newRandom(1)
	acls := r.acls(400)
	a := authz.NewAuthorizer(tenant).With(authz.Changes{AddACLs: acls, PutBindings: []authz.Binding{r.binding()}})
	requests := make([]authz.Request, 200)
	want := make([]bool, len(requests))
	for i := range requests {
		requests[i] = r.near(acls)
		want[i] = a.Authorize(requests[i]).Allowed
	}
	var all sync.WaitGroup
	for worker := range uint64(4) {
		all.Go(func() {
			r := newRandom(worker)
			next := a
			for range 50 {
				next = next.With(authz.Changes{AddACLs: r.acls(5), RemoveACLs: []authz.ACL{one(r, acls...)}, PutBindings: []authz.Binding{r.binding()}})
				for i, q := range requests {
					next.Authorize(q)
					if a.Authorize(q).Allowed != want[i] {
						t.Errorf("the answer changed: %s", authz.Verdict{}.Reason(q))
						return
					}
				}
			}
		})
	}
	all.Wait()
}
