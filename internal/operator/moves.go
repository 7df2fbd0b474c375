package operator

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/orrery-kafka/orrery/internal/brokers"
)

// place is a broker that may have replicas.
type place struct {
	node int32
	rack string // "": there are none
}

// spread returns the moves that take every replica from brokers that leave and, with even, have those that stay hold the
// same number each, give or take one. It moves no replica that need not move, keeps the number of replicas of each
// partition, puts no two of them on one broker, and on one rack only where they were or where there are too few racks.
// What it returns depends on nothing but where the replicas are, and after its moves it returns none. stuck says which
// partition has nowhere to go.
func spread(partitions []brokers.Partition, stay []place, leave map[int32]bool, even bool) (moves []brokers.Move, stuck string) {
	a := newAssignment(partitions, stay)
	for i := range a.partitions {
		for position, node := range a.partitions[i].replicas {
			if !leave[node] {
				continue
			}
			to, ok := a.best(i, position)
			if !ok {
				stuck = fmt.Sprintf("%s-%d has a replica on %s, and no other broker can take it", partitions[i].Topic, partitions[i].Number, nodeName(node))
				continue
			}
			a.put(i, position, to)
		}
	}
	for range brokers.MostMoves { // what is more comes with the next look
		if !even || !a.evenOut() {
			break
		}
	}
	for i, p := range a.partitions {
		if p.moved {
			moves = append(moves, brokers.Move{Topic: partitions[i].Topic, Number: partitions[i].Number, Replicas: p.replicas})
		}
	}
	return moves, stuck
}

// assignment is where replicas are, while moves are looked for.
type assignment struct {
	partitions []assigned
	stay       []place
	racks      map[int32]string
	// replicas and leaders count those of each broker that stays, and on are the partitions that each has, or had.
	replicas, leaders map[int32]int
	on                map[int32][]int
	rackCount         int
}

type assigned struct {
	replicas []int32
	moved    bool
}

func newAssignment(partitions []brokers.Partition, stay []place) *assignment {
	a := &assignment{stay: stay, racks: map[int32]string{}, replicas: map[int32]int{}, leaders: map[int32]int{}, on: map[int32][]int{}}
	named := map[string]bool{}
	for _, p := range stay {
		a.racks[p.node], a.on[p.node] = p.rack, []int{}
		named[p.rack] = true
	}
	a.rackCount = len(named)
	for i, p := range partitions {
		replicas := slices.DeleteFunc(slices.Clone(p.Replicas), func(node int32) bool { return slices.Contains(p.Removing, node) })
		a.partitions = append(a.partitions, assigned{replicas: replicas})
		for position, node := range replicas {
			a.count(i, position, node, 1)
		}
	}
	return a
}

func (a *assignment) count(partition, position int, node int32, by int) {
	if a.on[node] == nil {
		return // it leaves
	}
	a.replicas[node] += by
	if position == 0 {
		a.leaders[node] += by
	}
	if by > 0 {
		a.on[node] = append(a.on[node], partition)
	}
}

// put gives a replica to another broker, in the same position: the preferred leader's follower is another one then.
func (a *assignment) put(partition, position int, to int32) {
	p := &a.partitions[partition]
	a.count(partition, position, p.replicas[position], -1)
	p.replicas[position], p.moved = to, true
	a.count(partition, position, to, 1)
}

// fits reports whether a broker can take a replica: it has none of the partition, and no other replica is on its rack, or
// the one that it would take over is, or there are fewer racks than replicas.
func (a *assignment) fits(partition, position int, to int32) bool {
	p := a.partitions[partition]
	if slices.Contains(p.replicas, to) {
		return false
	}
	if a.rackCount < 2 || a.rackCount < len(p.replicas) {
		return true
	}
	from := p.replicas[position]
	for _, other := range p.replicas {
		if other != from && a.racks[other] == a.racks[to] {
			return a.racks[from] == a.racks[to] && a.on[from] != nil
		}
	}
	return true
}

// best is the broker with the fewest replicas that a replica can go to, and of those the one that leads least.
func (a *assignment) best(partition, position int) (node int32, ok bool) {
	candidates := slices.DeleteFunc(slices.Clone(a.stay), func(p place) bool { return !a.fits(partition, position, p.node) })
	if len(candidates) == 0 { // better on the same rack than nowhere
		candidates = slices.DeleteFunc(slices.Clone(a.stay), func(p place) bool { return slices.Contains(a.partitions[partition].replicas, p.node) })
	}
	if len(candidates) == 0 {
		return 0, false
	}
	return slices.MinFunc(candidates, a.compare).node, true
}

// compare orders brokers by how much they have.
func (a *assignment) compare(p, q place) int {
	return cmp.Or(cmp.Compare(a.replicas[p.node], a.replicas[q.node]), cmp.Compare(a.leaders[p.node], a.leaders[q.node]), cmp.Compare(p.node, q.node))
}

// evenOut moves one replica from a broker that has more to one that has at least two less, and reports whether it did.
func (a *assignment) evenOut() bool {
	order := slices.Clone(a.stay)
	slices.SortFunc(order, a.compare)
	for _, to := range order {
		for _, from := range slices.Backward(order) {
			if a.replicas[from.node]-a.replicas[to.node] < 2 {
				break
			}
			if i, position, ok := a.movable(from.node, to.node); ok {
				a.put(i, position, to.node)
				return true
			}
		}
	}
	return false
}

// movable is the first replica that can go from one broker to another; one with which the leadership of the partition
// goes, where the other leads less, and one without where it does not.
func (a *assignment) movable(from, to int32) (partition, position int, ok bool) {
	leads := a.leaders[from] > a.leaders[to]+1
	found := false
	for _, i := range a.on[from] {
		at := slices.Index(a.partitions[i].replicas, from)
		if at < 0 || !a.fits(i, at, to) {
			continue
		}
		if (at == 0) == leads {
			return i, at, true
		}
		if !found {
			partition, position, found = i, at, true
		}
	}
	return partition, position, found
}
