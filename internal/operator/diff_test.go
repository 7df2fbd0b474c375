package operator_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/operator"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// disturb brings a cluster into any state that a fault may leave: at most as many nodes of it without their storage as
// it can bear, the others down, on their way, or out of sync.
func (m *model) disturb() {
	lost := false
	for _, b := range m.nodes() {
		switch m.r.IntN(8) {
		case 0:
			m.stopped(b, "it ended by itself")
		case 1:
			b.Running, b.Starting = false, true
			m.leaves(b.Node)
		case 2:
			b.Running, b.Stopping = false, true
			m.leaves(b.Node)
		case 3:
			m.leaves(b.Node)
		case 4:
			if !lost && len(m.nodes()) >= 3 {
				m.stopped(b, "its disk is gone")
				b.Lost, lost = true, true
				for i := range m.partitions { // who had the last copy keeps it
					if p := &m.partitions[i]; len(p.InSync) == 1 && p.InSync[0] == b.Node {
						b.Lost = false
					}
				}
			}
		}
	}
	for i := range m.o.Gateways {
		if g := &m.o.Gateways[i]; m.r.IntN(4) == 0 {
			g.Running, g.Serving, g.Message = false, false, "why not"
		}
	}
	m.o.Balancer.Running = m.r.IntN(2) == 0
	m.view.StateTopics = m.r.IntN(3) > 0
	if m.r.IntN(3) == 0 {
		m.o.CertificateIssued, m.o.CertificateExpires = time.Time{}, time.Time{}
	}
	if m.r.IntN(4) == 0 {
		m.throttle = 1
	}
}

// wish is any specification that a cluster may be asked to have next.
func wish(r *rand.Rand, s orrery.PSCSpec) orrery.PSCSpec {
	s.Configuration = maps.Clone(s.Configuration)
	if r.IntN(2) == 0 {
		s.Brokers = 3 + r.IntN(5)
	}
	if r.IntN(2) == 0 {
		s.Version = []string{older, newer}[r.IntN(2)]
	}
	for _, change := range []func(){
		func() { s.Configuration["queued.max.requests"] = "100" }, // by a restart
		func() { s.Configuration["min.insync.replicas"] = "1" },   // without
		func() { s.Configuration["num.io.threads"] = "16" },       // without
		func() { delete(s.Configuration, "queued.max.requests") },
		func() { s.StorageBytes++ },
	} {
		if r.IntN(3) == 0 {
			change()
		}
	}
	return s
}

// is reports what of a cluster is not as it was asked for.
func (m *model) differs(s orrery.PSCSpec) (wrong []string) {
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if len(m.o.Brokers) != s.Brokers || !maps.Equal(m.o.Spec.Configuration, s.Configuration) || m.o.Spec.Brokers != s.Brokers || m.o.Spec.Version != s.Version || m.o.Spec.StorageBytes != s.StorageBytes {
		add("%d brokers with spec %+v", len(m.o.Brokers), m.o.Spec)
	}
	for _, b := range m.nodes() {
		if !b.Running || b.Lost || s.Engine == orrery.EngineApache && b.Version != s.Version {
			add("node %+v", *b)
		}
		for name, value := range s.Configuration {
			has, set := m.settings[name]
			if !set {
				has = b.Configuration[name]
			}
			if s.Engine == orrery.EngineApache && has != value {
				add("node %d has %s=%s", b.Node, name, has)
			}
		}
	}
	count := map[int32]int{}
	for _, p := range m.partitions {
		if len(p.InSync) != len(p.Replicas) || len(p.Replicas) != 3 || p.Leader < 0 {
			add("partition %+v", p)
		}
		for _, id := range p.Replicas {
			count[id]++
			if int(id) >= s.Brokers {
				add("partition %+v on a broker that is gone", p)
			}
		}
	}
	if m.throttle != 0 || len(m.voters)%2 == 0 {
		add("throttle %d, voters %v", m.throttle, m.voters)
	}
	for _, g := range m.o.Gateways {
		if !g.Serving {
			add("gateway %+v", g)
		}
	}
	return wrong
}

