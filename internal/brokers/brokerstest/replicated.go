package brokerstest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/poll"
)

// Replicated is a physical cluster of the brokers 0, 1 and 2, which are controllers too, without topics.
type Replicated interface {
	// Open opens the cluster, and closes it with the test.
	Open(t *testing.T, changed func()) brokers.Cluster
	// CreateTopic makes a topic with one partition for each list of replicas, two of which must be in sync where there
	// are as many.
	CreateTopic(t *testing.T, name string, replicas ...[]int32)
	// Fill appends that many bytes to partition 0 of a topic.
	Fill(t *testing.T, name string, bytes int64)
	// Freeze has a broker hang, Thaw go on.
	Freeze(t *testing.T, node int32)
	Thaw(t *testing.T, node int32)
	// Stop ends a broker in an orderly way, Kill without notice; Start starts it again.
	Stop(t *testing.T, node int32)
	Kill(t *testing.T, node int32)
	Start(t *testing.T, node int32)
	// AddBroker starts broker 3, which has no vote.
	AddBroker(t *testing.T)
	// ReplaceDisk gives a broker that was killed an empty disk.
	ReplaceDisk(t *testing.T, node int32)
	// Copy has the brokers copy what they lack, or gives them the time to.
	Copy()
}

const (
	// slow is a throttle under which no move of what the suite fills a topic with ends while anybody looks.
	slow = 16 << 10
	fast = 1 << 30
	// filling is how much data there is to move.
	filling = 8 << 20
)

// replicated is one run of the suite on one cluster, each part of which begins with what the last one left: all brokers
// alive and in sync, and the topic on brokers 0, 1 and 2.
type replicated struct {
	Replicated
	cluster brokers.Cluster
}

// The topic that the suite breaks and moves, and one that only broker 1 has.
const (
	moved  = "lkc-1_moved"
	single = "lkc-1_single"
)

// RunReplicated runs the suite of what takes brokers that replicate.
func RunReplicated(t *testing.T, e Replicated) {
	r := &replicated{e, e.Open(t, nil)}
	e.CreateTopic(t, moved, []int32{0, 1, 2}, []int32{1, 2, 0}, []int32{2, 0, 1}, []int32{2, 1, 0})
	e.CreateTopic(t, single, []int32{1})
	e.Fill(t, moved, filling)
	for _, part := range []struct {
		name string
		test func(t *testing.T)
	}{
		{"Healthy", r.healthy},
		{"Frozen", r.frozen},
		{"PreferredLeaders", r.preferredLeaders},
		{"Configuration", r.configuration},
		{"Features", r.features},
		{"ReassignmentRefuses", r.reassignmentRefuses},
		{"Reassignment", r.reassignment},
		{"Unregister", r.unregister},
		{"ReplacedDisk", r.replacedDisk},
	} {
		if !t.Run(part.name, part.test) {
			t.FailNow()
		}
	}
}

func (r *replicated) view(t *testing.T) brokers.View {
	t.Helper()
	view, err := r.cluster.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return view
}

// await polls the view until it is as it should be.
func (r *replicated) await(t *testing.T, what string, holds func(v brokers.View) bool) (view brokers.View) {
	t.Helper()
	poll.Success(t, func() (err error) {
		if view, err = r.cluster.View(t.Context()); err != nil {
			return err
		}
		if !holds(view) {
			return fmt.Errorf("waited for %s: %+v", what, view)
		}
		return nil
	})
	return view
}

// whole waits until all brokers are alive, in sync and caught up.
func (r *replicated) whole(t *testing.T) brokers.View {
	t.Helper()
	r.Copy()
	return r.await(t, "good health", func(v brokers.View) bool {
		for _, n := range v.Nodes {
			if !n.Alive || n.OutOfSync > 0 {
				return false
			}
		}
		for _, voter := range v.Quorum.Voters {
			if !voter.IsCaughtUp(v.At) {
				return false
			}
		}
		return v.OfflinePartitions == 0 && v.UnderReplicatedPartitions == 0 && v.Reassigning == 0 && len(v.Quorum.Voters) == 3
	})
}

func node(v brokers.View, id int32) brokers.NodeView {
	n, _ := v.Node(id)
	return n
}

