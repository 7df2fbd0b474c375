package mothership

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orrery-kafka/orrery/internal/store"
)

// behindPause is how long a loop rests that was told of work that is done already: what it reads is behind.
const behindPause = time.Second

// drain takes a batch of due keys off a loop's queue and does each. It writes nothing where none is due.
func (m *Mothership) drain(ctx context.Context, now time.Time, loop string, do func(*transaction, string) error) (next time.Time, err error) {
	var due []string
	err = m.store.View(ctx, func(tx store.Tx) error {
		if due, err = tx.Queue().Due(loop, now, batch); err != nil || len(due) > 0 {
			return err
		}
		next, _, err = tx.Queue().Next(loop)
		return err
	})
	if err != nil || len(due) == 0 {
		return next, err
	}
	err = m.commit(ctx, now, func(t *transaction) (err error) {
		if due, err = t.Queue().Due(loop, now, batch); err != nil {
			return err
		}
		for _, key := range due {
			if err := t.take(loop, key, do); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		err = m.isolate(ctx, now, loop, due, do)
	}
	if len(due) == 0 {
		return now.Add(behindPause), err
	}
	return now, err // there may be more
}

func (t *transaction) take(loop, key string, do func(*transaction, string) error) error {
	if err := t.Queue().Done(loop, key); err != nil {
		return err
	}
	if err := do(t, key); err != nil {
		return fmt.Errorf("%s %s: %w", loop, key, err)
	}
	return nil
}

// retryInterval is when a key that failed by itself is tried again.
const retryInterval = time.Minute

// isolate does a batch that failed key by key, so that one that cannot be done does not hold up the others, and
// puts the ones that fail off. It returns their errors.
func (m *Mothership) isolate(ctx context.Context, now time.Time, loop string, keys []string, do func(*transaction, string) error) error {
	var failed []error
	for _, key := range keys {
		err := m.commit(ctx, now, func(t *transaction) error { return t.take(loop, key, do) })
		if err == nil {
			continue
		}
		failed = append(failed, err)
		err = m.commit(ctx, now, func(t *transaction) error {
			if err := t.Queue().Done(loop, key); err != nil {
				return err
			}
			return t.Queue().AddAt(loop, key, now.Add(retryInterval))
		})
		if err != nil {
			return errors.Join(append(failed, err)...) // the store itself fails
		}
	}
	return errors.Join(failed...)
}
