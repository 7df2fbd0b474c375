package sim

import (
	"context"
	"errors"
	"time"

	"github.com/orrery-kafka/orrery/internal/pace"
)

// errCrashed is what a process sees of the world once it has crashed; nobody sees it.
var errCrashed = errors.New("sim: this process has crashed")

// process is one life of a mothership or a satellite: after it has crashed, nothing that it does has an effect.
type process struct {
	name string
	dead bool
	// fuse is at which effect from now it crashes; 0: at none. done: that last effect takes place, and the process
	// does not learn it.
	fuse int
	done bool
}

// effect does something to the world outside the process: it writes, sends, or starts something.
func (p *process) effect(do func() error) error {
	if p.dead {
		return errCrashed
	}
	if p.fuse > 0 {
		if p.fuse--; p.fuse == 0 {
			p.dead = true
			if p.done {
				return errors.Join(do(), errCrashed)
			}
			return errCrashed
		}
	}
	return do()
}

// loop is a step with its timer and its nudge, as the wiring of the real program has them.
type loop struct {
	world   *World
	process *process
	step    func(ctx context.Context, now time.Time) (time.Time, error)
	name    string
	pace    pace.Pace
	task    *task
	held    bool
	// spins counts steps in a row without rest.
	spins int
}

// maxSpins is how many steps without rest a loop may take: the largest backlog takes fewer.
const maxSpins = 20_000

// nudge has the loop take a step soon.
func (l *loop) nudge() {
	if l.held || l.process.dead {
		return
	}
	l.due(l.world.clock.now.Add(l.world.clock.between(0, 2*time.Millisecond)))
}

// due has the loop take a step at a time, unless one is due before.
func (l *loop) due(at time.Time) {
	if l.task != nil && l.task.index >= 0 {
		if !at.Before(l.task.at) {
			return
		}
		l.world.clock.cancel(l.task)
	}
	l.task = l.world.clock.at(at, l.run)
}

// stop ends the loop.
func (l *loop) stop() { l.world.clock.cancel(l.task) }

// run takes a step. A loop that has nothing to do looks again once a day: work is by nudge and by timer, and one that
// needs a poll to get there is a loop that hangs here.
func (l *loop) run() {
	w := l.world
	if l.process.dead {
		return
	}
	l.held = false
	w.steps++
	next, err := l.step(w.ctx, w.clock.now)
	if l.process.dead {
		w.crashed(l.process)
		return
	}
	if err != nil {
		w.trace.add(l.name, "failed: %v", err)
	}
	rest, held := l.pace.After(w.clock.now, next, err)
	switch {
	case rest >= pace.FullPass:
		rest = w.clock.between(20*time.Hour, 28*time.Hour)
	case rest <= 0:
		rest = time.Millisecond
		if l.spins++; l.spins > maxSpins {
			w.fail("the loop %s takes one step after another without an end", l.name)
		}
	}
	if rest > time.Second {
		l.spins = 0
	}
	l.held = held
	l.due(w.clock.now.Add(rest))
}
