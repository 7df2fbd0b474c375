package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/profile"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// versioned reports whether brokers are started with a version and a configuration of their own.
func (c *cluster) versioned() bool { return c.spec.Engine == orrery.EngineApache }

// nodeChanged tells the satellite and Kafka what a broker is now.
func (c *cluster) nodeChanged() {
	c.support()
	c.site.changed()
}

// startBroker starts a broker: on Apache Kafka that takes a while, and goes wrong with a version that is broken.
func (c *cluster) startBroker(node int, spec orrery.PSCSpec) error {
	b := &c.brokers[node]
	switch {
	case b.Lost:
		return orrery.Errorf(orrery.Unavailable, "its storage is gone")
	case b.Running || b.Starting:
		return nil
	}
	if !c.versioned() {
		c.runs(node)
		return nil
	}
	b.Starting, b.Stopping, b.Message = true, false, ""
	b.Version, b.Configuration = spec.Version, maps.Clone(spec.Configuration)
	w := c.site.world
	c.lives[node]++
	life := c.lives[node]
	w.clock.after(w.clock.between(time.Second, 20*time.Second), func() {
		switch {
		case c.lives[node] != life || node >= len(c.brokers):
		case w.brokenVersion == spec.Version:
			c.stopBroker(node, "it ended with status 1")
		default:
			c.runs(node)
			c.nodeChanged()
		}
	})
	return nil
}

// runs has a broker take requests; it is in sync a while later: when somebody asks, for nobody is told.
func (c *cluster) runs(node int) {
	b := &c.brokers[node]
	b.Running, b.Starting, b.Stopping, b.Message = true, false, false, ""
	c.kafka.SetAlive(int32(node), true)
	c.started[node] = c.site.world.clock.now
}

// endBroker stops a broker in an orderly way: Kafka does without it at once, and its process ends a while later.
func (c *cluster) endBroker(node int) {
	if !c.versioned() {
		c.stopBroker(node, "it was stopped")
		return
	}
	c.stopBroker(node, "")
	b := &c.brokers[node]
	b.Stopping = true
	life := c.lives[node]
	c.site.world.clock.after(c.site.world.clock.between(100*time.Millisecond, 10*time.Second), func() {
		if c.lives[node] == life && node < len(c.brokers) {
			c.brokers[node].Stopping, c.brokers[node].Message = false, "it was stopped"
			c.site.changed()
		}
	})
}

// support tells Kafka which levels of features its brokers know.
func (c *cluster) support() {
	if !c.versioned() {
		return
	}
	features, err := c.kafka.Open(nil).Features(context.Background())
	if err != nil {
		return
	}
	for _, f := range features {
		f.Max = profile.FeatureLevels(newestRelease)[f.Name]
		for _, b := range c.brokers {
			if level, known := profile.FeatureLevels(b.Version)[f.Name]; known && b.Running {
				f.Max = min(f.Max, level)
			}
		}
		c.kafka.SetFeature(f)
	}
}

// newestRelease is the newest release of Apache Kafka that profiles know, and previousRelease the one before.
const newestRelease, previousRelease = "4.3.1", "4.2.1"

// unfinalize sets back what is finalised, as it is in a cluster that the release before has made.
func (c *cluster) unfinalize() {
	levels := profile.FeatureLevels(previousRelease)
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		c.kafka.SetFeature(brokers.Feature{Name: name, Finalized: levels[name], Max: levels[name]})
	}
	c.nodeChanged()
}

// releases says which releases brokers were started with, where they are not all the newest.
func (c *cluster) releases() string {
	var all []string
	for _, b := range c.brokers {
		all = append(all, b.Version)
	}
	slices.Sort(all)
	if all = slices.Compact(all); !c.versioned() || slices.Equal(all, []string{newestRelease}) {
		return ""
	}
	return " of " + strings.Join(all, " and ")
}

