package operator

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// replaceStorage has the storage of a node that does not run made anew, once Kafka proves that nothing is only there.
func (l *look) replaceStorage(b substrate.Broker) {
	what := nodeName(b.Node) + " has lost its storage"
	if why, condemned := l.view.Condemned[b.Node]; condemned {
		what = fmt.Sprintf("the storage of %s has to be replaced: %s", nodeName(b.Node), why)
	}
	proof, missing := l.isElsewhere(b.Node)
	if missing != "" {
		l.wait(Wait{What: waitStorage, Node: b.Node, Owner: "a person, or the other brokers", Patience: storagePatience},
			"%s; it is not made anew, because it is not proven that everything is elsewhere: %s", what, missing)
		return
	}
	l.do(Action{Action: substrate.Action{Verb: substrate.ReplaceStorage, Node: b.Node, Spec: l.target, Reason: what, Proof: proof}})
}

// isElsewhere proves that what a node had is in sync elsewhere: every partition on a broker that is alive, and the
// controllers' log with a majority. Else it says what is missing for the proof.
func (l *look) isElsewhere(node int32) (proof, missing string) {
	k := l.view.Kafka
	if k == nil || l.view.Partitions == nil {
		return "", l.unknown()
	}
	on := l.partitionsOf(node)
	for _, p := range on {
		if !slices.ContainsFunc(p.InSync, func(other int32) bool {
			n, known := k.Node(other)
			return other != node && known && n.Alive
		}) {
			return "", fmt.Sprintf("%s-%d has no other replica that is in sync and alive", p.Topic, p.Number)
		}
	}
	quorum := "it is no voter of the controllers"
	if voter, is := k.Quorum.Voter(node); is {
		if err := k.Quorum.CheckRemoval(voter, k.At); err != nil {
			return "", orrery.ErrorMessage(err)
		}
		quorum = fmt.Sprintf("the other %d voters of the controllers have a majority that is caught up", len(k.Quorum.Voters)-1)
	} else if len(k.Quorum.Voters) == 0 {
		return "", "no controller says how the quorum is"
	}
	return fmt.Sprintf("each of the %d partitions with a replica on %s has another one that is in sync and alive, and %s", len(on), nodeName(node), quorum), ""
}

// voters has a node whose disk was replaced join the controllers' quorum again: its new disk has another directory id,
// so the old voter is taken out first, and the new one is taken in once it follows. Never both in one look.
func (l *look) voters() {
	if !l.versioned() || l.view.Kafka == nil {
		return
	}
	q := l.view.Kafka.Quorum
	for _, v := range q.Voters {
		replaced := slices.ContainsFunc(q.Observers, func(o brokers.QuorumReplica) bool { return o.Node == v.Node && o.Directory != v.Directory })
		if !replaced || v.Directory == "" {
			continue
		}
		if err := q.CheckRemoval(v, l.view.Kafka.At); err != nil {
			l.wait(Wait{What: waitVoter, Node: v.Node, Owner: "the other controllers", Patience: storagePatience}, "%s has a new disk and is to vote with it: %s", nodeName(v.Node), orrery.ErrorMessage(err))
			return
		}
		l.do(Action{
			Action:    substrate.Action{Verb: RemoveVoter, Node: v.Node, Reason: nodeName(v.Node) + " has a new disk, and its old one does not vote any more"},
			Directory: v.Directory,
		})
		return
	}
	// Quorums are made with an odd number of voters, so an even one lacks who was taken out.
	if len(q.Voters) == 0 || len(q.Voters)%2 == 1 {
		return
	}
	l.addVoter(q)
}

func (l *look) addVoter(q brokers.Quorum) {
	candidates := slices.Clone(q.Observers)
	slices.SortFunc(candidates, func(a, b brokers.QuorumReplica) int { return cmp.Compare(a.Node, b.Node) })
	for _, o := range candidates {
		_, already := q.Voter(o.Node)
		if already || !l.controls(o.Node) || !l.runs(o.Node) {
			continue
		}
		if !o.IsCaughtUp(l.view.Kafka.At) {
			l.wait(Wait{What: waitVoter, Node: o.Node, Owner: nodeName(o.Node), Patience: storagePatience}, "%s is to vote and follows the controllers' log, %d records behind", nodeName(o.Node), o.Lag)
			return
		}
		l.do(Action{
			Action:    substrate.Action{Verb: AddVoter, Node: o.Node, Reason: nodeName(o.Node) + " follows the controllers' log with its new disk"},
			Directory: o.Directory,
		})
		return
	}
}

// mostCombined is how many brokers are controllers too, where no nodes are that only.
const mostCombined = 3

// controls reports whether a node may be a voter.
func (l *look) controls(node int32) bool {
	if l.observed.Spec.Controllers > 0 {
		return node >= orrery.FirstController
	}
	return node < mostCombined
}

func (l *look) runs(node int32) bool {
	return slices.ContainsFunc(l.nodes, func(b substrate.Broker) bool { return b.Node == node && b.Running })
}