// partition returns one partition of the topic.
func (r *replicated) partition(t *testing.T, number int32) brokers.Partition {
	t.Helper()
	partitions, err := r.cluster.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(partitions, func(p brokers.Partition) bool { return p.Topic == moved && p.Number == number })
	if i < 0 {
		t.Fatalf("%s-%d is not among %+v", moved, number, partitions)
	}
	return partitions[i]
}

func (r *replicated) healthy(t *testing.T) {
	v := r.whole(t)
	if v.Controller != v.Quorum.Leader || !slices.Contains(v.Brokers, v.Controller) || len(v.Nodes) != 3 || v.Throttle != 0 {
		t.Errorf("the view is %+v", v)
	}
	for i, voter := range v.Quorum.Voters {
		if voter.Node != int32(i) || voter.Directory == "" || voter.Lag < 0 {
			t.Errorf("voter %d is %+v", i, voter)
		}
	}
	// Two of three replicas are enough; the one that has no other is not to be spared.
	for id, critical := range []int{0, 1, 0} {
		n := node(v, int32(id))
		if n.Critical != critical || n.AlwaysCritical != critical || n.PreferredLeaders < 1 || n.Replicas < 4 {
			t.Errorf("node %d is %+v", id, n)
		}
	}
	if example := node(v, 1).CriticalExample; example != single+"-0" {
		t.Errorf("critical for broker 1 is %s", example)
	}
	p := r.partition(t, 0)
	slices.Sort(p.InSync)
	if !slices.Equal(p.Replicas, []int32{0, 1, 2}) || !slices.Equal(p.InSync, []int32{0, 1, 2}) || len(p.Adding)+len(p.Removing) != 0 || len(p.Sizes) != 3 || slices.Min(p.Sizes) < filling {
		t.Errorf("the partition is %+v", p)
	}
	if at := r.partition(t, 3); at.Sizes[0] != 0 {
		t.Errorf("an empty partition is %+v", at)
	}
}

// frozen has broker 2 hang: who looks sees it missing, and what may not be done now.
func (r *replicated) frozen(t *testing.T) {
	r.Freeze(t, 2)
	r.view(t)                      // one that hangs does not hold up the view
	poll.Success(t, func() error { // nor the list, once there is a controller, which it may have been
		_, err := r.cluster.Partitions(t.Context())
		return err
	})
	v := r.await(t, "broker 2 to be missed", func(v brokers.View) bool {
		replica, ok := v.Quorum.Voter(2)
		return !node(v, 2).Alive && node(v, 2).OutOfSync >= 4 && v.UnderReplicatedPartitions >= 4 && ok && replica.Lag != 0
	})
	if !slices.Equal(v.Brokers, []int32{0, 1}) || v.OfflinePartitions != 0 {
		t.Errorf("the view is %+v", v)
	}
	for id, critical := range []int{4, 5, 0} { // all of the topic need the two that are left
		if n := node(v, int32(id)); n.Critical != critical || n.AlwaysCritical != min(critical, id) {
			t.Errorf("node %d is %+v", id, n)
		}
	}
	if n := node(v, 2); n.Leaders != 0 || n.PreferredLeaders < 2 {
		t.Errorf("the frozen one is %+v", n)
	}
	p := r.partition(t, 0)
	if i := slices.Index(p.Replicas, 2); p.Sizes[i] != -1 || p.Sizes[slices.Index(p.Replicas, 0)] < filling {
		t.Errorf("the sizes are %+v", p)
	}
	if err := r.cluster.Unregister(t.Context(), 2); orrery.ErrorCode(err) != orrery.Conflict {
		t.Errorf("unregistering a broker that has replicas: %v", err)
	}
	r.Thaw(t, 2)
	r.whole(t)
}

func (r *replicated) preferredLeaders(t *testing.T) {
	poll.Success(t, func() error {
		left, err := r.cluster.ElectPreferredLeaders(t.Context())
		if err == nil && left > 0 {
			err = fmt.Errorf("%d partitions are left", left)
		}
		return err
	})
	r.await(t, "all preferred leaders", func(v brokers.View) bool {
		return !slices.ContainsFunc(v.Nodes, func(n brokers.NodeView) bool { return n.Leaders != n.PreferredLeaders })
	})
	if left, err := r.cluster.ElectPreferredLeaders(t.Context()); left != 0 || err != nil {
		t.Errorf("electing them again: %d, %v", left, err)
	}
}

