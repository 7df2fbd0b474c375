package gateway

import (
	"testing"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// An ACL counts once for the limit, whether it is on its way, in force, or both, and in however many requests it is.
func TestRoomForACLs(t *testing.T) {
	var w aclWrites
	const cluster, most = "lkc-aaaaaa", 3
	var present registry[authz.ACL]
	apply := func(id string) {
		next := present.edition()
		next.put(id, authz.ACL{})
		present = next
	}
	reserve := func(want bool, ids ...string) {
		t.Helper()
		has, added, ok := w.reserve(func() *registry[authz.ACL] { return &present }, cluster, ids, most)
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
	w.release(cluster, []string{"a", "b"})
	w.release(cluster, []string{"a"})
	reserve(false, "d") // b is still on its way for one of two
	apply("b")
	apply("c")
	w.release(cluster, []string{"c"})
	w.release(cluster, []string{"a", "b", "c"})
	reserve(false, "d")
	reserve(true, "c")
	w.release(cluster, []string{"c"})
	if len(w.coming) != 0 {
		t.Errorf("%v are on their way for ever", w.coming)
	}
}
