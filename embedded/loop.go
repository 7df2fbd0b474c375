package embedded

import (
	"context"
	"log/slog"
	"time"

	"github.com/orrery-kafka/orrery/internal/pace"
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

// run calls the step until ctx ends or an error is final, which it returns.
func (l *loop) run(ctx context.Context, log *slog.Logger) error {
	var p pace.Pace
	for ctx.Err() == nil {
		next, err := l.step(ctx, time.Now())
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil && l.final != nil && l.final(err):
			return err
		}
		rest, held := p.After(time.Now(), next, err)
		if err != nil {
			log.Warn("a step failed and will be tried again", "loop", l.name, "pause", rest, "error", err)
		}
		l.sleep(ctx, rest, held)
	}
	return nil
}

// sleep waits for the timer, the end or, unless it is held, a nudge.
func (l *loop) sleep(ctx context.Context, wait time.Duration, held bool) {
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	woken := l.woken
	if held {
		woken = nil
	}
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-woken:
	}
}
