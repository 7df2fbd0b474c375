package operator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/health"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// ill returns what is asked for about a node, of all verdicts the first one that asks for something: two brokers are never
// touched for their health at once.
func (l *look) ill(node int32, standing health.Standing) (health.Verdict, bool) {
	i := slices.IndexFunc(l.verdicts, func(v health.Verdict) bool { return v.Standing.Acts() })
	if i < 0 || l.verdicts[i].Node != node || l.verdicts[i].Standing != standing {
		return health.Verdict{}, false
	}
	v := l.verdicts[i]
	treated, was := l.view.Treated[node]
	return v, standing == health.Demote || !was || !treated.Equal(v.Since)
}

// diagnosis is a verdict for a person.
func diagnosis(v health.Verdict) string {
	return fmt.Sprintf("%s: %s", v.Cause, strings.Join(v.Evidence, "; "))
}

// cure says why a node is stopped for its health. One whose storage is to be replaced is stopped only with the proof that
// everything of it is elsewhere, or it would not come back.
func (l *look) cure(node int32) string {
	if v, ok := l.ill(node, health.Restart); ok {
		return "it is ill: " + diagnosis(v)
	}
	if v, ok := l.ill(node, health.Replace); ok {
		if _, missing := l.isElsewhere(node); missing == "" {
			return "its storage has to be replaced: " + diagnosis(v)
		}
	}
	return ""
}

// demote has no partition led by a broker that is to be relieved, as far as another replica of it is in sync, and gives a
// broker that was relieved its part back. Only the order of replicas changes; no data moves.
func (l *look) demote() {
	k := l.view.Kafka
	if k == nil || l.view.Partitions == nil || !l.plan.settled() || k.Reassigning != 0 {
		return
	}
	moves, why := l.relief()
	if len(moves) == 0 {
		return
	}
	l.do(Action{
		Action: substrate.Action{Verb: Reassign, Reason: why},
		Moves:  moves[:min(len(moves), brokers.MostMoves)], BytesPerSecond: throttle(l.target),
	})
}

func (l *look) relief() (moves []brokers.Move, why string) {
	for _, b := range l.observed.Brokers {
		if v, ok := l.ill(b.Node, health.Demote); ok {
			return l.relieve(b.Node), fmt.Sprintf("%s is to lead nothing: %s", nodeName(b.Node), diagnosis(v))
		}
	}
	for _, b := range l.observed.Brokers {
		if l.idle(*l.view.Kafka, b.Node) {
			return l.employ(b.Node), nodeName(b.Node) + " should lead its part and leads nothing"
		}
	}
	return nil, ""
}

// relieve puts a broker last where it is the first replica and another one is in sync and alive, which becomes the first.
func (l *look) relieve(node int32) (moves []brokers.Move) {
	for _, p := range l.view.Partitions {
		if len(p.Replicas) < 2 || p.Replicas[0] != node || len(p.Adding)+len(p.Removing) > 0 {
			continue
		}
		i := slices.IndexFunc(p.Replicas, func(other int32) bool { return other != node && l.leads(p, other) })
		if i < 0 {
			continue
		}
		replicas := slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return id == node || id == p.Replicas[i] })
		moves = append(moves, brokers.Move{Topic: p.Topic, Number: p.Number, Replicas: append(append([]int32{p.Replicas[i]}, replicas...), node)})
	}
	return moves
}

// leads reports whether a broker could lead a partition.
func (l *look) leads(p brokers.Partition, node int32) bool {
	n, known := l.view.Kafka.Node(node)
	return known && n.Alive && slices.Contains(p.InSync, node)
}

// idle reports whether a broker is the first replica of nothing although it should be of some: all others share what it
// has not. With few partitions that is no wonder.
func (l *look) idle(k brokers.View, node int32) bool {
	n, known := k.Node(node)
	if _, demoted := l.ill(node, health.Demote); demoted || l.leaving(node) {
		return false
	}
	return known && n.Alive && n.OutOfSync == 0 && n.PreferredLeaders == 0 && n.Replicas > 0 && k.Partitions >= 4*len(k.Nodes)
}

// employ makes a broker the first replica of its part of the partitions that it has, taken from those that lead most.
func (l *look) employ(node int32) (moves []brokers.Move) {
	led := map[int32]int{}
	var mine []brokers.Partition
	for _, p := range l.view.Partitions {
		if len(p.Replicas) == 0 || len(p.Adding)+len(p.Removing) > 0 {
			continue
		}
		led[p.Replicas[0]]++
		if slices.Contains(p.Replicas, node) {
			mine = append(mine, p)
		}
	}
	part := len(l.view.Partitions) / max(len(l.view.Kafka.Nodes), 1)
	for _, p := range mine {
		if len(moves) >= part {
			break
		}
		if led[p.Replicas[0]] <= part {
			continue
		}
		led[p.Replicas[0]]--
		rest := slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return id == node })
		moves = append(moves, brokers.Move{Topic: p.Topic, Number: p.Number, Replicas: append([]int32{node}, rest...)})
	}
	return moves
}

// healthy says whether a broker that runs is judged to be ill.
func (o *Operator) healthy(desired Desired) (orrery.Condition, bool) {
	c := orrery.Condition{Type: orrery.ConditionBrokersHealthy, Status: orrery.True, Reason: reasonHealthy, Message: "no broker is judged to be ill"}
	if len(desired.Verdicts) == 0 {
		return c, false
	}
	worst := slices.IndexFunc(desired.Verdicts, func(v health.Verdict) bool { return v.Standing.Acts() })
	if worst < 0 {
		worst = slices.IndexFunc(desired.Verdicts, func(v health.Verdict) bool { return v.Standing == health.Suspect })
	}
	if worst >= 0 {
		v := desired.Verdicts[worst]
		if v.Standing.Acts() {
			c.Status = orrery.False // a suspicion alone makes no cluster unready
		}
		c.Reason, c.Message = string(v.Standing), fmt.Sprintf("%s: %s", nodeName(v.Node), diagnosis(v))
	}
	return c, true
}
