package sim

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/orrery-kafka/orrery"
	linkmem "github.com/orrery-kafka/orrery/internal/link/mem"
	"github.com/orrery-kafka/orrery/internal/store/mem"
)

// World is one simulation: every part of the platform, the clock, and what was asked for. It is for one goroutine.
type World struct {
	ctx     context.Context
	clock   *clock
	random  *rand.Rand // of faults and times
	entropy io.Reader  // of the mothership: ids, secrets, placement
	trace   *trace
	store   *mem.Store
	topics  *linkmem.Topics
	control control
	sites   []*site
	byID    map[string]*site
	tenants tenants

	storeDown, linkDown bool
	brokenVersion       string         // no broker starts with it
	replica             *mem.Store     // what the mothership reads while it is behind; nil: the store itself
	term                int64          // of the mothership, raised with each restore; 0 is the first
	faults              map[any]*fault // that last, by what names each
	nextFault           int

	steps   int
	took    time.Duration // to converge, once nothing went wrong any more
	counts  Counts
	failure *Failure
}

// Counts is what happened, in numbers.
type Counts struct {
	// Commits of the store, and the rows that they wrote.
	Commits int `json:"commits"`
	Rows    int `json:"rows"`
	// LinkMessages are those that say something new: not satellites' reports about themselves.
	LinkMessages int `json:"link_messages"`
	// StateWrites are records of state topics.
	StateWrites int `json:"state_records"`
	// Actions of substrates.
	Actions int `json:"actions"`
	// LedgerWrites are files of satellites.
	LedgerWrites int `json:"ledger_files"`
}

// size is what a world is made of.
type size struct {
	seed       uint64
	satellites int
	// brokers is how many brokers each satellite can carry.
	brokers int
}

// region is the region of a satellite: two satellites share one, so that placement has a choice.
func region(index int) string { return fmt.Sprintf("region-%d", index/2+1) }

// newWorld makes a world with running satellites and mothership, and nobody in it.
func newWorld(ctx context.Context, s size, out io.Writer) *World {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(s.seed >> (8 * i))
	}
	random := rand.New(rand.NewPCG(s.seed, 1))
	w := &World{
		ctx: ctx, random: random, clock: newClock(rand.New(rand.NewPCG(s.seed, 2))), entropy: rand.NewChaCha8(key),
		store: mem.New(), topics: linkmem.New(rand.New(rand.NewPCG(s.seed, 3))), byID: map[string]*site{},
		tenants: newTenants(), faults: map[any]*fault{},
	}
	w.trace = newTrace(w.clock, out)
	for i := range s.satellites {
		engine := orrery.EngineApache
		if i%3 == 2 {
			engine = orrery.EngineEmbedded
		}
		const plenty = 1 << 40
		site := &site{world: w, id: fmt.Sprintf("sat-%d", i+1), index: i, files: map[string][]byte{}, clusters: map[string]*cluster{}}
		site.about = orrery.Satellite{
			ID: site.id, Cloud: cloud, Region: region(i), Engine: engine, Substrate: "sim", Version: "sim",
			Capacity: orrery.Capacity{
				LogicalClusters: 1_000_000, Partitions: plenty, Connections: plenty, IngressBytesPerSecond: plenty,
				EgressBytesPerSecond: plenty, StorageBytes: 1 << 60, Brokers: s.brokers,
			},
		}
		w.sites = append(w.sites, site)
		w.byID[site.id] = site
	}
	w.startMothership()
	for _, site := range w.sites {
		site.start()
	}
	w.daily()
	return w
}

const cloud = "AWS"

func (w *World) siteIDs() (ids []string) {
	for _, s := range w.sites {
		ids = append(ids, s.id)
	}
	return ids
}

// daily has everything checked once a day, and the link compacted.
func (w *World) daily() {
	w.clock.after(24*time.Hour, func() {
		w.topics.Compact(true)
		w.checkAll()
		w.daily()
	})
}

// run lets time pass until a time, or until something is wrong. It reports whether all is well.
func (w *World) run(until time.Time) bool {
	for w.failure == nil && w.ctx.Err() == nil && w.clock.next(until) {
	}
	if w.failure != nil || w.ctx.Err() != nil {
		return false
	}
	w.clock.now = until
	return true
}

// fail ends the simulation: something that must never be so is so.
func (w *World) fail(format string, args ...any) {
	if w.failure != nil {
		return // the first one counts
	}
	w.failure = &Failure{At: w.clock.elapsed(), What: fmt.Sprintf(format, args...)}
	w.trace.add("invariant", "%s", w.failure.What)
	w.failure.Trace = w.trace.tail()
}

// Failure is an invariant that did not hold.
type Failure struct {
	// At is when, since the beginning.
	At time.Duration
	// What is wrong, for a person.
	What string
	// Trace is what happened last.
	Trace string
}

// Error says what is wrong and when.
func (f *Failure) Error() string { return fmt.Sprintf("after %s: %s", stamp(f.At), f.What) }
