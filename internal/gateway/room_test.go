package gateway

import (
	"testing"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// A rule counts once for the limit, whether it is on its way, in force, or both, and in however many requests it is.
func TestRoom(t *testing.T) {
	var r room[string]
	const cluster, most = "lkc-aaaaaa", 3
	var present registry[authz.ACL]
	there := func(id string) bool { _, ok := present.get(id); return ok }
	apply := func(id string) {
		next := present.edition()
		next.put(id, authz.ACL{})
		present = next
	}
	reserve := func(want bool, ids ...string) {
		t.Helper()
		has, added, ok := r.reserve(func() (int, func(string) bool) { return present.size, there }, cluster, ids, most)
		if ok != want {
			t.Errorf("room for %v, where there are %d and these are %d more: %t, want %t", ids, has, added, ok, want)
		}
	}
	reserve(false, "a", "b", "c", "d")
	reserve(true, "a", "b")
	reserve(true, "a") // by somebody else at the same time
	apply("a")
	reserve(true, "c") // a is in force and on its way
	reserve(false, "d")
	reserve(true, "a", "b", "c")
	r.release(cluster, []string{"a", "b"})
	r.release(cluster, []string{"a"})
	reserve(false, "d") // b is still on its way for one of two
	apply("b")
	apply("c")
	r.release(cluster, []string{"c"})
	r.release(cluster, []string{"a", "b", "c"})
	reserve(false, "d")
	reserve(true, "c")
	r.release(cluster, []string{"c"})
	if len(r.coming) != 0 {
		t.Errorf("%v are on their way for ever", r.coming)
	}
}
