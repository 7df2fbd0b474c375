package load

import (
	"slices"
	"sort"
)

// intervals is a set of numbers that takes as much memory as it has holes: what comes in order is one interval.
type intervals []interval

// interval is the numbers from first to last, both included.
type interval struct{ first, last int64 }

// add puts a number into the set and reports whether it was new.
func (s *intervals) add(n int64) bool {
	at := s.after(n)
	set := *s
	joinsPrevious := at > 0 && set[at-1].last+1 >= n
	if joinsPrevious && set[at-1].last >= n {
		return false
	}
	joinsNext := at < len(set) && set[at].first == n+1
	switch {
	case joinsPrevious && joinsNext:
		set[at-1].last = set[at].last
		*s = slices.Delete(set, at, at+1)
	case joinsPrevious:
		set[at-1].last = n
	case joinsNext:
		set[at].first = n
	default:
		*s = slices.Insert(set, at, interval{n, n})
	}
	return true
}

// after is the index of the first interval that begins after n.
func (s intervals) after(n int64) int {
	return sort.Search(len(s), func(i int) bool { return s[i].first > n })
}

// last is the greatest number of the set, 0 for none.
func (s intervals) last() int64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].last
}

// len is how many numbers are in the set.
func (s intervals) len() (n int64) {
	for _, i := range s {
		n += i.last - i.first + 1
	}
	return n
}

// without is what is in this set and not in another one.
func (s intervals) without(other intervals) (left intervals) {
	for _, i := range s {
		first := i.first
		for at := max(0, other.after(first)-1); at < len(other) && other[at].first <= i.last; at++ {
			if other[at].first > first {
				left = append(left, interval{first, other[at].first - 1})
			}
			first = max(first, other[at].last+1)
		}
		if first <= i.last {
			left = append(left, interval{first, i.last})
		}
	}
	return left
}
