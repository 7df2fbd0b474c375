package embedded

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		var at []time.Duration
		fail := 0
		l := &loop{name: "test", woken: make(nudge, 1), step: func(_ context.Context, now time.Time) (time.Time, error) {
			at = append(at, now.Sub(began))
			if fail > 0 {
				fail--
				return time.Time{}, errors.New("not now")
			}
			return now.Add(time.Second), nil
		}}
		done := make(chan error, 1)
		go func() { done <- l.run(ctx, slog.New(slog.DiscardHandler)) }()
		synctest.Wait()
		time.Sleep(1500 * time.Millisecond) // the timer came round once
		l.woken.give()
		synctest.Wait()
		fail = 2
		l.woken.give()
		synctest.Wait()
		l.woken.give() // does not cut the pause after a failure short
		time.Sleep(150 * time.Millisecond)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("a cancelled loop returned %v", err)
		}
		want := []time.Duration{0, 1000, 1500, 1500, 1550, 1650}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if len(at) < len(want) {
			t.Fatalf("steps at %v, want %v", at, want)
		}
		for i, w := range want {
			if at[i] != w {
				t.Errorf("step %d at %v, want %v", i, at[i], w)
			}
		}
	})
}

func TestLoopEndsOnFinalError(t *testing.T) {
	fenced := errors.New("fenced")
	l := &loop{name: "test", woken: make(nudge, 1),
		step:  func(context.Context, time.Time) (time.Time, error) { return time.Time{}, fenced },
		final: func(err error) bool { return errors.Is(err, fenced) },
	}
	if err := l.run(t.Context(), slog.New(slog.DiscardHandler)); !errors.Is(err, fenced) {
		t.Errorf("got %v", err)
	}
}
