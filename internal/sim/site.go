package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	linkmem "github.com/orrery-kafka/orrery/internal/link/mem"
	"github.com/orrery-kafka/orrery/internal/satellite"
)

// site is where one satellite runs: a Kubernetes cluster or a host, with the satellite's files and everything that it
// started. The satellite itself comes and goes.
type site struct {
	world    *World
	id       string
	index    int
	about    orrery.Satellite
	files    map[string][]byte
	clusters map[string]*cluster
	faults   substrateFaults
	// partitioned: the satellite does not reach the link.
	partitioned bool
	// recreated: the topics of its link were made again. A tombstone that was on its way is lost then, and the deleted
	// record that it was for stays, which does no harm.
	recreated bool

	process   *process
	satellite *satellite.Satellite
	loop      *loop
	end       *linkmem.End
}

// changed tells the satellite that something it runs has changed.
func (s *site) changed() {
	if s.loop != nil {
		s.loop.nudge()
	}
}

// start starts the satellite.
func (s *site) start() {
	w := s.world
	p := &process{name: s.id}
	l := &loop{world: w, process: p, name: s.id}
	sat, err := satellite.New(satellite.Config{
		Satellite: s.about, Ledger: ledgerFiles{s, p}, Substrate: platform{s, p}, Open: s.open(p),
		MeterPeriod: 24 * time.Hour, Lease: endless, Changed: l.nudge, Logger: w.trace.logger(s.id),
	})
	if err != nil {
		w.trace.add(s.id, "does not start: %v", err)
		w.clock.after(time.Second, s.start)
		return
	}
	s.process, s.satellite, s.loop = p, sat, l
	l.step = sat.Step
	s.end = w.topics.OpenSatellite(func() { w.arrives(s, l) }, s.id)
	sat.Connect(satelliteLink{s, p, s.end}, satelliteLink{s, p, s.end})
	s.lease()
	w.trace.add(s.id, "started with %d clusters in its ledger", len(s.files))
	l.nudge()
}

// arrives tells the satellite that a message is there, if it can reach the link.
func (w *World) arrives(s *site, l *loop) {
	if !s.partitioned {
		w.clock.after(w.clock.between(time.Millisecond, 20*time.Millisecond), l.nudge)
	}
}

// crash ends the satellite, which starts again after a while; what it runs goes on.
func (s *site) crash(down time.Duration) {
	if s.satellite == nil {
		return // it is down already
	}
	w := s.world
	s.process.dead = true
	s.loop.stop()
	s.satellite.Close()
	s.end.Close()
	s.satellite, s.loop, s.end = nil, nil, nil
	s.lease()
	w.trace.add(s.id, "crashed; it starts again in %v", down)
	w.clock.after(down, s.start)
}

// endless is longer than any simulation, and nothing is ever due because of it.
const endless = 10 * maxDays * 24 * time.Hour

// lease writes what the link has of the satellite's lease at the moment: without an end as long as the satellite reaches
// the link, and else the last one that it renewed. The renewals themselves are not simulated.
func (s *site) lease() {
	lasts := endless
	if s.satellite == nil || s.partitioned || s.world.linkDown {
		lasts = orrery.DefaultLease
	}
	content, err := json.Marshal(orrery.Lease{RenewedAt: s.world.clock.now, Seconds: int(lasts / time.Second)})
	if err == nil {
		var key, value []byte
		if key, value, err = link.Encode(link.Message{Version: link.WireVersion, Kind: orrery.ReportLease, ID: s.id, Content: content}); err == nil {
			s.world.topics.Append(true, s.id, key, value)
		}
	}
	if err != nil {
		s.world.fail("the lease of %s: %v", s.id, err)
	}
}

// physical returns the ids of the clusters that exist here, sorted.
func (s *site) physical() []string { return slices.Sorted(maps.Keys(s.clusters)) }

// ledgerFiles is a satellite's files as one life of it sees them.
type ledgerFiles struct {
	site    *site
	process *process
}

// Names implements satellite.Files.
func (f ledgerFiles) Names() ([]string, error) {
	return slices.Sorted(maps.Keys(f.site.files)), nil
}

// Read implements satellite.Files.
func (f ledgerFiles) Read(name string) ([]byte, error) {
	content, ok := f.site.files[name]
	if !ok {
		return nil, fmt.Errorf("there is no file %s", name)
	}
	return content, nil
}

// Write implements satellite.Files.
func (f ledgerFiles) Write(name string, content []byte) error {
	if f.site.faults.full {
		return orrery.Errorf(orrery.Unavailable, "no space left on device")
	}
	return f.process.effect(func() error {
		f.site.world.counts.LedgerWrites++
		f.site.world.checkLedger(f.site, name, f.site.files[name], content)
		f.site.files[name] = content
		return nil
	})
}

// Remove implements satellite.Files.
func (f ledgerFiles) Remove(name string) error {
	return f.process.effect(func() error {
		f.site.world.counts.LedgerWrites++
		f.site.world.checkForgotten(f.site, name)
		delete(f.site.files, name)
		return nil
	})
}
