package sim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
)

// command is one line of a script: what is asked for, or what goes wrong. The random plans are made of them too, so a
// failure that was found at random is a script.
type command struct {
	name, arguments, about string
	// least is how many arguments it has at least.
	least int
	run   func(w *World, args []string) error
}

// commands, in the order of the help.
var commands = []command{
	{"create", "NAME TYPE [REGION] [CKU]", "ask for a logical cluster: Basic, Standard or Dedicated; each two satellites have a region", 2, create},
	{"delete", "NAME", "ask for the deletion of a cluster", 1, ofTenant((*World).remove)},
	{"upgrade", "NAME", "make a Basic cluster a Standard one", 1, ofTenant(upgrade)},
	{"resize", "NAME ECKU", "change the most units of a Basic or Standard cluster", 2, resize},
	{"key", "NAME", "ask for an API key of a cluster", 1, ofTenant((*World).addKey)},
	{"delete-key", "NAME", "delete the oldest API key of a cluster", 1, ofTenant((*World).removeKey)},
	{"bind", "NAME", "give a colleague a role on a cluster", 1, ofTenant((*World).addBinding)},
	{"unbind", "NAME", "take the oldest of these roles away", 1, ofTenant((*World).removeBinding)},
	{"crash", "mothership|SATELLITE [AFTER [done]]", "crash a process: now, or at its AFTERth write from now on, which is done or not", 1, crash},
	{"partition", "SATELLITE FOR", "a satellite does not reach the link", 2, partition},
	{"recreate", "SATELLITE", "the topics of a satellite's link are made again, empty", 1, recreate},
	{"link-down", "FOR", "nobody reaches the link", 1, during(func(w *World, on bool) { w.linkDown = on; w.linkBack(on) })},
	{"link-lossy", "FOR", "messages come twice, late and behind newer ones, and sending fails", 1, during((*World).setLossy)},
	{"store-down", "FOR", "the mothership does not reach its store", 1, during(func(w *World, on bool) { w.storeDown = on })},
	{"store-stale", "FOR", "the mothership reads a replica of its store that stays behind; what it writes sees the store", 1, during((*World).setStale)},
	{"restore", "", "the mothership is restored from a backup that lacks nothing, with a new term", 0, restore},
	{"substrate", "SATELLITE fail|slow|lie|half|full|blind FOR", "what a satellite's substrate does wrong", 3, breakSubstrate},
	{"stop-broker", "NAME NODE", "a broker of a cluster's physical cluster ends", 2, ofNode(func(c *cluster, node int) { c.stopBroker(node, "it ended by itself") })},
	{"stop-gateway", "NAME NODE", "a gateway ends", 2, ofNode(func(c *cluster, node int) { c.stopGateway(node, "it ended by itself") })},
	{"hang-gateway", "NAME NODE FOR", "a gateway looks well, and does nothing", 3, hangGateway},
	{"lose-pods", "NAME", "every broker and gateway ends at once", 1, ofCluster(losePods)},
	{"lose-balancer", "NAME", "somebody else removes the bootstrap balancer", 1, ofCluster(loseBalancer)},
	{"lose-certificate", "NAME", "the gateways' certificate is lost", 1, ofCluster(loseCertificate)},
	{"lose-disk", "NAME NODE", "the disk of a broker is lost, if nothing is only there", 2, ofNode((*cluster).loseDisk)},
	{"cku", "NAME CKU", "change the size of a Dedicated cluster", 2, setCKU},
	{"version", "NAME VERSION", "set the version of a cluster's physical cluster by hand", 2, setVersion},
	{"brokers", "NAME N", "set how many brokers it has by hand; 0: as its profile says", 2, setBrokers},
	{"pause", "NAME", "have nothing done to a cluster's physical cluster", 1, ofTenant(setPaused(true))},
	{"resume", "NAME", "end that", 1, ofTenant(setPaused(false))},
	{"unfinalized", "NAME", "its features are those of the release before, as after an upgrade that can still be taken back", 1, ofCluster((*cluster).unfinalize)},
	{"break-version", "VERSION FOR", "no broker starts with a version", 2, breakVersion},
	{"compact", "", "the link's topics are compacted, tombstones too", 0, func(w *World, _ []string) error { w.topics.Compact(true); return nil }},
}

// do carries out one command line. An error is about the line, not about what it did.
func (w *World) do(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil
	}
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == words[0] })
	if i < 0 {
		return orrery.Errorf(orrery.Invalid, "there is no command %q", words[0])
	}
	if len(words)-1 < commands[i].least {
		return orrery.Errorf(orrery.Invalid, "usage: %s %s", words[0], commands[i].arguments)
	}
	w.trace.add("command", "%s", line)
	return commands[i].run(w, words[1:])
}

