package operator_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/operator"
)

// racked is a random assignment of partitions to brokers in racks, no two replicas of a partition on one of either.
func racked(r *rand.Rand, nodes, racks, partitions int) (all []brokers.Partition, rack func(int32) string) {
	rack = func(node int32) string {
		if racks == 0 {
			return ""
		}
		return fmt.Sprint("zone-", int(node)%racks)
	}
	for i := range partitions {
		p := brokers.Partition{Topic: "t", Number: int32(i)}
		factor := 1 + r.IntN(min(3, nodes))
		for _, node := range r.Perm(nodes) {
			taken := slices.ContainsFunc(p.Replicas, func(other int32) bool { return racks >= 3 && rack(other) == rack(int32(node)) })
			if len(p.Replicas) < factor && !taken {
				p.Replicas = append(p.Replicas, int32(node))
			}
		}
		p.InSync = slices.Clone(p.Replicas)
		all = append(all, p)
	}
	return all, rack
}

// apply carries out moves, and fails where one changes the number of replicas or puts two on one broker.
func moved(t *testing.T, partitions []brokers.Partition, moves []brokers.Move) (after []brokers.Partition, changed int) {
	t.Helper()
	after = slices.Clone(partitions)
	for _, move := range moves {
		p := &after[move.Number]
		if len(move.Replicas) != len(p.Replicas) || len(slices.Compact(slices.Sorted(slices.Values(move.Replicas)))) != len(p.Replicas) {
			t.Fatalf("%v becomes %v", p.Replicas, move.Replicas)
		}
		for _, node := range move.Replicas {
			if !slices.Contains(p.Replicas, node) {
				changed++
			}
		}
		p.Replicas = move.Replicas
	}
	return after, changed
}

func counts(partitions []brokers.Partition, nodes int) []int {
	count := make([]int, nodes)
	for _, p := range partitions {
		for _, node := range p.Replicas {
			count[node]++
		}
	}
	return count
}

// New brokers get their part and no more is moved than that takes; what leaves is emptied; racks stay apart; and then
// nothing is left to be moved.
func TestSpread(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 7))
		racks := []int{0, 3, 4}[r.IntN(3)]
		before := 4 + r.IntN(5)
		after := 3 + r.IntN(8)
		if racks > 0 {
			before, after = racks*(1+r.IntN(3)), racks*(1+r.IntN(3))
		}
		partitions, rack := racked(r, before, racks, 1+r.IntN(200))
		moves, stuck := operator.Spread(partitions, before, after, rack)
		if stuck != "" && after >= 3 {
			t.Fatalf("seed %d: stuck: %s", seed, stuck)
		}
		done, changed := moved(t, partitions, moves)
		old, now := counts(partitions, max(before, after)), counts(done, max(before, after))
		least := 0
		for node := after; node < before; node++ {
			least += old[node]
			if now[node] > 0 {
				t.Fatalf("seed %d: broker %d leaves with %d replicas", seed, node, now[node])
			}
		}
		if after > before {
			total := 0
			for _, n := range now {
				total += n
			}
			for node := range after {
				least += max(0, total/after-old[node])
				if racks == 0 && (now[node] < total/after-1 || now[node] > total/after+2) {
					t.Fatalf("seed %d: from %v to %v", seed, old, now)
				}
			}
			if racks == 0 && changed > least+after {
				t.Fatalf("seed %d: %d replicas were moved, and %d had to be: %v to %v", seed, changed, least, old, now)
			}
		} else if changed != least {
			t.Fatalf("seed %d: %d replicas were moved, and %d had to be", seed, changed, least)
		}
		for _, p := range done {
			apart := map[string]bool{}
			for _, node := range p.Replicas {
				apart[rack(node)] = true
			}
			if racks >= 3 && len(apart) < len(p.Replicas) {
				t.Fatalf("seed %d: the replicas %v of %d share a rack", seed, p.Replicas, p.Number)
			}
		}
		if again, _ := operator.Spread(done, before, after, rack); len(again) > 0 {
			t.Fatalf("seed %d: %d moves are left after all of them: %v", seed, len(again), now)
		}
	}
}

// The leadership of partitions goes with their first replicas, so new brokers lead their part too.
func TestSpreadOfLeaders(t *testing.T) {
	var partitions []brokers.Partition
	for i := range 300 {
		n := int32(i)
		partitions = append(partitions, brokers.Partition{Topic: "t", Number: n, Replicas: []int32{n % 3, (n + 1) % 3, (n + 2) % 3}})
	}
	moves, _ := operator.Spread(partitions, 3, 6, func(int32) string { return "" })
	done, _ := moved(t, partitions, moves)
	lead := make([]int, 6)
	for _, p := range done {
		lead[p.Replicas[0]]++
	}
	if slices.Min(lead) < 30 || slices.Max(lead) > 70 {
		t.Errorf("of 300 partitions the brokers lead %v", lead)
	}
}

// Fewer brokers than a partition has replicas are refused, and so is the removal of a controller.
func TestTooFewBrokers(t *testing.T) {
	for name, c := range map[string]struct {
		brokers  int
		change   func(*model)
		says     string
		possible bool
	}{
		"a broker less":               {4, func(*model) {}, "", true},
		"as many as replicas":         {3, func(*model) {}, "", true},
		"fewer than the setting says": {2, func(*model) {}, "default.replication.factor asks for 3", false},
		"fewer than replicas":         {2, forgetFactor, "t000-0 has 3 replicas", false},
		"fewer than controllers": {2, func(m *model) {
			forgetFactor(m)
			m.partitions = nil
		}, "broker 2 is one of the 3 controllers", false},
		"none": {0, func(*model) {}, "0 brokers is none", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(t, 1, apache(5), 10)
			c.change(m)
			desired := operator.Desired{Spec: m.o.Spec}
			desired.Spec.Brokers = c.brokers
			plan := operator.Diff(desired, m.o, m.look(), m.now)
			if (plan.Refused == "") != c.possible || !strings.Contains(plan.Refused, c.says) {
				t.Errorf("it says %q, want %q", plan.Refused, c.says)
			}
			if !c.possible && len(plan.Actions)+len(plan.Waits) > 0 {
				t.Errorf("it does %+v, waits for %+v", plan.Actions, plan.Waits)
			}
		})
	}
}

func forgetFactor(m *model) {
	delete(m.o.Spec.Configuration, "default.replication.factor")
	for _, b := range m.nodes() {
		delete(b.Configuration, "default.replication.factor")
	}
}
