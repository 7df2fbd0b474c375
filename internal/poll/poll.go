// Package poll waits in tests for what a real engine or server does in its own time and sends no word about. Where
// there is a channel to wait for, wait for that.
package poll

import (
	"testing"
	"time"
)

const (
	// patience is how long a failing test takes to say so. A passing one never waits for it.
	patience = time.Minute
	interval = 2 * time.Millisecond
)

// Success calls attempt at once and then every few milliseconds until it returns nil. After a minute it ends the test
// with the error. Call it on the test's goroutine.
func Success(t testing.TB, attempt func() error) {
	t.Helper()
	within(t, patience, interval, attempt)
}

// Patiently is Success for what takes a machine that has much to do minutes, such as the start of several JVMs: it calls
// attempt ten times a second and ends the test after five minutes.
func Patiently(t testing.TB, attempt func() error) {
	t.Helper()
	within(t, 5*patience, 50*interval, attempt)
}

func within(t testing.TB, patience, interval time.Duration, attempt func() error) {
	t.Helper()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		err := attempt()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after %s: %v", patience, err)
		}
	}
}

// Until calls holds as Success does, until it returns true; what completes "waited for ...".
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	Success(t, func() error {
		if !holds() {
			return unmet(what)
		}
		return nil
	})
}

// unmet is a condition that does not hold yet.
type unmet string

func (u unmet) Error() string { return "waited for " + string(u) }
