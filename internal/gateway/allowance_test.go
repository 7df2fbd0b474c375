package gateway

import (
	"testing"
	"time"
)

// What is used comes again at an even pace, never more than the whole, and never by a clock that goes back.
func TestAllowance(t *testing.T) {
	var a allowance
	begin := time.Now()
	const size, period = 10, 10 * time.Second
	take := func(after time.Duration) time.Duration { return a.take(begin.Add(after), size, period) }
	for n := range size {
		if wait := take(0); wait != 0 {
			t.Fatalf("the first ones: %d has to wait %v", n, wait)
		}
	}
	for _, c := range []struct {
		what  string
		after time.Duration
		want  time.Duration
	}{
		{"with nothing left", 0, time.Second},
		{"a refusal uses none", 0, time.Second},
		{"half of one is there", 500 * time.Millisecond, 500 * time.Millisecond},
		{"the clock goes back", 0, 500 * time.Millisecond},
		{"it has come", time.Second, 0},
		{"and is used", time.Second, time.Second},
	} {
		if wait := take(c.after); (wait - c.want).Abs() > time.Millisecond {
			t.Errorf("%s: the wait is %v, want %v", c.what, wait, c.want)
		}
	}
	for n := range size { // an hour later it is whole, and no more than that
		if wait := take(time.Hour); wait != 0 {
			t.Fatalf("an hour later: %d has to wait %v", n, wait)
		}
	}
	if wait := take(time.Hour); wait == 0 {
		t.Error("more has come than there can be")
	}
}
