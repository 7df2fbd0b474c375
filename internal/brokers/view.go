package brokers

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
)

// View is Kafka's own idea of its health.
type View struct {
	// Controller is the active controller: the leader of the quorum where the engine has one; -1 while there is none.
	Controller int32
	Brokers    []int32    // registered and alive, sorted
	Nodes      []NodeView // by node: every broker that is registered or that has a replica
	Quorum     Quorum
	Topics     int
	Partitions int
	// OfflinePartitions have no leader. UnderReplicatedPartitions have a replica that is not in sync; one that is being
	// added (KIP-455) does not count.
	OfflinePartitions         int
	UnderReplicatedPartitions int
	// Reassigning is how many partitions are being moved; -1 where no controller says it.
	Reassigning int
	// Throttle is the rate in bytes per second that Reassign set, until EndReassignment takes it away; 0: none.
	Throttle int64
	At       time.Time
}

// NodeView is one broker, as the others see it.
type NodeView struct {
	Node int32
	// Alive is true while it is registered and not fenced: the controller hears its heartbeats.
	Alive bool
	Rack  string // broker.rack
	// Leaders is how many partitions it leads, PreferredLeaders how many it should: those whose first replica it has.
	Leaders, PreferredLeaders int
	// Replicas is how many it has or is being given, OutOfSync how many of those are not in sync; one that is being added
	// does not count as out of sync.
	Replicas, OutOfSync int
	// Followers is how many replicas others have of partitions that it leads, FollowersOutOfSync how many of those are not
	// in sync; one that is being added counts as neither.
	Followers, FollowersOutOfSync int
	// Critical is how many partitions would fall below their min.insync.replicas, or have no in-sync replica, without
	// this broker; CriticalExample is one of them. One that has no in-sync replica at all is critical to all its replicas.
	Critical        int
	CriticalExample string
	// AlwaysCritical is how many of Critical have every replica in sync, and so never can do without: they have as few
	// replicas as min.insync.replicas, or one. Waiting does not help them.
	AlwaysCritical int
}

// Node returns what is known of one broker.
func (v View) Node(node int32) (view NodeView, ok bool) {
	i, ok := slices.BinarySearchFunc(v.Nodes, node, func(n NodeView, node int32) int { return cmp.Compare(n.Node, node) })
	if !ok {
		return NodeView{Node: node}, false
	}
	return v.Nodes[i], true
}

// CheckRemoval returns a Conflict error while a broker is in use: it is alive, or a partition has a replica on it.
func (n NodeView) CheckRemoval() error {
	switch {
	case n.Alive:
		return orrery.Errorf(orrery.Conflict, "broker %d is alive", n.Node)
	case n.Replicas > 0:
		return orrery.Errorf(orrery.Conflict, "broker %d has %d replicas", n.Node, n.Replicas)
	}
	return nil
}

// Assess fills in what follows from the partitions; v.Nodes has the registered brokers already. minInSync returns the
// min.insync.replicas of a topic; Kafka never asks for more than there are replicas.
func (v *View) Assess(partitions []Partition, minInSync func(topic string) int) {
	nodes := map[int32]*NodeView{}
	for _, n := range v.Nodes {
		nodes[n.Node] = &n
	}
	node := func(id int32) *NodeView {
		if nodes[id] == nil {
			nodes[id] = &NodeView{Node: id}
		}
		return nodes[id]
	}
	v.Partitions = len(partitions)
	v.OfflinePartitions, v.UnderReplicatedPartitions = 0, 0
	for _, p := range partitions {
		if p.Leader < 0 {
			v.OfflinePartitions++
		} else {
			node(p.Leader).Leaders++
		}
		if len(p.Replicas) > 0 {
			node(p.Replicas[0]).PreferredLeaders++
		}
		behind := false
		needed := min(minInSync(p.Topic), len(p.Replicas))
		for _, id := range p.Replicas {
			n := node(id)
			n.Replicas++
			inSync, adding := slices.Contains(p.InSync, id), slices.Contains(p.Adding, id)
			if !inSync && !adding {
				n.OutOfSync++
				behind = true
			}
			if p.Leader >= 0 && p.Leader != id && !adding {
				leader := node(p.Leader)
				leader.Followers++
				if !inSync {
					leader.FollowersOutOfSync++
				}
			}
			n.assess(p, inSync, needed)
		}
		if behind {
			v.UnderReplicatedPartitions++
		}
	}
	v.Nodes = v.Nodes[:0]
	for _, n := range nodes {
		v.Nodes = append(v.Nodes, *n)
	}
	slices.SortFunc(v.Nodes, func(a, b NodeView) int { return cmp.Compare(a.Node, b.Node) })
}

// assess counts a partition of which the broker has a replica.
func (n *NodeView) assess(p Partition, inSync bool, needed int) {
	left := len(p.InSync)
	if inSync {
		left--
	}
	if left > 0 && (!inSync || left >= needed) {
		return
	}
	n.Critical++
	if n.CriticalExample == "" {
		n.CriticalExample = fmt.Sprintf("%s-%d", p.Topic, p.Number)
	}
	if len(p.InSync) == len(p.Replicas) {
		n.AlwaysCritical++
	}
}