func value(s string) *string { return &s }

func (r *replicated) configuration(t *testing.T) {
	const name, secret = "log.cleaner.backoff.ms", "listener.name.admin.ssl.keystore.location"
	ctx := t.Context()
	is := func(node int32, want string, source brokers.Source) {
		t.Helper()
		poll.Success(t, func() error {
			settings, err := r.cluster.Configuration(ctx, node)
			if err != nil {
				return err
			}
			var got brokers.Setting
			if i := slices.IndexFunc(settings, func(s brokers.Setting) bool { return s.Name == name }); i >= 0 {
				got = settings[i]
			}
			if source == brokers.SourceDefault && (got.Source == "" || got.Source == source) || got.Value == want && got.Source == source {
				return nil
			}
			return fmt.Errorf("%s of %d is %+v; want %s, %s", name, node, got, want, source)
		})
	}
	set := func(node int32, v *string) {
		t.Helper()
		for range 2 {
			if err := r.cluster.AlterConfiguration(ctx, node, map[string]*string{name: v}); err != nil {
				t.Fatal(err)
			}
		}
	}
	set(brokers.ClusterWide, value("14000"))
	is(brokers.ClusterWide, "14000", brokers.SourceClusterWide)
	is(0, "14000", brokers.SourceClusterWide)
	set(1, value("13000"))
	is(1, "13000", brokers.SourceBroker)
	is(2, "14000", brokers.SourceClusterWide)
	set(1, nil)
	is(1, "14000", brokers.SourceClusterWide)
	set(brokers.ClusterWide, nil)
	is(brokers.ClusterWide, "", brokers.SourceDefault)
	is(1, "", brokers.SourceDefault)
	for _, c := range []struct {
		node int32
		name string
	}{{0, "log.dirs"}, {brokers.ClusterWide, "log.dirs"}, {0, "no.such.setting"}, {brokers.ClusterWide, secret}, {0, "ssl.keystore.location"}} {
		if err := r.cluster.AlterConfiguration(ctx, c.node, map[string]*string{c.name: value("x")}); orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("changing %s of %d: %v", c.name, c.node, err)
		}
	}
	if err := r.cluster.AlterConfiguration(ctx, 0, nil); err != nil {
		t.Errorf("changing nothing: %v", err)
	}
	if _, err := r.cluster.Configuration(ctx, 77); err == nil {
		t.Error("a broker that there is not has a configuration")
	}
}

func (r *replicated) features(t *testing.T) {
	ctx := t.Context()
	features, err := r.cluster.Features(ctx)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(features, func(f brokers.Feature) bool { return f.Name == "metadata.version" })
	if i < 0 || features[i].Finalized < 1 || features[i].Finalized > features[i].Max || features[i].Min < 1 {
		t.Fatalf("the features are %+v", features)
	}
	metadata := features[i]
	levels := map[string]int16{}
	for _, f := range features {
		levels[f.Name] = f.Finalized
	}
	for range 2 {
		if err := r.cluster.FinalizeFeatures(ctx, levels); err != nil {
			t.Errorf("finalising what is: %v", err)
		}
	}
	for _, level := range []map[string]int16{{"metadata.version": metadata.Finalized - 1}, {"metadata.version": metadata.Max + 1}, {"no.such.version": 1}} {
		if err := r.cluster.FinalizeFeatures(ctx, level); orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("finalising %v: %v", level, err)
		}
	}
	if again, err := r.cluster.Features(ctx); err != nil || !cmp.Equal(again, features) {
		t.Errorf("what was refused changed the features: %s (%v)", cmp.Diff(features, again), err)
	}
}