// addBroker makes the next broker.
func (c *cluster) addBroker(node int) error {
	if !c.versioned() {
		return orrery.Errorf(orrery.UnsupportedValue, "the embedded engine has no action for that")
	}
	if node != len(c.brokers) {
		return nil // it is there
	}
	c.brokers = append(c.brokers, substrate.Broker{Node: int32(node), Message: "it was not started yet"})
	if c.spec.Gateways {
		c.gateways = append(c.gateways, &gateway{Gateway: substrate.Gateway{Node: int32(node), Message: "it was not started yet"}})
		c.endpoints.Brokers = append(slices.Clone(c.endpoints.Brokers), orrery.BrokerEndpoint{Node: int32(node), Host: fmt.Sprintf("b%d-%s.sim", node, c.id), Port: 9092})
	}
	return nil
}

// removeBroker removes the last broker.
func (c *cluster) removeBroker(node int) error {
	if node != len(c.brokers)-1 {
		return nil // it is gone
	}
	if b := c.brokers[node]; b.Running || b.Starting || b.Stopping {
		return orrery.Errorf(orrery.Unavailable, "it runs")
	}
	c.lives[node]++
	c.brokers = c.brokers[:node:node]
	if node < len(c.gateways) {
		c.gateways, c.endpoints.Brokers = c.gateways[:node:node], c.endpoints.Brokers[:node:node]
	}
	return nil
}

// replaceStorage gives a broker that does not run a new, empty disk.
func (c *cluster) replaceStorage(node int) error {
	b := &c.brokers[node]
	if b.Running || b.Starting || b.Stopping {
		return orrery.Errorf(orrery.Unavailable, "it runs")
	}
	c.kafka.ReplaceDisk(b.Node)
	b.Lost, b.Message = false, "its storage is new"
	return nil
}

// loseDisk takes a broker's disk away, if nothing is only there: what nobody has any more nobody can bring back.
func (c *cluster) loseDisk(node int) {
	if !c.versioned() || c.brokers[node].Lost || len(c.onlyOn(int32(node))) > 0 || c.kafkaView().Quorum.Leader < 0 {
		return
	}
	for i, b := range c.brokers {
		if i != node && (b.Lost || !b.Running) {
			return
		}
	}
	c.stopBroker(node, "its disk is gone")
	c.brokers[node].Lost = true
}

// kafkaView is what is so, at this moment.
func (c *cluster) kafkaView() brokers.View {
	c.catchUpWithLeaders()
	v, err := c.kafka.Open(nil).View(context.Background())
	if err != nil {
		c.site.world.fail("Kafka of %s cannot be looked at: %v", c.id, err)
	}
	return v
}

// onlyOn are the partitions that have no replica in sync on a broker that runs but for one.
func (c *cluster) onlyOn(node int32) (only []string) {
	c.catchUpWithLeaders()
	all, err := c.kafka.Open(nil).Partitions(context.Background())
	if err != nil {
		c.site.world.fail("Kafka of %s cannot be looked at: %v", c.id, err)
	}
	for _, p := range all {
		elsewhere := slices.ContainsFunc(p.InSync, func(id int32) bool { return id != node && int(id) < len(c.brokers) && c.brokers[id].Running })
		if slices.Contains(p.Replicas, node) && !elsewhere {
			only = append(only, fmt.Sprintf("%s-%d", p.Topic, p.Number))
		}
	}
	return only
}

// copySoon moves the data of partitions that are being moved, some of it now and then.
func (c *cluster) copySoon() {
	if c.copying {
		return
	}
	c.copying = true
	w := c.site.world
	w.clock.after(w.clock.between(100*time.Millisecond, 3*time.Second), func() {
		c.copying = false
		if c.gone() {
			return
		}
		if left := c.kafka.FinishMoves(1 + w.random.IntN(30)); left > 0 {
			c.copySoon()
		}
	})
}