// Whatever state a cluster is in, and whatever it is asked to be next, it gets there, no action on the way is unsafe, and
// then nothing is left to do.
func TestConvergesFromAnyState(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := apache(3 + r.IntN(3))
		s.Version = []string{older, newer}[r.IntN(2)]
		if r.IntN(3) == 0 {
			s.Controllers = 3
		}
		m := newModel(t, seed, s, 30)
		m.disturb()
		what := fmt.Sprintf("seed %d, first", seed)
		m.converge(what, operator.Desired{Spec: s}, 2000)
		if wrong := m.differs(s); len(wrong) > 0 {
			t.Fatalf("%s: %v", what, strings.Join(wrong, "; "))
		}
		for i := range 3 {
			next := wish(r, s)
			if next.Version == older && m.finalized["metadata.version"] == 30 {
				next.Version = newer
			}
			m.disturb()
			what := fmt.Sprintf("seed %d, wish %d %+v", seed, i, next)
			m.converge(what, operator.Desired{Spec: next}, 4000)
			if wrong := m.differs(next); len(wrong) > 0 {
				t.Fatalf("%s: %v", what, strings.Join(wrong, "; "))
			}
			s = next
		}
	}
}

// An engine of which all brokers are in one process needs no restarts, and is made and kept in the same way.
func TestConvergesOnTheEmbeddedEngine(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := spec(1+r.IntN(5), r.IntN(4) > 0)
		m := newModel(t, seed, s, 0)
		m.disturb()
		for _, b := range m.nodes() {
			b.Lost = false
		}
		deleted := r.IntN(5) == 0
		m.converge(fmt.Sprintf("seed %d", seed), operator.Desired{Spec: s, Deleted: deleted, Proof: "it is empty"}, 200)
		if deleted == m.o.Created {
			t.Fatalf("seed %d: deleted %v, and it exists: %v", seed, deleted, m.o.Created)
		}
		for _, b := range m.nodes() {
			if !b.Running {
				t.Fatalf("seed %d: broker %d is stopped after %v", seed, b.Node, m.taken)
			}
		}
	}
}

// A version with which no broker starts breaks one broker and no second one; the version before brings it back.
func TestBrokenVersionStopsTheRoll(t *testing.T) {
	for seed := range uint64(20) {
		s := apache(3 + int(seed%3))
		s.Version = older
		m := newModel(t, seed, s, 30)
		m.broken[newer] = true
		next := s
		next.Version = newer
		said := ""
		for range 300 {
			plan, acted := m.step(operator.Desired{Spec: next})
			for _, w := range plan.Waits {
				said += w.Message + "\n"
			}
			if !acted {
				m.tick()
			}
			touched := 0
			for _, b := range m.nodes() {
				if b.Version == newer {
					touched++
				}
			}
			if touched > 1 {
				t.Fatalf("seed %d: %d brokers were started with the version that does not start: %v", seed, touched, m.taken)
			}
		}
		if !strings.Contains(said, "does not run: it ended with status 1") || !strings.Contains(said, "still to be restarted") {
			t.Fatalf("seed %d: nothing says why the roll stands still: %s", seed, said)
		}
		m.converge(fmt.Sprintf("seed %d, back", seed), operator.Desired{Spec: s}, 500)
		if wrong := m.differs(s); len(wrong) > 0 {
			t.Fatalf("seed %d: %v", seed, wrong)
		}
	}
}

// In a roll the leader of the controllers is the last one, and every broker is restarted once.
func TestRollOrder(t *testing.T) {
	for _, controllers := range []int{0, 3} {
		for seed := range uint64(30) {
			s := apache(4)
			s.Version, s.Controllers = older, controllers
			m := newModel(t, seed, s, 30)
			next := s
			next.Version = newer
			m.taken = nil
			var order []int32
			leader := m.leader
			for range 500 {
				plan, acted := m.step(operator.Desired{Spec: next})
				if acted && plan.Actions[0].Verb == substrate.StopBroker {
					order = append(order, plan.Actions[0].Node)
				}
				if !acted && len(plan.Waits) == 0 {
					break
				}
				m.tick()
			}
			if len(order) != len(m.nodes()) || order[len(order)-1] != leader || len(slices.Compact(slices.Sorted(slices.Values(order)))) != len(order) {
				t.Fatalf("seed %d: the leader is %d, and the order %v", seed, leader, order)
			}
		}
	}
}

