package rest

import (
	"context"
	"errors"
	"time"

	"github.com/orrery-kafka/orrery"
)

// usable waits until a creation is in force, so that a 2xx answer means usable. It returns an Unavailable error
// with the reason where the creation was withdrawn at its deadline.
func (c *call) usable(what string, state orrery.Lifecycle, read func(context.Context) (orrery.Lifecycle, error)) error {
	reason := state.Reason
	if state.Phase == orrery.PhaseUsable {
		return nil
	}
	err := c.wait(c.maxWait+graceWait, func() (bool, error) {
		now, err := read(c.ctx)
		switch {
		case orrery.ErrorCode(err) == orrery.NotFound || err == nil && now.Phase == orrery.PhaseDeleting:
			if err == nil && now.Reason != "" {
				reason = now.Reason
			}
			return false, orrery.Errorf(orrery.Unavailable, "%s could not be put in force in time and was withdrawn%s; try again", what, because(reason))
		case err != nil:
			return false, err
		}
		reason = now.Reason
		return now.Phase == orrery.PhaseUsable, nil
	})
	return unfinished(err, "%s is not in force yet%s; look at it again, it will be usable or withdrawn", what, &reason)
}

// removed waits until a deletion is in force. It stays so where this gives up: a repeated request waits on.
func (c *call) removed(what string, state orrery.Lifecycle, read func(context.Context) (orrery.Lifecycle, error)) error {
	reason := state.Reason
	if state.Phase == orrery.PhaseDeleting && state.Applied {
		return nil
	}
	err := c.wait(c.maxWait, func() (bool, error) {
		now, err := read(c.ctx)
		switch {
		case orrery.ErrorCode(err) == orrery.NotFound:
			return true, nil
		case err != nil:
			return false, err
		}
		reason = now.Reason
		return now.Applied, nil
	})
	return unfinished(err, "the deletion of %s is not in force everywhere yet%s; it goes on, and the same request says when it is done", what, &reason)
}

// changedEverywhere waits until a change is in force. It stays so where this gives up: a repeated request waits on.
func (c *call) changedEverywhere(what string, awaits func(context.Context) (reason string, err error)) error {
	reason := ""
	err := c.wait(c.maxWait, func() (done bool, err error) {
		reason, err = awaits(c.ctx)
		return reason == "", err
	})
	return unfinished(err, "the change of %s is not in force everywhere yet%s; it goes on, and the same request says when it is done", what, &reason)
}

// errWaited says that a wait took too long, or that nobody waits for the answer any more.
var errWaited = errors.New("waited for as long as a request may")

// unfinished makes an Unavailable error of the end of a wait, and leaves every other error as it is.
func unfinished(err error, format, what string, reason *string) error {
	if !errors.Is(err, errWaited) {
		return err
	}
	return orrery.Errorf(orrery.Unavailable, format, what, because(*reason))
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

// wait calls check at once, after every change, and each 250 ms, until it reports true or fails. It returns
// errWaited where that takes longer than atMost, or the client disconnects.
func (c *call) wait(atMost time.Duration, check func() (bool, error)) error {
	deadline := time.NewTimer(atMost)
	defer deadline.Stop()
	recheck := time.NewTicker(recheckInterval)
	defer recheck.Stop()
	for {
		changed := c.changed() // before the check, so that no change between the two is lost
		if done, err := check(); done || err != nil {
			if c.ctx.Err() != nil {
				return errWaited
			}
			return err
		}
		select {
		case <-changed:
		case <-recheck.C:
		case <-deadline.C:
			return errWaited
		case <-c.ctx.Done():
			return errWaited
		}
	}
}
