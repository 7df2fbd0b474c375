package load

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func has(set intervals, n int64) bool {
	return slices.ContainsFunc(set, func(i interval) bool { return i.first <= n && n <= i.last })
}

// TestIntervals compares the set with a map, on random numbers in a small range.
func TestIntervals(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const limit = 40
	for range 300 {
		var a, b intervals
		inA, inB := map[int64]bool{}, map[int64]bool{}
		for range random.IntN(2 * limit) {
			n := random.Int64N(limit)
			if a.add(n) == inA[n] {
				t.Fatalf("adding %d to %v was told to be new: %v", n, a, inA[n])
			}
			inA[n] = true
			m := random.Int64N(limit)
			b.add(m)
			inB[m] = true
		}
		left := a.without(b)
		for n := range int64(limit) {
			if has(a, n) != inA[n] || has(b, n) != inB[n] || has(left, n) != (inA[n] && !inB[n]) {
				t.Fatalf("%d: in %v %v, in %v %v, in the difference %v %v", n, a, has(a, n), b, has(b, n), left, has(left, n))
			}
		}
		if a.len() != int64(len(inA)) {
			t.Fatalf("%v has %d numbers, want %d", a, a.len(), len(inA))
		}
		for n := 1; n < len(a); n++ {
			if a[n].first <= a[n-1].last+1 {
				t.Fatalf("%v is not as short as it could be, or not in order", a)
			}
		}
	}
	var set intervals
	for _, n := range []int64{5, 1, 3, 4, 2} {
		set.add(n)
	}
	if !slices.Equal(set, intervals{{1, 5}}) || set.last() != 5 {
		t.Errorf("%v, the last is %d", set, set.last())
	}
}