// checkStop: one broker at a time, none that a partition cannot do without, and while something is out of sync only that.
func (w *World) checkStop(c *cluster, a substrate.Action) {
	for _, b := range c.brokers {
		if b.Node != a.Node && !b.Running {
			w.fail("broker %d of %s is stopped on purpose while another one does not run", a.Node, c.id)
			return
		}
	}
	if int(a.Node) >= len(c.brokers) || !c.brokers[a.Node].Running {
		return
	}
	view := c.kafkaView()
	self, _ := view.Node(a.Node)
	switch {
	case self.Critical > 0:
		w.fail("broker %d of %s is stopped on purpose, and %s cannot do without it", a.Node, c.id, self.CriticalExample)
	case view.UnderReplicatedPartitions > 0 && self.OutOfSync == 0:
		w.fail("broker %d of %s is stopped on purpose while %d partitions are out of sync elsewhere", a.Node, c.id, view.UnderReplicatedPartitions)
	}
}

// checkStart: no broker is started with a version that cannot read what is finalised.
func (w *World) checkStart(c *cluster, a substrate.Action) {
	features, err := c.kafka.Open(nil).Features(w.ctx)
	if err != nil || !c.versioned() {
		return
	}
	finalized := map[string]int16{}
	for _, f := range features {
		finalized[f.Name] = f.Finalized
	}
	if why := profile.CheckRollback(a.Spec.Version, finalized); why != "" {
		w.fail("broker %d of %s is started with version %s: %s", a.Node, c.id, a.Spec.Version, why)
	}
}

// checkLoss: what is removed is elsewhere, and the proof says so.
func (w *World) checkLoss(c *cluster, a substrate.Action) {
	if a.Proof == "" {
		w.fail("%s of broker %d of %s has no proof", a.Verb, a.Node, c.id)
	}
	view := c.kafkaView()
	self, _ := view.Node(a.Node)
	switch {
	case a.Verb == substrate.RemoveBroker && self.Replicas > 0:
		w.fail("broker %d of %s is removed, and has %d replicas", a.Node, c.id, self.Replicas)
	case a.Verb == substrate.ReplaceStorage && len(c.onlyOn(a.Node)) > 0:
		w.fail("the storage of broker %d of %s is made anew, and %s is nowhere else", a.Node, c.id, c.onlyOn(a.Node)[0])
	}
}

// nodesSettled: every broker runs what it should, all is in sync, and nothing is left of a change.
func (w *World) nodesSettled(c *cluster, wrong *findings) {
	if len(c.brokers) != c.spec.Brokers {
		wrong.add("%s has %d brokers, and %d are wanted", c.id, len(c.brokers), c.spec.Brokers)
	}
	for _, b := range c.brokers {
		if c.versioned() && b.Version != c.spec.Version {
			wrong.add("broker %d of %s has version %s, and %s is wanted", b.Node, c.id, b.Version, c.spec.Version)
		}
	}
	view := c.kafkaView()
	for _, v := range view.Quorum.Voters {
		if !v.IsCaughtUp(view.At) {
			wrong.add("voter %d of %s with the disk %s is not caught up", v.Node, c.id, v.Directory)
		}
	}
	for _, n := range view.Nodes {
		if n.Replicas == 0 && int(n.Node) < len(c.brokers) && view.Partitions > len(c.brokers) {
			wrong.add("broker %d of %s has nothing of %d partitions", n.Node, c.id, view.Partitions)
		}
	}
	if view.UnderReplicatedPartitions+view.OfflinePartitions > 0 || view.Reassigning != 0 || view.Throttle != 0 || len(view.Quorum.Voters)%2 == 0 {
		wrong.add("Kafka of %s has %d partitions out of sync, %d without a leader, %d being moved, a throttle of %d and %d voters", c.id,
			view.UnderReplicatedPartitions, view.OfflinePartitions, view.Reassigning, view.Throttle, len(view.Quorum.Voters))
	}
}
