package mem

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
)

// node is a broker, a controller, or both.
type node struct {
	alive      bool
	registered bool // as a broker
	directory  int  // how often its disk was replaced
	lag        int64
	caughtUp   time.Time // while it is not
	behind     bool      // it runs, and has not what the quorum's leader has
}

// register makes the nodes that a cluster begins with.
func (b *Brokers) register(nodes []int32) {
	slices.Sort(nodes)
	separate := len(nodes) > 0 && nodes[len(nodes)-1] >= orrery.FirstController
	for _, id := range nodes {
		broker := id < orrery.FirstController
		b.nodes[id] = &node{alive: true, registered: broker}
		if !separate && len(b.quorum.Voters) < min(3, (len(nodes)-1)|1) || !broker {
			b.quorum.Voters = append(b.quorum.Voters, brokers.QuorumReplica{Node: id, Directory: directory(id, 0)})
		} else {
			b.quorum.Observers = append(b.quorum.Observers, brokers.QuorumReplica{Node: id, Directory: directory(id, 0)})
		}
	}
	b.elect()
}

func directory(node int32, replaced int) string {
	return fmt.Sprintf("directory-%d-%d", node, replaced)
}

// SetAlive starts or ends a node; one that is new registers, as a broker below [orrery.FirstController]. A broker that ends
// leaves the replicas in sync, but for the last of each partition, and others lead. One that starts leads what nobody
// leads, and is out of sync until CatchUp.
func (b *Brokers) SetAlive(id int32, alive bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.nodes[id]
	if n == nil {
		n = &node{}
		b.nodes[id] = n
		b.quorum.Observers = append(b.quorum.Observers, brokers.QuorumReplica{Node: id, Directory: directory(id, 0)})
		sortReplicas(b.quorum.Observers)
	}
	if n.alive == alive && n.registered == (id < orrery.FirstController) {
		return
	}
	if n.alive && !alive && !n.behind {
		n.caughtUp = b.now()
	}
	n.alive, n.behind = alive, true
	n.registered = n.registered || alive && id < orrery.FirstController
	b.elect()
	b.eachPartition(func(p *brokers.Partition) {
		if !alive && len(p.InSync) > 1 {
			p.InSync = without(p.InSync, id)
		}
		b.lead(p)
	})
}

// CatchUp brings all replicas of a node that is alive in sync, those that a move adds to it too, and what it has of the
// controllers' log.
func (b *Brokers) CatchUp(id int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := b.nodes[id]; n != nil && n.alive {
		n.behind, n.lag = false, 0
		b.eachPartition(func(p *brokers.Partition) { b.copy(p, id) })
	}
}

// SetLag sets how many records of the controllers' log a node lacks; with more than none it is not caught up from now on.
func (b *Brokers) SetLag(id int32, lag int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.nodes[id]
	if lag > 0 && !n.behind {
		n.caughtUp = b.now()
	}
	n.lag, n.behind = lag, lag > 0
}

// ReplaceDisk empties the disk of a node that is not alive: what is in sync elsewhere is not on it any more, and it is
// another directory, which is no voter.
func (b *Brokers) ReplaceDisk(id int32) (directoryID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.nodes[id]
	n.directory++
	n.caughtUp, n.behind = time.Time{}, true
	b.quorum.Observers = slices.DeleteFunc(b.quorum.Observers, func(r brokers.QuorumReplica) bool { return r.Node == id })
	b.quorum.Observers = append(b.quorum.Observers, brokers.QuorumReplica{Node: id, Directory: directory(id, n.directory)})
	sortReplicas(b.quorum.Observers)
	b.eachPartition(func(p *brokers.Partition) {
		p.InSync = without(p.InSync, id)
		b.lead(p)
	})
	return directory(id, n.directory)
}

func sortReplicas(replicas []brokers.QuorumReplica) {
	slices.SortFunc(replicas, func(a, b brokers.QuorumReplica) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Directory, b.Directory))
	})
}

// elect chooses the quorum's leader: the one that it is, or the first voter that is alive, where a majority is.
func (b *Brokers) elect() {
	var alive []int32
	for _, v := range b.quorum.Voters {
		if b.holds(v) {
			alive = append(alive, v.Node)
		}
	}
	switch {
	case len(alive) <= len(b.quorum.Voters)/2:
		b.quorum.Leader = -1
	case !slices.Contains(alive, b.quorum.Leader) || b.quorum.Leader < 0:
		b.quorum.Leader = alive[0]
	}
}

// holds reports whether a copy of the controllers' log is there: its node is alive and has that disk.
func (b *Brokers) holds(r brokers.QuorumReplica) bool {
	n := b.nodes[r.Node]
	return n.alive && r.Directory == directory(r.Node, n.directory)
}

// describe returns the quorum as its leader sees it now.
func (b *Brokers) describe() brokers.Quorum {
	if b.quorum.Leader < 0 {
		return brokers.Quorum{Leader: -1}
	}
	state := func(replicas []brokers.QuorumReplica) (described []brokers.QuorumReplica) {
		for _, r := range replicas {
			n := b.nodes[r.Node]
			switch {
			case !b.holds(r) && r.Directory != directory(r.Node, n.directory):
				r.Lag = -1
			case n.behind && r.Node != b.quorum.Leader:
				r.Lag, r.CaughtUp = max(n.lag, 1), n.caughtUp
			default:
				r.CaughtUp = b.now()
			}
			described = append(described, r)
		}
		return described
	}
	return brokers.Quorum{Leader: b.quorum.Leader, Voters: state(b.quorum.Voters), Observers: state(b.quorum.Observers)}
}

// view returns the brokers and what follows from the partitions.
func (b *Brokers) view() brokers.View {
	v := brokers.View{Quorum: b.describe(), Topics: len(b.topics), Throttle: b.throttle, At: b.now()}
	v.Controller = v.Quorum.Leader
	for _, id := range slices.Sorted(maps.Keys(b.nodes)) {
		n := b.nodes[id]
		if n.registered {
			v.Nodes = append(v.Nodes, brokers.NodeView{Node: id, Alive: n.alive})
		}
		if n.registered && n.alive {
			v.Brokers = append(v.Brokers, id)
		}
	}
	partitions := b.partitions()
	v.Assess(partitions, func(topic string) int { return b.topics[topic].minInSync })
	for _, p := range partitions {
		if len(p.Adding)+len(p.Removing) > 0 {
			v.Reassigning++
		}
	}
	if v.Quorum.Leader < 0 {
		v.Reassigning = -1
	}
	return v
}
