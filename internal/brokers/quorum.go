package brokers

import (
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
)

// Quorum is the controllers' replicated log (KRaft). It is zero but for Leader, -1, on an engine that has none, and where
// no controller answers.
type Quorum struct {
	Leader int32 // -1: none
	// Voters and Observers are by node, and then by directory. Brokers that are no controller are observers.
	Voters, Observers []QuorumReplica
}

// QuorumReplica is one copy of the controllers' log (KIP-595, KIP-853).
type QuorumReplica struct {
	Node int32
	// Directory is the id of the log's directory, as Kafka writes it; a disk that was replaced has another one. Empty
	// where the engine does not say it.
	Directory string
	// Lag is how many records the leader has more; -1: it is not known.
	Lag int64
	// CaughtUp is when it last had everything that the leader had; zero: never, or it is not known. The leader's is the
	// time of the view.
	CaughtUp time.Time
}

// quorumPatience is how long ago a controller may have been caught up to count as such: the leader writes twice a second.
const quorumPatience = 10 * time.Second

// IsCaughtUp reports whether a controller counted as caught up at a time, that of its view.
func (r QuorumReplica) IsCaughtUp(at time.Time) bool {
	return !r.CaughtUp.IsZero() && at.Sub(r.CaughtUp) <= quorumPatience
}

// CheckRemoval returns a Conflict error unless the quorum can do without a voter: of the others a majority must be caught
// up at that time, or nothing could be decided any more.
func (q Quorum) CheckRemoval(voter QuorumReplica, at time.Time) error {
	others, caughtUp := 0, 0
	for _, v := range q.Voters {
		if v.Node == voter.Node && v.Directory == voter.Directory {
			continue
		}
		others++
		if v.IsCaughtUp(at) {
			caughtUp++
		}
	}
	if q.Leader < 0 || caughtUp <= others/2 {
		return orrery.Errorf(orrery.Conflict, "voter %d stays: %d of the %d others are caught up, which is no majority", voter.Node, caughtUp, others)
	}
	return nil
}

// Replica returns the voter or observer of a node with a directory.
func (q Quorum) Replica(node int32, directory string) (replica QuorumReplica, voter, ok bool) {
	same := func(r QuorumReplica) bool { return r.Node == node && r.Directory == directory }
	if i := slices.IndexFunc(q.Voters, same); i >= 0 {
		return q.Voters[i], true, true
	}
	if i := slices.IndexFunc(q.Observers, same); i >= 0 {
		return q.Observers[i], false, true
	}
	return QuorumReplica{}, false, false
}

// CheckAddition returns a Conflict error unless an observer can become a voter, and whether it is one already.
func (q Quorum) CheckAddition(node int32, directory string) (already bool, err error) {
	_, voter, ok := q.Replica(node, directory)
	if voter {
		return true, nil
	}
	if v, other := q.Voter(node); other {
		return false, orrery.Errorf(orrery.Conflict, "node %d is a voter with the directory %s, which must be removed first", node, v.Directory)
	}
	if !ok {
		return false, orrery.Errorf(orrery.Conflict, "node %d with the directory %s does not follow the quorum", node, directory)
	}
	return false, nil
}

// Voter returns the voter of a node.
func (q Quorum) Voter(node int32) (voter QuorumReplica, ok bool) {
	i := slices.IndexFunc(q.Voters, func(v QuorumReplica) bool { return v.Node == node })
	if i < 0 {
		return QuorumReplica{}, false
	}
	return q.Voters[i], true
}
