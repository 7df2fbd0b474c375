package rest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
)

// waiting returns a call whose waits are ended by changes.
func waiting(t *testing.T, atMost time.Duration) (*call, chan struct{}) {
	changes := make(chan struct{})
	return &call{server: &server{maxWait: atMost, changed: func() <-chan struct{} { return changes }}, ctx: t.Context()}, changes
}

func states(all ...orrery.Lifecycle) func(context.Context) (orrery.Lifecycle, error) {
	i := -1
	return func(context.Context) (orrery.Lifecycle, error) {
		i = min(i+1, len(all)-1)
		return all[i], nil
	}
}

func TestUsable(t *testing.T) {
	c, changes := waiting(t, time.Minute)
	close(changes) // always changing: no wait is for the clock
	pending := orrery.Lifecycle{Phase: orrery.PhasePending, Reason: "waiting for gateway 2"}
	usable := orrery.Lifecycle{Phase: orrery.PhaseUsable}
	withdrawn := orrery.Lifecycle{Phase: orrery.PhaseDeleting, Withdrawn: true}
	if err := c.usable("it", pending, states(pending, pending, usable)); err != nil {
		t.Fatal(err)
	}
	if err := c.usable("it", usable, nil); err != nil {
		t.Fatal(err)
	}
	err := c.usable("it", pending, states(pending, withdrawn))
	if orrery.ErrorCode(err) != orrery.Unavailable || !strings.Contains(err.Error(), "withdrawn (waiting for gateway 2)") {
		t.Fatalf("got %v", err)
	}
	gone := func(context.Context) (orrery.Lifecycle, error) {
		return orrery.Lifecycle{}, orrery.Errorf(orrery.NotFound, "gone")
	}
	if err := c.usable("it", pending, gone); orrery.ErrorCode(err) != orrery.Unavailable || !strings.Contains(err.Error(), "withdrawn (waiting for gateway 2)") {
		t.Fatalf("got %v", err)
	}
	broken := errors.New("disk full")
	if err := c.usable("it", pending, func(context.Context) (orrery.Lifecycle, error) { return orrery.Lifecycle{}, broken }); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
}

func TestRemoved(t *testing.T) {
	c, changes := waiting(t, time.Minute)
	close(changes)
	deleting := orrery.Lifecycle{Phase: orrery.PhaseDeleting, Reason: "waiting for gateway 2"}
	applied := orrery.Lifecycle{Phase: orrery.PhaseDeleting, Applied: true}
	for _, read := range []func(context.Context) (orrery.Lifecycle, error){
		states(deleting, applied),
		func(context.Context) (orrery.Lifecycle, error) {
			return orrery.Lifecycle{}, orrery.Errorf(orrery.NotFound, "gone")
		},
	} {
		if err := c.removed("it", deleting, read); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.removed("it", applied, nil); err != nil {
		t.Fatal(err)
	}
	c, _ = waiting(t, time.Nanosecond)
	err := c.removed("it", deleting, states(deleting))
	if orrery.ErrorCode(err) != orrery.Unavailable || !strings.Contains(err.Error(), "(waiting for gateway 2)") {
		t.Fatalf("got %v", err)
	}
}

func TestChangedEverywhere(t *testing.T) {
	c, changes := waiting(t, time.Minute)
	close(changes)
	left := 3
	awaits := func(context.Context) (string, error) {
		if left--; left > 0 {
			return "waiting for gateway 2", nil
		}
		return "", nil
	}
	if err := c.changedEverywhere("it", awaits); err != nil || left != 0 {
		t.Fatalf("got %v, %d looks left", err, left)
	}
	broken := errors.New("disk full")
	if err := c.changedEverywhere("it", func(context.Context) (string, error) { return "", broken }); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	c, _ = waiting(t, time.Nanosecond)
	err := c.changedEverywhere("it", func(context.Context) (string, error) { return "waiting for gateway 2", nil })
	if orrery.ErrorCode(err) != orrery.Unavailable || !strings.Contains(err.Error(), "it goes on") || !strings.Contains(err.Error(), "(waiting for gateway 2)") {
		t.Fatalf("got %v", err)
	}
}

// TestWaitLooksAgain: a change that nobody announced is found all the same.
func TestWaitLooksAgain(t *testing.T) {
	c, _ := waiting(t, time.Minute)
	looks := 0
	err := c.wait(time.Minute, func() (bool, error) {
		looks++
		return looks == 3, nil
	})
	if err != nil || looks != 3 {
		t.Fatalf("%d looks, %v", looks, err)
	}
}

func TestDisconnectEndsWait(t *testing.T) {
	c, _ := waiting(t, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	c.ctx = ctx
	err := c.usable("it", orrery.Lifecycle{}, func(context.Context) (orrery.Lifecycle, error) {
		cancel()
		return orrery.Lifecycle{Phase: orrery.PhasePending}, nil
	})
	if orrery.ErrorCode(err) != orrery.Unavailable {
		t.Fatalf("got %v", err)
	}
}
