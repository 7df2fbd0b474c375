package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery/internal/mothership"
)

// loopOfLink is the loop that takes in what arrives.
const loopOfLink = mothership.LoopCollect

// control is the mothership, which comes and goes; what it knows is in the store.
type control struct {
	process    *process
	mothership *mothership.Mothership // nil while it is down
	loops      map[string]*loop
	close      func()
}

// startMothership starts the mothership, which goes on with what is in the store.
func (w *World) startMothership() {
	p := &process{name: "mothership"}
	loops := map[string]*loop{}
	nudge := func(name string) {
		if l := loops[name]; l != nil {
			l.nudge()
		}
	}
	end := w.topics.OpenMothership(func() {
		w.clock.after(w.clock.between(time.Millisecond, 20*time.Millisecond), func() { nudge(loopOfLink) })
	}, w.siteIDs()...)
	wire := mothershipLink{w, p, end}
	m, err := mothership.New(mothership.Config{
		Store: storeView{w, p}, Desired: wire, Statuses: wire, Random: w.entropy, Now: func() time.Time { return w.clock.now },
		Nudge: nudge, Logger: w.trace.logger(p.name), Limits: limits(), MaxLease: endless, Term: w.term,
	})
	if err != nil {
		w.fail("the mothership cannot be made: %v", err)
		return
	}
	w.control = control{process: p, loops: loops, close: end.Close}
	for _, l := range m.Loops() {
		loops[l.Name] = &loop{world: w, process: p, name: "mothership/" + l.Name, step: l.Step}
	}
	if err := m.Resync(w.ctx); err != nil {
		w.trace.add(p.name, "does not start: %v", err)
		w.stopMothership(time.Second)
		return
	}
	w.control.mothership = m
	w.trace.add(p.name, "started")
	for _, l := range m.Loops() {
		loops[l.Name].nudge()
	}
}

// stopMothership ends the mothership, which starts again after a while.
func (w *World) stopMothership(down time.Duration) {
	if w.control.process == nil {
		return
	}
	w.control.process.dead = true
	for _, name := range slices.Sorted(maps.Keys(w.control.loops)) {
		w.control.loops[name].stop()
	}
	w.control.close()
	w.control = control{}
	w.trace.add("mothership", "crashed; it starts again in %v", down)
	w.clock.after(down, w.startMothership)
}

// crashed ends a process that has come to its last effect.
func (w *World) crashed(p *process) {
	down := w.clock.between(time.Second, 30*time.Second)
	if p == w.control.process {
		w.stopMothership(down)
		return
	}
	for _, s := range w.sites {
		if s.process == p {
			s.crash(down)
		}
	}
}

// limits are wide enough for any simulation.
func limits() mothership.Limits {
	l := mothership.DefaultLimits()
	l.ClustersPerEnvironment, l.ClustersPerOrganization = 1_000_000, 1_000_000
	return l
}
