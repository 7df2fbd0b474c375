package pace_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/pace"
)

func TestAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var p pace.Pace
	for _, c := range []struct {
		next time.Time
		rest time.Duration
	}{
		{time.Time{}, pace.FullPass}, {now, 0}, {now.Add(time.Second), time.Second}, {now.Add(time.Hour), pace.FullPass},
	} {
		if rest, held := p.After(now, c.next, nil); rest != c.rest || held {
			t.Errorf("next in %v: it rests for %v, held %v", c.next.Sub(now), rest, held)
		}
	}
	var pauses []time.Duration
	for range 9 {
		rest, held := p.After(now, now, errors.New("x"))
		if !held {
			t.Error("a nudge would cut the pause after a failure short")
		}
		pauses = append(pauses, rest/time.Millisecond)
	}
	if want := []time.Duration{50, 100, 200, 400, 800, 1600, 3200, 5000, 5000}; !slices.Equal(pauses, want) {
		t.Errorf("it pauses for %d ms after failures in a row; want %d", pauses, want)
	}
	p.After(now, now, nil)
	if rest, _ := p.After(now, now, errors.New("x")); rest != 50*time.Millisecond {
		t.Errorf("after a success it pauses for %v", rest)
	}
}
