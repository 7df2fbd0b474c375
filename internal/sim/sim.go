// Package sim runs the whole control plane in one goroutine under a virtual clock: the real mothership, placement,
// profiles, link protocol, satellites and operators, on a simulated store, link, substrate and brokers, with simulated
// tenants. One seed decides what is asked for, what goes wrong and when everything happens, so a simulation that fails
// fails again.
//
// What must never be so is checked whenever something is written, of what was written; what must hold of everything,
// once a simulated day; and at the end, when every fault has ended, the platform must get to what was asked for, in
// time, leave nothing of what was deleted, and then write nothing any more.
//
// Time passes in jumps from one task to the next. What would only fill it is not simulated: the lease of a gateway is
// there by its loss and return, not by its renewals, and a loop that has nothing to do looks once a day, not once a
// minute. So whatever gets on only because somebody looks once a minute hangs here.
package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/orrery-kafka/orrery"
)

// Config is a simulation.
type Config struct {
	// Seed decides everything else.
	Seed uint64
	// Satellites, and how many logical clusters are there from the beginning, on about how many physical ones. What is
	// more than one physical cluster for each region is dedicated.
	Satellites, Physical, Logical int
	// Days is how long it goes on, and Events how much happens in that time; 0: one for each logical cluster, at least
	// ten a day.
	Days, Events int
	// Last is a command that is carried out at the end, just before every fault ends; "": none.
	Last string
	// Trace gets what happens, line by line; nil: nobody. The same configuration gives the same lines.
	Trace io.Writer
	// Progress is called now and then; nil: never.
	Progress func(Progress)
}

// Progress is how far a simulation is.
type Progress struct {
	// At is its own time since the beginning, of Total.
	At, Total time.Duration
	// Done is how many of the planned commands have been carried out, of Planned.
	Done, Planned int
	Steps         int
}

// Report is what happened in a simulation.
type Report struct {
	// Hash names the trace: two simulations with the same one did the same.
	Hash string `json:"hash"`
	// Physical and Logical are how many clusters there were at the end.
	Physical int `json:"physical_clusters"`
	Logical  int `json:"logical_clusters"`
	// Commands were carried out, and Steps taken by loops.
	Commands int    `json:"commands"`
	Steps    int    `json:"steps"`
	Counts   Counts `json:"counts"`
	// Converged is how long it took, in its own time, once every fault had ended.
	Converged time.Duration `json:"converged_nanoseconds"`
}

// Bounds of a Config.
const (
	maxSatellites = 10_000
	maxClusters   = 1_000_000
	maxDays       = 3_660
	maxEvents     = 10_000_000
)

func (c *Config) check() error {
	for _, bound := range []struct {
		name             string
		got, least, most int
	}{
		{"satellites", c.Satellites, 1, maxSatellites}, {"physical clusters", c.Physical, 0, maxClusters},
		{"logical clusters", c.Logical, 1, maxClusters}, {"days", c.Days, 1, maxDays}, {"events", c.Events, 0, maxEvents},
	} {
		if bound.got < bound.least || bound.got > bound.most {
			return orrery.Errorf(orrery.Invalid, "%d %s; %d to %d are possible", bound.got, bound.name, bound.least, bound.most)
		}
	}
	if c.Physical > c.Logical {
		return orrery.Errorf(orrery.Invalid, "%d physical clusters for %d logical ones; each needs one at least", c.Physical, c.Logical)
	}
	if c.Events == 0 {
		c.Events = max(c.Logical, 10*c.Days)
	}
	return nil
}

// Run runs a simulation. The error is a *Failure where an invariant did not hold.
func Run(ctx context.Context, c Config) (Report, error) {
	if err := c.check(); err != nil {
		return Report{}, err
	}
	return c.execute(ctx, newPlan(c))
}

// execute carries out a plan, and lets the platform converge.
func (c Config) execute(ctx context.Context, plan []planned) (Report, error) {
	w := newWorld(ctx, size{seed: c.Seed, satellites: c.Satellites, brokers: c.brokers()}, c.Trace)
	total := time.Duration(c.Days) * 24 * time.Hour
	for i, p := range plan {
		if c.Progress != nil && i%100 == 0 {
			c.Progress(Progress{At: w.clock.elapsed(), Total: total, Done: i, Planned: len(plan), Steps: w.steps})
		}
		if !w.run(begin.Add(p.at)) {
			break
		}
		if err := w.do(p.line); err != nil {
			return Report{}, fmt.Errorf("%s: %w", p.line, err)
		}
	}
	if w.run(begin.Add(total)) {
		if err := w.do(c.Last); err != nil {
			return Report{}, fmt.Errorf("%s: %w", c.Last, err)
		}
		w.converge()
	}
	return w.report(len(plan)), w.end()
}

// brokers is how many brokers each satellite can carry: a third more than what is there at the beginning.
func (c Config) brokers() int {
	physical := max(c.Physical, c.Satellites)
	return 4*(physical/c.Satellites+1) + 12
}

func (w *World) report(commands int) Report {
	s := w.read()
	return Report{
		Hash: w.trace.hash(), Physical: len(s.pscs), Logical: len(s.clusters), Commands: commands, Steps: w.steps, Counts: w.counts, Converged: w.took,
	}
}

// end returns why the simulation did not go well.
func (w *World) end() error {
	if w.failure != nil && w.ctx.Err() == nil { // what is interrupted fails in any way
		return w.failure
	}
	return errors.Join(w.ctx.Err(), w.trace.failed)
}