func create(w *World, args []string) error {
	if w.tenants.byName[args[0]] != nil {
		return orrery.Errorf(orrery.Invalid, "there is a cluster %q already, or there was", args[0])
	}
	place, cku := region(0), 0
	if len(args) > 2 {
		place = args[2]
	}
	if args[1] == orrery.TypeDedicated {
		cku = 1
	}
	if len(args) > 3 {
		number, err := strconv.Atoi(args[3])
		if err != nil {
			return orrery.Errorf(orrery.Invalid, "%q is not a number of CKU", args[3])
		}
		cku = number
	}
	w.create(args[0], args[1], place, cku)
	return nil
}

func ofTenant(do func(*World, *tenant)) func(*World, []string) error {
	return func(w *World, args []string) error {
		t := w.tenants.byName[args[0]]
		if t == nil {
			return nil // a plan that was made smaller
		}
		do(w, t)
		return nil
	}
}

func upgrade(w *World, t *tenant) {
	standard := orrery.TypeStandard
	w.change(t, "upgrade", mothership.ClusterChange{Type: &standard})
}

func resize(w *World, args []string) error {
	units, err := strconv.Atoi(args[1])
	if err != nil {
		return orrery.Errorf(orrery.Invalid, "%q is not a number of units", args[1])
	}
	return ofTenant(func(w *World, t *tenant) { w.change(t, "resize", mothership.ClusterChange{MaxECKU: &units}) })(w, args)
}

// ofCluster finds the physical cluster of a tenant; there is none while it is not placed, or not made.
func ofCluster(do func(*cluster)) func(*World, []string) error {
	return ofTenant(func(w *World, t *tenant) {
		if l, ok := w.logical(t.id); ok {
			if c := w.physical(l.PhysicalClusterID); c != nil {
				do(c)
			}
		}
	})
}

// ofNode is ofCluster for one of its nodes; a node beyond the last is counted round.
func ofNode(do func(c *cluster, node int)) func(*World, []string) error {
	return func(w *World, args []string) error {
		node, err := strconv.Atoi(args[1])
		if err != nil || node < 0 {
			return orrery.Errorf(orrery.Invalid, "%q is not the number of a node", args[1])
		}
		return ofCluster(func(c *cluster) { do(c, node%len(c.brokers)) })(w, args)
	}
}

func losePods(c *cluster) {
	for node := range c.brokers {
		c.stopBroker(node, "its pod is gone")
	}
}

func loseBalancer(c *cluster) {
	c.balancer.Running, c.balancer.Message = false, "somebody removed it"
	c.site.changed()
}

func loseCertificate(c *cluster) {
	c.issued = time.Time{}
	c.site.changed()
}

// during makes a command of something that lasts a while; several that overlap last until the last one ends.
func during(set func(w *World, on bool)) func(*World, []string) error {
	var key = new(int) // names this fault
	return func(w *World, args []string) error {
		span, err := duration(args[0])
		if err != nil {
			return err
		}
		w.lasting(key, span, func(on bool) { set(w, on) })
		return nil
	}
}

// lasting switches a fault on, and off after a while; several that overlap last until the last one ends.
func (w *World) lasting(key any, span time.Duration, set func(on bool)) {
	if old, running := w.faults[key]; running {
		w.clock.cancel(old.task)
		span = max(span, old.until.Sub(w.clock.now))
	} else {
		set(true)
	}
	f := &fault{until: w.clock.now.Add(span), end: func() { delete(w.faults, key); set(false) }, number: w.nextFault}
	w.nextFault++
	f.task = w.clock.after(span, f.end)
	w.faults[key] = f
}

// fault is one that lasts.
type fault struct {
	until  time.Time
	task   *task
	end    func()
	number int // in the order of their beginning
}

// heal ends every fault, and has what is down start.
func (w *World) heal() {
	faults := make([]*fault, 0, len(w.faults))
	for _, f := range w.faults {
		faults = append(faults, f)
	}
	slices.SortFunc(faults, func(a, b *fault) int { return a.number - b.number })
	for _, f := range faults {
		w.clock.cancel(f.task)
		f.end()
	}
	for _, s := range w.sites {
		if s.process != nil {
			s.process.fuse = 0
		}
	}
	if w.control.process != nil {
		w.control.process.fuse = 0
	}
	w.takeBack()
	w.trace.add("command", "every fault has ended")
}

func duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, orrery.Errorf(orrery.Invalid, "%q is not a time span such as 90s or 2h", text)
	}
	return d, nil
}

// siteOf returns the satellite of a name.
func (w *World) siteOf(name string) (*site, error) {
	s := w.byID[name]
	if s == nil {
		return nil, orrery.Errorf(orrery.Invalid, "there is no satellite %q; there are sat-1 to sat-%d", name, len(w.sites))
	}
	return s, nil
}

// faultKey names a fault of one satellite, or of one gateway of a physical cluster.
type faultKey struct {
	of, what string
	node     int
}

func partition(w *World, args []string) error {
	s, err := w.siteOf(args[0])
	if err != nil {
		return err
	}
	span, err := duration(args[1])
	if err != nil {
		return err
	}
	w.lasting(faultKey{of: s.id, what: "partition"}, span, func(on bool) {
		s.partitioned = on
		s.lease()
		if !on {
			s.changed() // what waits on the link arrives
		}
	})
	return nil
}

func recreate(w *World, args []string) error {
	s, err := w.siteOf(args[0])
	if err != nil {
		return err
	}
	w.topics.Recreate(s.id)
	s.recreated = true
	s.lease()
	return nil
}

func breakSubstrate(w *World, args []string) error {
	s, err := w.siteOf(args[0])
	if err != nil {
		return err
	}
	span, err := duration(args[2])
	if err != nil {
		return err
	}
	set, err := substrateFault(&s.faults, args[1])
	if err != nil {
		return err
	}
	w.lasting(faultKey{of: s.id, what: args[1]}, span, set)
	return nil
}

// substrateFault returns what switches a fault of a substrate on and off.
func substrateFault(f *substrateFaults, name string) (func(on bool), error) {
	const often = 0.5
	for share, of := range map[*float64]string{&f.fail: "fail", &f.slow: "slow", &f.lie: "lie", &f.half: "half"} {
		if of == name {
			return func(on bool) {
				*share = 0
				if on {
					*share = often
				}
			}, nil
		}
	}
	switch name {
	case "full":
		return func(on bool) { f.full = on }, nil
	case "blind":
		return func(on bool) { f.blind = on }, nil
	}
	return nil, orrery.Errorf(orrery.Invalid, "%q is not a fault of a substrate; there are fail, slow, lie, half, full and blind", name)
}

func hangGateway(w *World, args []string) error {
	span, err := duration(args[2])
	if err != nil {
		return err
	}
	return ofNode(func(c *cluster, node int) {
		g := c.gateways[node]
		w.lasting(faultKey{of: c.id, what: "hang", node: node}, span, func(on bool) {
			switch {
			case on && g.Serving:
				g.hung = true
				g.stopRenewing(w.clock.now)
			case !on && g.hung:
				c.catchUp(g)
			}
		})
	})(w, args)
}

// setStale has the mothership read what there is now, whatever is written from now on.
func (w *World) setStale(on bool) {
	w.replica = nil
	if on {
		w.replica = w.store.Snapshot()
		return
	}
	for _, name := range slices.Sorted(maps.Keys(w.control.loops)) {
		w.control.loops[name].nudge() // a real one looks once a minute
	}
}

func restore(w *World, _ []string) error {
	w.term = max(w.term, 1) + 1
	w.stopMothership(10 * time.Second)
	return nil
}

func crash(w *World, args []string) error {
	down := w.clock.between(time.Second, 2*time.Minute)
	if len(args) > 1 {
		return crashAt(w, args)
	}
	if args[0] == "mothership" {
		w.stopMothership(down)
		return nil
	}
	s, err := w.siteOf(args[0])
	if err == nil {
		s.crash(down)
	}
	return err
}

// crashAt has a process crash at one of its next writes.
func crashAt(w *World, args []string) error {
	after, err := strconv.Atoi(args[1])
	if err != nil || after < 1 {
		return orrery.Errorf(orrery.Invalid, "%q is not a number of writes", args[1])
	}
	p := w.control.process
	if args[0] != "mothership" {
		s, err := w.siteOf(args[0])
		if err != nil {
			return err
		}
		p = s.process
	}
	if p != nil {
		p.fuse, p.done = after, len(args) > 2 && args[2] == "done"
	}
	return nil
}

// Commands lists what a line of a script can ask for or let go wrong, each with what it does.
func Commands() string {
	var b strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&b, "%s\n    %s\n", strings.TrimSpace(c.name+" "+c.arguments), c.about)
	}
	return b.String()
}
