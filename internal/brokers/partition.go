package brokers

import (
	"slices"

	"github.com/orrery-kafka/orrery"
)

// Partition is one partition of a topic.
type Partition struct {
	Topic  string
	Number int32
	Leader int32 // -1: none
	// Replicas are the brokers that have it or are being given it; the first is the preferred leader.
	Replicas []int32
	// Sizes are the bytes that each of Replicas takes; -1 where a broker does not say it.
	Sizes  []int64
	InSync []int32
	// Adding and Removing are those of Replicas that a reassignment adds, and takes away at its end (KIP-455).
	Adding, Removing []int32
}

// Move is what Reassign is to do with one partition.
type Move struct {
	Topic  string
	Number int32
	// Replicas are the brokers that have it at the end, the preferred leader first: the same ones in another order move no
	// data. Empty calls off a move that has not ended.
	Replicas []int32
}

// MostMoves bounds the moves of one call of Reassign, so that it ends in time; the next call brings the next ones.
const MostMoves = 1000

// CheckReassignment returns an Invalid error for moves that both adapters refuse.
func CheckReassignment(moves []Move, bytesPerSecond int64) error {
	if len(moves) > MostMoves {
		return orrery.Errorf(orrery.Invalid, "%d moves are too many for one call; %d are allowed", len(moves), MostMoves)
	}
	if bytesPerSecond <= 0 {
		return orrery.Errorf(orrery.Invalid, "a reassignment needs a throttle of more than %d bytes per second", bytesPerSecond)
	}
	type partition struct {
		topic  string
		number int32
	}
	seen := map[partition]bool{}
	for _, m := range moves {
		if seen[partition{m.Topic, m.Number}] {
			return orrery.Errorf(orrery.Invalid, "%s-%d is moved twice in one call", m.Topic, m.Number)
		}
		seen[partition{m.Topic, m.Number}] = true
		replicas := slices.Sorted(slices.Values(m.Replicas))
		if len(slices.Compact(replicas)) != len(m.Replicas) {
			return orrery.Errorf(orrery.Invalid, "the replicas %v of %s-%d name a broker twice", m.Replicas, m.Topic, m.Number)
		}
	}
	return nil
}