func (r *replicated) reassignmentRefuses(t *testing.T) {
	before := r.partition(t, 0)
	for name, move := range map[string]brokers.Move{
		"a broker that there is not":       {Topic: moved, Replicas: []int32{0, 1, 77}},
		"a partition that there is not":    {Topic: moved, Number: 99, Replicas: []int32{0}},
		"a topic that there is not":        {Topic: "none", Replicas: []int32{0}},
		"the same broker twice":            {Topic: moved, Replicas: []int32{0, 1, 1}},
		"a negative number of a partition": {Topic: moved, Number: -1, Replicas: []int32{0}},
	} {
		moves := []brokers.Move{{Topic: moved, Number: 0, Replicas: []int32{2, 0}}, move}
		if move.Topic == moved && move.Number == 0 {
			moves = moves[1:]
		}
		if err := r.cluster.Reassign(t.Context(), moves, fast); orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.cluster.Reassign(t.Context(), nil, 0); orrery.ErrorCode(err) != orrery.Invalid {
		t.Errorf("without a throttle: %v", err)
	}
	if err := r.cluster.Reassign(t.Context(), make([]brokers.Move, brokers.MostMoves+1), fast); orrery.ErrorCode(err) != orrery.Invalid {
		t.Errorf("too many: %v", err)
	}
	if after := r.partition(t, 0); !cmp.Equal(before.Replicas, after.Replicas) || len(after.Adding) > 0 {
		t.Errorf("what was refused moved something: %+v", after)
	}
}

// reassignment moves partitions to broker 3 and back.
func (r *replicated) reassignment(t *testing.T) {
	ctx := t.Context()
	r.AddBroker(t)
	r.await(t, "broker 3", func(v brokers.View) bool { return node(v, 3).Alive })
	away := []brokers.Move{{Topic: moved, Number: 0, Replicas: []int32{3, 1, 2}}, {Topic: moved, Number: 1, Replicas: []int32{1, 2, 3}}}
	reassign := func(moves []brokers.Move, rate int64) {
		t.Helper()
		if err := r.cluster.Reassign(ctx, moves, rate); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // who does not know how far it came says it again
		reassign(away[:1], slow)
	}
	v := r.await(t, "the move to begin", func(v brokers.View) bool { return v.Reassigning == 1 && node(v, 3).Replicas == 1 && v.Throttle == slow })
	if n := node(v, 3); n.OutOfSync != 0 || n.PreferredLeaders != 1 || n.Leaders != 0 || v.UnderReplicatedPartitions != 0 {
		t.Errorf("a replica that is being added counts as missing: %+v", v)
	}
	p := r.partition(t, 0)
	if !slices.Equal(p.Replicas, []int32{3, 1, 2, 0}) || !slices.Equal(p.Adding, []int32{3}) || !slices.Equal(p.Removing, []int32{0}) || p.Sizes[0] >= filling {
		t.Errorf("on its way it is %+v", p)
	}
	if left, err := r.cluster.EndReassignment(ctx); left != 1 || err != nil {
		t.Errorf("ending it before its end: %d, %v", left, err)
	}
	// It is called off, and begun again with another one.
	reassign([]brokers.Move{{Topic: moved}}, slow)
	r.await(t, "the move to be called off", func(v brokers.View) bool { return v.Reassigning == 0 && node(v, 3).Replicas == 0 })
	reassign([]brokers.Move{{Topic: moved}}, slow)
	for _, moves := range [][]brokers.Move{away[:1], away[1:]} {
		reassign(moves, slow)
	}
	r.await(t, "the moves to begin", func(v brokers.View) bool { return v.Reassigning >= 1 && node(v, 3).Replicas == 2 })
	reassign(nil, fast)
	r.end(t)
	v = r.await(t, "the end of the throttle", func(v brokers.View) bool { return v.Throttle == 0 && v.Reassigning == 0 })
	if n := node(v, 3); n.Replicas != 2 || n.OutOfSync != 0 || node(v, 0).Replicas < 2 || v.UnderReplicatedPartitions != 0 {
		t.Errorf("after the moves %+v", v)
	}
	p = r.partition(t, 0)
	if !slices.Equal(p.Replicas, away[0].Replicas) || slices.Min(p.Sizes) < filling {
		t.Errorf("after the move it is %+v", p)
	}
	// The same brokers in another order move nothing.
	reassign([]brokers.Move{{Topic: moved, Number: 1, Replicas: []int32{2, 1, 3}}}, slow)
	poll.Success(t, func() error {
		if p := r.partition(t, 1); !slices.Equal(p.Replicas, []int32{2, 1, 3}) || len(p.Adding)+len(p.Removing) != 0 {
			return fmt.Errorf("in another order it is %+v", p)
		}
		return nil
	})
	reassign([]brokers.Move{{Topic: moved, Number: 0, Replicas: []int32{0, 1, 2}}, {Topic: moved, Number: 1, Replicas: []int32{1, 2, 0}}}, fast)
	r.end(t)
	r.await(t, "broker 3 to be empty", func(v brokers.View) bool { return node(v, 3).Replicas == 0 && v.Throttle == 0 })
	r.preferredLeaders(t)
}

// end waits until nothing is moved any more, and sees that ending it again is nothing.
func (r *replicated) end(t *testing.T) {
	t.Helper()
	poll.Success(t, func() error {
		r.Copy()
		left, err := r.cluster.EndReassignment(t.Context())
		if err == nil && left > 0 {
			err = fmt.Errorf("%d partitions are left", left)
		}
		return err
	})
	if left, err := r.cluster.EndReassignment(t.Context()); left != 0 || err != nil {
		t.Errorf("ending it again: %d, %v", left, err)
	}
}

// unregister has broker 3 forgotten, which is empty.
func (r *replicated) unregister(t *testing.T) {
	ctx := t.Context()
	if err := r.cluster.Unregister(ctx, 3); orrery.ErrorCode(err) != orrery.Conflict {
		t.Errorf("unregistering a broker that is alive: %v", err)
	}
	r.Stop(t, 3)
	r.await(t, "broker 3 to be away", func(v brokers.View) bool { return !node(v, 3).Alive })
	for range 2 {
		if err := r.cluster.Unregister(ctx, 3); err != nil {
			t.Fatal(err)
		}
		r.await(t, "broker 3 to be forgotten", func(v brokers.View) bool { _, ok := v.Node(3); return !ok })
	}
}

// replacedDisk takes a controller with an empty disk back into the quorum.
func (r *replicated) replacedDisk(t *testing.T) {
	ctx := t.Context()
	old, _ := r.whole(t).Quorum.Voter(2)
	r.Kill(t, 2)
	v := r.await(t, "voter 2 to fall behind", func(v brokers.View) bool {
		voter, ok := v.Quorum.Voter(2)
		return v.Quorum.Leader >= 0 && ok && !voter.IsCaughtUp(v.At) && !node(v, 2).Alive
	})
	first, _ := v.Quorum.Voter(0)
	if err := r.cluster.RemoveVoter(ctx, 0, first.Directory); orrery.ErrorCode(err) != orrery.Conflict {
		t.Errorf("removing one of the two voters that are left: %v", err)
	}
	r.ReplaceDisk(t, 2)
	r.Start(t, 2)
	var observer brokers.QuorumReplica
	r.await(t, "the new disk to follow", func(v brokers.View) bool {
		i := slices.IndexFunc(v.Quorum.Observers, func(o brokers.QuorumReplica) bool { return o.Node == 2 })
		if i < 0 {
			return false
		}
		observer = v.Quorum.Observers[i]
		return observer.Directory != "" && observer.Directory != old.Directory
	})
	if err := r.cluster.AddVoter(ctx, 2, observer.Directory); orrery.ErrorCode(err) != orrery.Conflict {
		t.Errorf("adding it beside its old self: %v", err)
	}
	if err := r.cluster.AddVoter(ctx, 7, observer.Directory); orrery.ErrorCode(err) != orrery.Conflict {
		t.Errorf("adding a node that does not follow: %v", err)
	}
	poll.Success(t, func() error { return r.cluster.RemoveVoter(ctx, 2, old.Directory) })
	r.await(t, "the old disk to have no vote", func(v brokers.View) bool { _, ok := v.Quorum.Voter(2); return v.Quorum.Leader >= 0 && !ok })
	poll.Success(t, func() error { return r.cluster.AddVoter(ctx, 2, observer.Directory) })
	r.await(t, "the new disk to have a vote", func(v brokers.View) bool {
		voter, ok := v.Quorum.Voter(2)
		return ok && voter.Directory == observer.Directory
	})
	r.whole(t)
	for range 2 { // it has the vote, and the old one has not: there is nothing to do
		if err := errors.Join(r.cluster.AddVoter(ctx, 2, observer.Directory), r.cluster.RemoveVoter(ctx, 2, old.Directory)); err != nil {
			t.Error(err)
		}
	}
	if voters := r.view(t).Quorum.Voters; len(voters) != 3 {
		t.Errorf("the voters are %+v", voters)
	}
}
