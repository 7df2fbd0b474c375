package embedded

import (
	"context"
	"log/slog"
	"time"
)

// loop gives a step its goroutine, timer and nudge. A step is idempotent and takes no input, so a lost nudge
// loses nothing: the timer comes round.
type loop struct {
	name  string
	step  func(ctx context.Context, now time.Time) (next time.Time, err error)
	final func(error) bool // an error that ends the loop, such as being fenced; nil: none does
	woken nudge
}

// nudge wakes one loop. It may be used before the loop runs.
type nudge chan struct{}

// give never blocks, and nudges in a row are one.
func (n nudge) give() {
	select {
	case n <- struct{}{}:
	default:
	}
}

// The shortest and longest pause after a failed step; each failure in a row doubles it.
const (
	minPause = 50 * time.Millisecond
	maxPause = 5 * time.Second
	// fullPass is how long a loop with nothing due sleeps at the most.
	fullPass = time.Minute
)

// run calls the step until ctx ends or an error is final, which it returns.
func (l *loop) run(ctx context.Context, log *slog.Logger) error {
	pause := minPause
	for ctx.Err() == nil {
		next, err := l.step(ctx, time.Now())
		wait := min(time.Until(next), fullPass)
		if next.IsZero() {
			wait = fullPass
		}
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil && l.final != nil && l.final(err):
			return err
		case err != nil:
			log.Warn("a step failed and will be tried again", "loop", l.name, "pause", pause, "error", err)
			wait, pause = pause, min(2*pause, maxPause)
		default:
			pause = minPause
		}
		l.sleep(ctx, wait, err != nil)
	}
	return nil
}

// sleep waits for the timer, a nudge or the end. After a failure a nudge does not cut the pause short, so that
// a step that fails and nudges itself cannot spin.
func (l *loop) sleep(ctx context.Context, wait time.Duration, failed bool) {
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	woken := l.woken
	if failed {
		woken = nil
	}
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-woken:
	}
}
