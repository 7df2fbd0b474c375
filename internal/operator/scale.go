package operator

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// batchMoves is how many partitions are moved at once: enough to keep the throttle busy, and few enough that a change of
// mind, or a broker that is lost, finds most of them where they were.
const batchMoves = 50

// leastThrottle is the least that a reassignment may use, in bytes per second at each broker.
const leastThrottle = 10_000_000

// throttle is what moving partitions may use of each broker, in bytes per second: half of what it is planned to take in.
func throttle(spec orrery.PSCSpec) int64 {
	return max(leastThrottle, spec.Capacity.IngressBytesPerSecond/int64(max(spec.Brokers, 1))/2)
}

// replicaSettings are the settings that say how many replicas something has.
var replicaSettings = []string{
	"default.replication.factor", "offsets.topic.replication.factor", "transaction.state.log.replication.factor",
	"share.coordinator.state.topic.replication.factor",
}

// tooFewBrokers says why there cannot be as few brokers as that.
func tooFewBrokers(desired orrery.PSCSpec, observed substrate.Observed, view View) string {
	switch has := max(len(observed.Brokers), observed.Spec.Brokers); {
	case desired.Brokers < 1:
		return fmt.Sprintf("a cluster of %d brokers is none", desired.Brokers)
	case desired.Brokers >= has:
		return ""
	}
	for _, name := range replicaSettings {
		if n, err := strconv.Atoi(desired.Configuration[name]); err == nil && n > desired.Brokers {
			return fmt.Sprintf("%d brokers are too few: %s asks for %d", desired.Brokers, name, n)
		}
	}
	for _, p := range view.Partitions {
		if n := len(p.Replicas) - len(p.Adding); n > desired.Brokers {
			return fmt.Sprintf("%d brokers are too few: %s-%d has %d replicas", desired.Brokers, p.Topic, p.Number, n)
		}
	}
	if view.Kafka == nil {
		return ""
	}
	for _, v := range view.Kafka.Quorum.Voters {
		if v.Node < orrery.FirstController && int(v.Node) >= desired.Brokers {
			return fmt.Sprintf("%d brokers are too few: broker %d is one of the %d controllers, which are there to stay", desired.Brokers, v.Node, len(view.Kafka.Quorum.Voters))
		}
	}
	return ""
}

// scaling reports whether brokers come or go.
func (l *look) scaling() bool {
	return l.target.Brokers != l.observed.Spec.Brokers || l.target.Brokers != len(l.observed.Brokers)
}

// add makes the next broker that is missing.
func (l *look) add() {
	if next := len(l.observed.Brokers); next < l.target.Brokers {
		l.act(substrate.AddBroker, int32(next), "%d brokers are wanted, and there are %d", l.target.Brokers, next)
	}
}

// scale moves partitions onto brokers that came and away from those that are to go, and stops those that are empty.
// Restarts come first, and nothing is begun while a broker is missing that is to stay.
func (l *look) scale() {
	k := l.view.Kafka
	if !l.scaling() || l.target.Brokers > len(l.observed.Brokers) {
		if k != nil && k.Throttle > 0 {
			l.endReassignment(*k)
		}
		return
	}
	w := Wait{What: waitReassign, Node: -1, Owner: "Kafka", Patience: reassignPatience}
	if k == nil || l.view.Partitions == nil {
		l.wait(w, "the number of brokers changes from %d to %d and waits: %s", l.observed.Spec.Brokers, l.target.Brokers, l.unknown())
		return
	}
	moves, stuck := l.moves()
	switch {
	case k.Reassigning != 0:
		l.wait(w, "%s, at most %d MB/s at each broker; %d more are to be", reassigning(*k), k.Throttle/1_000_000, len(moves))
	case len(moves) > 0:
		l.reassign(w, moves)
	case stuck != "":
		l.wait(w, "%s", stuck)
	case k.Throttle > 0:
		l.endReassignment(*k)
	default:
		l.shrink()
	}
}

