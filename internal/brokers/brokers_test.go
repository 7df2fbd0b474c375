package brokers_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
)

func TestAssess(t *testing.T) {
	three := []int32{0, 1, 2}
	for name, c := range map[string]struct {
		partition brokers.Partition
		minimum   int
		critical  [3]int
		always    [3]int
		behind    [3]int
	}{
		"all in sync":                          {brokers.Partition{Replicas: three, InSync: three}, 2, [3]int{}, [3]int{}, [3]int{}},
		"one is behind":                        {brokers.Partition{Replicas: three, InSync: []int32{2, 0}}, 2, [3]int{1, 0, 1}, [3]int{}, [3]int{0, 1, 0}},
		"one is enough":                        {brokers.Partition{Replicas: three, InSync: []int32{2, 0}}, 1, [3]int{}, [3]int{}, [3]int{0, 1, 0}},
		"the last one":                         {brokers.Partition{Replicas: three, InSync: []int32{1}}, 1, [3]int{0, 1, 0}, [3]int{}, [3]int{1, 0, 1}},
		"none":                                 {brokers.Partition{Leader: -1, Replicas: three}, 1, [3]int{1, 1, 1}, [3]int{}, [3]int{1, 1, 1}},
		"all are needed":                       {brokers.Partition{Replicas: three, InSync: three}, 3, [3]int{1, 1, 1}, [3]int{1, 1, 1}, [3]int{}},
		"more are asked for than there are":    {brokers.Partition{Replicas: []int32{0, 1}, InSync: []int32{0, 1}}, 3, [3]int{1, 1, 0}, [3]int{1, 1, 0}, [3]int{}},
		"nobody knows how many":                {brokers.Partition{Replicas: three, InSync: three}, math.MaxInt, [3]int{1, 1, 1}, [3]int{1, 1, 1}, [3]int{}},
		"one replica":                          {brokers.Partition{Replicas: []int32{1}, InSync: []int32{1}}, 1, [3]int{0, 1, 0}, [3]int{0, 1, 0}, [3]int{}},
		"one is being added":                   {brokers.Partition{Replicas: three, InSync: []int32{0, 1}, Adding: []int32{2}}, 1, [3]int{}, [3]int{}, [3]int{}},
		"one is being added, and one is late":  {brokers.Partition{Replicas: three, InSync: []int32{0}, Adding: []int32{2}}, 1, [3]int{1, 0, 0}, [3]int{}, [3]int{0, 1, 0}},
		"one that was added is in sync before": {brokers.Partition{Replicas: three, InSync: three, Adding: []int32{2}, Removing: []int32{0}}, 2, [3]int{}, [3]int{}, [3]int{}},
	} {
		t.Run(name, func(t *testing.T) {
			v := brokers.View{Nodes: []brokers.NodeView{{Node: 0, Alive: true}, {Node: 2, Alive: true}}, OfflinePartitions: 7, UnderReplicatedPartitions: 7}
			c.partition.Topic, c.partition.Number = "t", 4
			v.Assess([]brokers.Partition{c.partition}, func(string) int { return c.minimum })
			var critical, always, behind [3]int
			sum := 0
			for node := range three {
				n, ok := v.Node(int32(node))
				if node == 1 && (!ok || n.Alive) && len(c.partition.Replicas) > 1 {
					t.Errorf("a broker that is only known from a replica is %+v, %v", n, ok)
				}
				critical[node], always[node], behind[node] = n.Critical, n.AlwaysCritical, n.OutOfSync
				if n.Critical > 0 && n.CriticalExample != "t-4" {
					t.Errorf("the example of %+v", n)
				}
				sum += n.OutOfSync
			}
			if critical != c.critical || always != c.always || behind != c.behind {
				t.Errorf("critical %v, always %v, out of sync %v; want %v, %v, %v", critical, always, behind, c.critical, c.always, c.behind)
			}
			if v.Partitions != 1 || (v.OfflinePartitions == 1) != (c.partition.Leader < 0) || (v.UnderReplicatedPartitions == 1) != (sum > 0) {
				t.Errorf("the view is %+v", v)
			}
		})
	}
}

func TestQuorum(t *testing.T) {
	now := time.Unix(1000, 0)
	voter := func(node int32, ago time.Duration) brokers.QuorumReplica {
		return brokers.QuorumReplica{Node: node, Directory: "d", CaughtUp: now.Add(-ago)}
	}
	never := brokers.QuorumReplica{Node: 9, Directory: "d"}
	for name, c := range map[string]struct {
		quorum  brokers.Quorum
		refused bool
	}{
		"two of two others":       {brokers.Quorum{Leader: 0, Voters: []brokers.QuorumReplica{voter(0, 0), voter(1, time.Second), voter(2, time.Hour)}}, false},
		"one of two others":       {brokers.Quorum{Leader: 0, Voters: []brokers.QuorumReplica{voter(0, 0), voter(1, time.Minute), voter(2, 0)}}, true},
		"two of three others":     {brokers.Quorum{Leader: 0, Voters: []brokers.QuorumReplica{voter(0, 0), voter(1, 0), voter(2, time.Hour), voter(3, time.Hour)}}, false},
		"the only one":            {brokers.Quorum{Leader: 2, Voters: []brokers.QuorumReplica{voter(2, 0)}}, true},
		"nobody leads":            {brokers.Quorum{Leader: -1, Voters: []brokers.QuorumReplica{voter(0, 0), voter(1, 0), voter(2, 0)}}, true},
		"one was never caught up": {brokers.Quorum{Leader: 0, Voters: []brokers.QuorumReplica{voter(0, 0), never, voter(2, 0)}}, true},
	} {
		if err := c.quorum.CheckRemoval(voter(2, 0), now); (orrery.ErrorCode(err) == orrery.Conflict) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDynamicOfListeners(t *testing.T) {
	for name, want := range map[string]brokers.Scope{
		"log.retention.ms": brokers.WholeCluster, "log.retention.hours": brokers.ReadOnly, "no.such.setting": brokers.ReadOnly, "": brokers.ReadOnly,
		"ssl.keystore.location": brokers.ReadOnly, "listener.name.platform.ssl.keystore.location": brokers.PerBroker,
		"listener.name.tenant.plain.sasl.jaas.config": brokers.PerBroker, "listener.name.tenant.sasl.jaas.config": brokers.PerBroker,
		"listener.name.tenant.max.connections": brokers.WholeCluster, "listener.name.tenant.log.retention.ms": brokers.ReadOnly,
		"listener.name.": brokers.ReadOnly, "listener.name.tenant": brokers.ReadOnly, "listeners": brokers.PerBroker,
	} {
		if got := brokers.Dynamic(name); got != want {
			t.Errorf("%q is %s; want %s", name, got, want)
		}
	}
}

func TestCheckFeatures(t *testing.T) {
	features := []brokers.Feature{{Name: "a", Finalized: 3, Min: 1, Max: 5}, {Name: "b", Min: 1, Max: 1}}
	due, err := brokers.CheckFeatures(features, map[string]int16{"a": 5, "b": 0})
	if err != nil || !cmp.Equal(due, map[string]int16{"a": 5}) {
		t.Errorf("due are %v, %v", due, err)
	}
	for _, levels := range []map[string]int16{{"a": 2}, {"a": 6}, {"c": 1}, {"a": 5, "b": 2}} {
		if due, err := brokers.CheckFeatures(features, levels); orrery.ErrorCode(err) != orrery.Invalid || due != nil {
			t.Errorf("%v: %v, %v", levels, due, err)
		}
	}
}