// A partition without a replica to spare holds its broker and no other one, and the plan says which.
func TestCriticalPartitionHoldsItsBroker(t *testing.T) {
	s := apache(3)
	m := newModel(t, 1, s, 6)
	m.partitions = append(m.partitions, m.partitions[0])
	last := &m.partitions[6]
	last.Topic, last.Replicas, last.InSync, last.Leader = "alone", []int32{1}, []int32{1}, 1
	next := s
	next.Configuration = maps.Clone(s.Configuration)
	next.Configuration["queued.max.requests"] = "9"
	var plan operator.Plan
	for range 200 {
		var acted bool
		if plan, acted = m.step(operator.Desired{Spec: next}); acted {
			continue
		}
		m.tick()
	}
	if m.o.Brokers[1].Configuration["queued.max.requests"] != "500" || m.o.Brokers[2].Configuration["queued.max.requests"] != "9" {
		if m.leader != 2 {
			t.Fatalf("the brokers run with %+v", m.o.Brokers)
		}
	}
	if len(plan.Waits) != 1 || !strings.Contains(plan.Waits[0].Message, "alone-0") || !strings.Contains(plan.Waits[0].Message, "none of them can ever be missing") {
		t.Errorf("it says %+v", plan.Waits)
	}
}

func TestDiffFromNothing(t *testing.T) {
	m := newModel(t, 1, spec(3, true), 0)
	m.o, m.view, m.taken = substrate.Observed{}, operator.View{}, nil
	m.converge("from nothing", operator.Desired{Spec: spec(3, true)}, 50)
	want := "[create/0 start-broker/0 start-broker/1 start-broker/2 renew-certificate/0 prepare-state-topics/0 start-gateway/0 start-gateway/1 start-gateway/2 start-balancer/0]"
	if fmt.Sprint(m.taken) != want {
		t.Errorf("got  %v\nwant %s", m.taken, want)
	}
}

func TestDiffOfOneDefect(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*operator.Desired, *substrate.Observed)
		now    time.Duration
		want   string
	}{
		"nothing":                  {func(*operator.Desired, *substrate.Observed) {}, 0, "[]"},
		"broker":                   {func(_ *operator.Desired, o *substrate.Observed) { o.Brokers[1].Running = false }, 0, "[start-broker/1]"},
		"gateway":                  {func(_ *operator.Desired, o *substrate.Observed) { o.Gateways[2] = substrate.Gateway{Node: 2} }, 0, "[start-gateway/2]"},
		"gateway that still reads": {func(_ *operator.Desired, o *substrate.Observed) { o.Gateways[2].Serving = false }, 0, "[]"},
		"gateway without its port": {func(_ *operator.Desired, o *substrate.Observed) {
			o.Gateways[2].Serving, o.Gateways[2].Message = false, "taken"
		}, 0, "[start-gateway/2]"},
		"balancer":      {func(_ *operator.Desired, o *substrate.Observed) { o.Balancer.Running = false }, 0, "[start-balancer/0]"},
		"configuration": {func(d *operator.Desired, _ *substrate.Observed) { d.Spec.Configuration = map[string]string{"a": "b"} }, 0, "[configure/0]"},
		// What cannot be done is not tried, and does not stop the rest.
		"more brokers": {func(d *operator.Desired, o *substrate.Observed) { d.Spec.Brokers, o.Balancer.Running = 5, false }, 0, "[start-balancer/0]"},
		"another engine": {func(d *operator.Desired, o *substrate.Observed) {
			d.Spec.Engine, o.Balancer.Running = orrery.EngineApache, false
		}, 0, "[start-balancer/0]"},
		"certificate of 59 days": {func(*operator.Desired, *substrate.Observed) {}, 59 * 24 * time.Hour, "[]"},
		"certificate of 60 days": {func(*operator.Desired, *substrate.Observed) {}, 60 * 24 * time.Hour, "[renew-certificate/0]"},
		"deleted":                {func(d *operator.Desired, _ *substrate.Observed) { d.Deleted = true }, 0, "[delete/0]"},
		"deleted and gone":       {func(d *operator.Desired, o *substrate.Observed) { d.Deleted, *o = true, substrate.Observed{} }, 0, "[]"},
		"gateway of a stopped broker": {func(_ *operator.Desired, o *substrate.Observed) {
			o.Brokers[1].Running, o.Gateways[1] = false, substrate.Gateway{Node: 1}
		}, 0, "[start-broker/1]"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(t, 1, spec(3, true), 0)
			m.o.CertificateIssued, m.o.CertificateExpires = epoch, epoch.Add(90*24*time.Hour)
			desired := operator.Desired{Spec: spec(3, true), Proof: "it is empty"}
			c.change(&desired, &m.o)
			got := []string{}
			for _, a := range operator.Diff(desired, m.o, m.look(), epoch.Add(c.now)).Actions {
				got = append(got, fmt.Sprintf("%s/%d", a.Verb, a.Node))
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}