func (l *look) reassign(w Wait, moves []brokers.Move) {
	held := ""
	for _, b := range l.observed.Brokers {
		n, _ := l.view.Kafka.Node(b.Node)
		if !l.leaving(b.Node) && (!b.Running || !n.Alive) {
			held = nodeName(b.Node) + " does not run yet" + because(b.Message)
		}
	}
	if held == "" && slices.ContainsFunc(l.plan.Actions, func(a Action) bool { return a.Verb == substrate.StopBroker }) {
		held = "a broker is restarted first"
	}
	if held != "" {
		l.wait(w, "%d partitions are to be moved and wait: %s", len(moves), held)
		return
	}
	l.do(Action{
		Action: substrate.Action{Verb: Reassign, Reason: fmt.Sprintf("%d partitions are to be moved, because the number of brokers changes from %d to %d",
			len(moves), l.observed.Spec.Brokers, l.target.Brokers)},
		Moves: moves[:min(len(moves), batchMoves)], BytesPerSecond: throttle(l.target),
	})
}

func (l *look) endReassignment(k brokers.View) {
	if k.Reassigning == 0 {
		l.act(EndReassignment, 0, "no partition is being moved any more, and the throttle for that is still there")
	}
}

// moves is what is left to be moved, and why something that should be moved cannot be.
func (l *look) moves() (moves []brokers.Move, stuck string) {
	var stay []place
	leave := map[int32]bool{}
	for _, b := range l.observed.Brokers {
		if l.leaving(b.Node) {
			leave[b.Node] = true
			continue
		}
		n, _ := l.view.Kafka.Node(b.Node)
		stay = append(stay, place{node: b.Node, rack: n.Rack})
	}
	return spread(l.view.Partitions, stay, leave, l.target.Brokers > l.observed.Spec.Brokers)
}

// spread reports whether every broker that there is to be is there, and holds its part.
func (l *look) spread() bool {
	k := l.view.Kafka
	if len(l.observed.Brokers) != l.target.Brokers {
		return false
	}
	if l.target.Brokers < l.observed.Spec.Brokers {
		return true // the others are gone
	}
	if k == nil || l.view.Partitions == nil || k.Reassigning != 0 || k.Throttle > 0 || l.othersRun(-1) != "" {
		return false
	}
	moves, stuck := l.moves()
	return len(moves) == 0 && stuck == ""
}

// empty reports whether Kafka says that a broker has no replica.
func (l *look) empty(node int32) bool {
	return l.view.Kafka != nil && l.view.Kafka.Reassigning == 0 && l.view.Partitions != nil && len(l.partitionsOf(node)) == 0
}

// shrink stops the last broker of those that are to go, once it is empty.
func (l *look) shrink() {
	for _, b := range l.observed.Brokers {
		if !l.isLast(b.Node) || !b.Running || !l.leaving(b.Node) || !l.empty(b.Node) {
			continue
		}
		why := l.othersRun(b.Node)
		if l.versioned() {
			why = l.mayGoDown(b.Node)
		}
		if _, voter := l.view.Kafka.Quorum.Voter(b.Node); voter {
			why = "it is one of the controllers"
		}
		if why != "" {
			l.wait(Wait{What: waitScaleIn, Node: b.Node, Owner: "the other brokers", Patience: restartPatience}, "%s is to be removed and waits: %s", nodeName(b.Node), why)
			return
		}
		l.act(substrate.StopBroker, b.Node, "%d brokers are wanted, and %s is empty", l.target.Brokers, nodeName(b.Node))
	}
}

// isLast reports whether a broker is the one that can be removed: the others are numbered through.
func (l *look) isLast(node int32) bool { return int(node) == len(l.observed.Brokers)-1 }

// remove takes away a broker that is to go, does not run and is empty.
func (l *look) remove(b substrate.Broker) {
	l.do(Action{Action: substrate.Action{
		Verb: substrate.RemoveBroker, Node: b.Node, Spec: l.target, Reason: fmt.Sprintf("%d brokers are wanted", l.target.Brokers),
		Proof: fmt.Sprintf("Kafka says that none of its %d partitions has a replica on %s, and none is being moved", len(l.view.Partitions), nodeName(b.Node)),
	}})
}
