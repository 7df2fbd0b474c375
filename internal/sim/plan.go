package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
)

// planned is a command at a time after the beginning.
type planned struct {
	at   time.Duration
	line string
}

// planner draws what happens in a simulation from a seed alone, so that a plan can be made smaller and run again.
type planner struct {
	config  Config
	random  *rand.Rand
	plan    []planned
	alive   []string // clusters that are asked for and not deleted, in the planner's view
	made    int
	crashes int // of the mothership
	// regions are those of the clusters, by name.
	regions map[string]int
}

// crashesOf is how often the mothership may crash: once a week, and up to ten times in a simulation that is small enough
// for it, for each start goes through everything that there is.
func crashesOf(c Config) int { return max(c.Days/7, min(10, 20_000/c.Logical)) }

// filling is how long the clusters that are there from the beginning take to be asked for.
const filling = 6 * time.Hour

// newPlan draws the clusters that are there from the beginning and then as many events as the configuration says.
func newPlan(c Config) []planned {
	p := &planner{config: c, random: rand.New(rand.NewPCG(c.Seed, 4)), regions: map[string]int{}}
	regions := (c.Satellites + 1) / 2
	dedicated := max(0, c.Physical-regions) // the rest of the physical clusters are shared, at least one in each region
	for i := range c.Logical {
		at := filling * time.Duration(i) / time.Duration(c.Logical)
		kind := orrery.TypeBasic
		switch {
		case i*dedicated/c.Logical != (i+1)*dedicated/c.Logical:
			kind = orrery.TypeDedicated
		case p.random.IntN(10) == 0:
			kind = orrery.TypeStandard
		}
		p.create(at-at%time.Minute, kind)
	}
	days := time.Duration(c.Days) * 24 * time.Hour
	var times []time.Duration
	for range c.Events {
		times = append(times, time.Duration(p.random.Int64N(int64(days))))
	}
	slices.Sort(times)
	for _, at := range times {
		p.event(at)
	}
	slices.SortStableFunc(p.plan, func(a, b planned) int { return int(a.at - b.at) })
	return p.plan
}

func (p *planner) add(at time.Duration, format string, args ...any) {
	p.plan = append(p.plan, planned{at, fmt.Sprintf(format, args...)})
}

func (p *planner) create(at time.Duration, kind string) string {
	p.made++
	name := fmt.Sprintf("c%d", p.made)
	satellite := p.random.IntN(p.config.Satellites)
	p.alive, p.regions[name] = append(p.alive, name), satellite
	p.add(at, "create %s %s %s", name, kind, region(satellite))
	return name
}

// span draws how long a fault lasts: mostly short, sometimes long.
func (p *planner) span() time.Duration {
	if p.random.IntN(10) == 0 {
		return time.Duration(10+p.random.IntN(110)) * time.Minute
	}
	return time.Duration(1+p.random.IntN(300)) * time.Second
}

// satellite draws one of the satellites that may run a cluster.
func (p *planner) satellite(name string) string {
	first := p.regions[name] / 2 * 2
	return fmt.Sprintf("sat-%d", 1+min(first+p.random.IntN(2), p.config.Satellites-1))
}

// any draws a cluster that is alive.
func (p *planner) any() string { return p.alive[p.random.IntN(len(p.alive))] }

// event draws one event: about half of them come from tenants, and half are faults. Much of what goes wrong only does
// so while something is under way, so a fault often comes shortly after a tenant has asked for something.
func (p *planner) event(at time.Duration) {
	if len(p.alive) == 0 {
		p.create(at, orrery.TypeBasic)
		return
	}
	if p.random.IntN(2) == 0 {
		p.fault(at, p.any(), p.random.IntN(50))
		return
	}
	name := p.request(at)
	if p.random.IntN(3) == 0 {
		p.fault(at+time.Duration(p.random.IntN(1000))*time.Millisecond, name, 17+p.random.IntN(25))
	}
}

// request draws something that a tenant asks for, and returns the name of its cluster.
func (p *planner) request(at time.Duration) string {
	i := p.random.IntN(len(p.alive))
	name := p.alive[i]
	switch draw := p.random.IntN(48); {
	case draw < 12:
		kinds := []string{orrery.TypeBasic, orrery.TypeBasic, orrery.TypeStandard, orrery.TypeDedicated}
		return p.create(at, kinds[p.random.IntN(len(kinds))])
	case draw < 24:
		p.add(at, "delete %s", name)
		p.alive = slices.Delete(p.alive, i, i+1)
	case draw < 28:
		p.add(at, "upgrade %s", name)
	case draw < 31:
		p.add(at, "resize %s %d", name, 1+p.random.IntN(10))
	case draw < 38:
		p.add(at, "key %s", name)
	case draw < 43:
		p.add(at, "delete-key %s", name)
	case draw < 46:
		p.add(at, "bind %s", name)
	default:
		p.add(at, "unbind %s", name)
	}
	return name
}

// fault adds something that goes wrong near a cluster; draw, below 50, says what.
func (p *planner) fault(at time.Duration, name string, draw int) {
	satellite, node, writes := p.satellite(name), p.random.IntN(3), 1+p.random.IntN(6)
	switch {
	case draw < 12:
		p.add(at, "stop-broker %s %d", name, node)
	case draw < 17:
		p.add(at, "stop-gateway %s %d", name, node)
	case draw < 22:
		p.add(at, "hang-gateway %s %d %v", name, node, p.span())
	case draw < 25:
		p.add(at, "%s %s", []string{"lose-pods", "lose-balancer", "lose-certificate"}[p.random.IntN(3)], name)
	case draw < 28:
		p.add(at, "crash %s", satellite)
	case draw < 33:
		p.add(at, "crash %s %d%s", satellite, writes, p.done())
	case draw < 36 && p.crashes < crashesOf(p.config):
		p.crashes++
		switch {
		case draw == 33:
			p.add(at, "crash mothership")
			return
		case draw == 34 && p.random.IntN(3) == 0:
			p.add(at, "restore")
			return
		}
		p.add(at, "crash mothership %d%s", writes, p.done())
	case draw < 40:
		p.add(at, "partition %s %v", satellite, p.span())
	case draw < 41:
		p.add(at, "link-lossy %v", p.span()%(5*time.Minute)+time.Minute)
		p.add(at+time.Second, "crash %s", satellite) // it reads everything again
	case draw < 42:
		p.add(at, "%s %v", []string{"link-down", "store-down", "store-stale"}[p.random.IntN(3)], p.span()%(5*time.Minute)+time.Second)
	case draw < 43:
		p.add(at, "recreate %s", satellite)
	default:
		p.add(at, "substrate %s %s %v", satellite, []string{"fail", "slow", "lie", "half", "full", "blind"}[p.random.IntN(6)], p.span())
	}
}

func (p *planner) done() string {
	if p.random.IntN(2) == 0 {
		return " done"
	}
	return ""
}
