// Package pace says when a loop takes its next step, from what its last one returned: for the wiring, which sleeps so
// long, and for the simulation, which lets so much time pass.
package pace

import "time"

// The shortest and longest pause after a failed step; each failure in a row doubles it.
const (
	minPause = 50 * time.Millisecond
	maxPause = 5 * time.Second
)

// FullPass is how long a loop with nothing due rests at the most.
const FullPass = time.Minute

// Pace is that of one loop. The zero Pace is one that has not failed.
type Pace struct{ pause time.Duration }

// After takes in what a step returned and returns how long the loop rests: 0 or less is not at all. held is true after
// a failure: then a nudge does not cut the rest short, so that a step that fails and nudges itself cannot spin.
func (p *Pace) After(now, next time.Time, err error) (rest time.Duration, held bool) {
	if err != nil {
		p.pause = min(max(2*p.pause, minPause), maxPause)
		return p.pause, true
	}
	p.pause = 0
	if next.IsZero() {
		return FullPass, false
	}
	return min(next.Sub(now), FullPass), false
}
