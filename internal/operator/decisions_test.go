package operator_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/health"
	"github.com/orrery-kafka/orrery/internal/operator"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// upgraded is a cluster whose brokers have been upgraded and whose features have not.
func upgraded(t *testing.T) (*model, orrery.PSCSpec) {
	s := apache(3)
	s.Version = older
	m := newModel(t, 1, s, 12)
	next := s
	next.Version = newer
	m.converge("upgrade", operator.Desired{Spec: next}, 500)
	return m, next
}

func verbs(plan operator.Plan) (all []substrate.Verb) {
	for _, a := range plan.Actions {
		all = append(all, a.Verb)
	}
	return all
}

// Features are finalised once all has been well for as long as the profile or the specification says, and no sooner.
func TestFeaturesAreFinalisedAfterTheBake(t *testing.T) {
	for name, c := range map[string]struct {
		seconds int64
		bake    time.Duration
	}{"by the profile": {0, 24 * time.Hour}, "by the specification": {90, 90 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			m, s := upgraded(t)
			s.BakeSeconds, m.o.Spec.BakeSeconds = c.seconds, c.seconds
			m.view.Healthy = m.now
			desired := operator.Desired{Spec: s}
			m.now = m.now.Add(c.bake - time.Second)
			if plan := operator.Diff(desired, m.o, m.look(), m.now); len(plan.Actions) > 0 {
				t.Errorf("a second before it does %v", verbs(plan))
			}
			m.now = m.now.Add(time.Second)
			sick := m.look()
			sick.Healthy = time.Time{}
			if plan := operator.Diff(desired, m.o, sick, m.now); len(plan.Actions) > 0 {
				t.Errorf("while not all is well it does %v", verbs(plan))
			}
			m.converge("finalising", desired, 10)
			if m.finalized["metadata.version"] != 30 || !slices.Contains(m.taken, "finalize-features/0") {
				t.Errorf("finalised is %v after %v", m.finalized, m.taken)
			}
		})
	}
}

// The way back is open until the features are finalised, and refused after.
func TestRollback(t *testing.T) {
	m, s := upgraded(t)
	back := s
	back.Version = older
	m.converge("rollback", operator.Desired{Spec: back}, 500)
	if wrong := m.differs(back); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	m, s = upgraded(t)
	m.finalized["metadata.version"] = 30
	plan := operator.Diff(operator.Desired{Spec: back}, m.o, m.look(), m.now)
	if len(plan.Actions)+len(plan.Waits) > 0 || !strings.Contains(plan.Refused, "4.2.1 cannot be gone back to: metadata.version is finalised at 30") {
		t.Errorf("it does %v and says %q", verbs(plan), plan.Refused)
	}
	for version, says := range map[string]string{"3.9.0": "not a release", "": "not a release", "4.9.9": "there are 4.2.1, 4.3.1"} {
		s.Version = version
		if plan := operator.Diff(operator.Desired{Spec: s}, m.o, m.look(), m.now); len(plan.Actions) > 0 || !strings.Contains(plan.Refused, says) {
			t.Errorf("to version %q it does %v and says %q", version, verbs(plan), plan.Refused)
		}
	}
}

// What Kafka can change while it runs needs no restart, what it cannot does, and what is not wanted any more goes.
func TestConfiguration(t *testing.T) {
	s := apache(3)
	for name, c := range map[string]struct {
		change   func(map[string]string)
		settings map[string]string
		want     string
	}{
		"dynamic":            {func(c map[string]string) { c["num.io.threads"] = "16" }, nil, "[alter-configuration/-1 configure/0]"},
		"static":             {func(c map[string]string) { c["queued.max.requests"] = "9" }, nil, "[configure/0 stop-broker/"},
		"set by hand":        {func(map[string]string) {}, map[string]string{"log.retention.ms": "1"}, "[]"},
		"ours, set by hand":  {func(map[string]string) {}, map[string]string{"min.insync.replicas": "1"}, "[alter-configuration/-1]"},
		"dynamic, given up":  {func(c map[string]string) { delete(c, "min.insync.replicas") }, map[string]string{"min.insync.replicas": "2"}, "[alter-configuration/-1 configure/0 stop-broker/"},
		"one of each at all": {func(c map[string]string) { c["num.io.threads"], c["queued.max.requests"] = "16", "9" }, nil, "[alter-configuration/-1 configure/0 stop-broker/"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(t, 1, s, 6)
			maps.Copy(m.settings, c.settings)
			m.taken = nil
			next := s
			next.Configuration = maps.Clone(s.Configuration)
			c.change(next.Configuration)
			for range 4 {
				m.step(operator.Desired{Spec: next})
			}
			if got := strings.Join(append([]string{"["}, m.taken...), " "); !strings.HasPrefix(strings.Replace(got, "[ ", "[", 1)+"]", strings.TrimSuffix(c.want, "]")) || c.want == "[]" && len(m.taken) > 0 {
				t.Errorf("it does %v, want %s", m.taken, c.want)
			}
			if restarts := slices.ContainsFunc(m.taken, func(s string) bool { return strings.HasPrefix(s, "stop-broker") }); restarts != strings.Contains(c.want, "stop-broker") {
				t.Errorf("it does %v, want %s", m.taken, c.want)
			}
		})
	}
}

// Storage is made anew with the proof that everything of it is elsewhere, and without it the plan says what is missing.
func TestLostStorage(t *testing.T) {
	lose := func(m *model, node int32) {
		m.stopped(m.node(node), "its disk is gone")
		m.node(node).Lost = true
	}
	for name, c := range map[string]struct {
		change func(*model)
		says   string
	}{
		"all is elsewhere": {func(m *model) { lose(m, 1) }, ""},
		"the only copy": {func(m *model) {
			m.partitions[1].InSync = []int32{1}
			lose(m, 1)
		}, "t000-1 has no other replica that is in sync and alive"},
		"no majority": {func(m *model) {
			lose(m, 1)
			m.behind[2] = 100
		}, "which is no majority"},
		"nobody to ask": {func(m *model) {
			lose(m, 1)
			m.stopped(m.node(0), "")
			m.stopped(m.node(2), "")
		}, "no broker runs"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(t, 1, apache(3), 6)
			c.change(m)
			plan := operator.Diff(operator.Desired{Spec: m.o.Spec}, m.o, m.look(), m.now)
			replaces := slices.IndexFunc(plan.Actions, func(a operator.Action) bool { return a.Verb == substrate.ReplaceStorage })
			if (replaces >= 0) != (c.says == "") {
				t.Errorf("it does %v", verbs(plan))
			}
			if replaces >= 0 {
				if proof := plan.Actions[replaces].Proof; !strings.Contains(proof, "6 partitions") || !strings.Contains(proof, "majority") {
					t.Errorf("the proof is %q", proof)
				}
				return
			}
			if len(plan.Waits) == 0 || !strings.Contains(plan.Waits[0].Message, c.says) {
				t.Errorf("it says %+v, want %q", plan.Waits, c.says)
			}
		})
	}
}

func verdict(node int32, standing health.Standing) []health.Verdict {
	return []health.Verdict{
		{Node: 0, Standing: health.Healthy},
		{Node: node, Standing: standing, Cause: health.SlowDisk, Evidence: []string{"a flush takes 3s"}, Since: epoch},
	}
}

// A broker that is to be relieved leads nothing, and gets its part back once it is not any more.
func TestDemotion(t *testing.T) {
	m := newModel(t, 1, apache(3), 30)
	m.converge("demoted", operator.Desired{Spec: m.o.Spec, Verdicts: verdict(1, health.Demote)}, 50)
	leads := func(node int32) (n int) {
		for _, p := range m.partitions {
			if p.Leader == node {
				n++
			}
		}
		return n
	}
	if leads(1) != 0 || len(m.partitions) != 30 {
		t.Errorf("broker 1 leads %d partitions", leads(1))
	}
	m.converge("no longer", operator.Desired{Spec: m.o.Spec}, 50)
	if leads(1) < 8 || leads(1) > 12 {
		t.Errorf("broker 1 leads %d of 30 partitions", leads(1))
	}
}

// A broker that is ill is restarted by the same rules as any other, and two are never touched at once.
func TestRestartForHealth(t *testing.T) {
	m := newModel(t, 1, apache(3), 30)
	ill := operator.Desired{Spec: m.o.Spec, Verdicts: append(verdict(1, health.Restart), health.Verdict{Node: 2, Standing: health.Restart, Since: epoch})}
	plan := operator.Diff(ill, m.o, m.look(), m.now)
	if len(plan.Actions) != 1 || plan.Actions[0].Verb != substrate.StopBroker || plan.Actions[0].Node != 1 || !strings.Contains(plan.Actions[0].Reason, "a flush takes 3s") {
		t.Errorf("it does %+v", plan.Actions)
	}
	treated := m.look()
	treated.Treated = map[int32]time.Time{1: epoch}
	if plan := operator.Diff(ill, m.o, treated, m.now); len(plan.Actions) > 0 {
		t.Errorf("for the same illness it does once more %v", verbs(plan))
	}
	m.leaves(2)
	if plan := operator.Diff(ill, m.o, m.look(), m.now); slices.Contains(verbs(plan), substrate.StopBroker) {
		t.Errorf("while broker 2 is out of sync it does %v", verbs(plan))
	}
}

// The storage of a broker is replaced for its health only where everything of it is elsewhere, and then it is stopped.
func TestReplacementForHealth(t *testing.T) {
	m := newModel(t, 1, apache(3), 30)
	ill := operator.Desired{Spec: m.o.Spec, Verdicts: verdict(1, health.Replace)}
	if plan := operator.Diff(ill, m.o, m.look(), m.now); len(plan.Actions) != 1 || plan.Actions[0].Verb != substrate.StopBroker {
		t.Errorf("it does %v", verbs(plan))
	}
	m.stopped(m.node(1), "")
	condemned := m.look()
	condemned.Condemned = map[int32]string{1: "SlowDisk"}
	if plan := operator.Diff(operator.Desired{Spec: m.o.Spec}, m.o, condemned, m.now); plan.Actions[0].Verb != substrate.ReplaceStorage || plan.Actions[0].Proof == "" {
		t.Errorf("it does %+v", plan.Actions)
	}
	m = newModel(t, 1, apache(3), 30)
	m.partitions[1].Replicas, m.partitions[1].InSync = []int32{1}, []int32{1}
	if plan := operator.Diff(ill, m.o, m.look(), m.now); len(plan.Actions) > 0 {
		t.Errorf("with the only copy of something on it: %v", verbs(plan))
	}
}

// FuzzDiffIsTotal: whatever is observed, however little sense it makes, there is a plan, the same one each time, and each
// action in it names a node that there is, or one to be made.
func FuzzDiffIsTotal(f *testing.F) {
	f.Add([]byte("a cluster"), uint8(3), uint8(3))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 250, 251, 252, 253, 254, 255, 128, 127}, uint8(0), uint8(9))
	f.Fuzz(func(t *testing.T, data []byte, has, wants uint8) {
		next := func() int32 {
			if len(data) == 0 {
				return 0
			}
			n := int32(int8(data[0]))
			data = data[1:]
			return n
		}
		flag := func() bool { return next()%2 != 0 }
		s := apache(int(wants % 12))
		if flag() {
			s.Engine = orrery.EngineEmbedded
		}
		s.Controllers, s.Version, s.Paused = int(next()%4), []string{older, newer, ""}[uint32(next())%3], flag()
		o := substrate.Observed{Created: flag() || len(data) > 4, Spec: s, CertificateIssued: epoch, CertificateExpires: epoch.Add(time.Duration(next()) * time.Hour)}
		o.Spec.Brokers = int(next())
		for range has % 12 {
			b := substrate.Broker{Node: next(), Running: flag(), Starting: flag(), Stopping: flag(), Lost: flag(), Version: []string{older, newer, ""}[uint32(next())%3]}
			o.Brokers = append(o.Brokers, b)
			o.Gateways = append(o.Gateways, substrate.Gateway{Node: next(), Running: flag(), Serving: flag()})
		}
		if flag() {
			o.Controllers = append(o.Controllers, substrate.Broker{Node: orrery.FirstController, Running: flag()})
		}
		view := operator.View{StateTopics: flag()}
		if flag() {
			k := brokers.View{Reassigning: int(next()), Throttle: int64(next()), At: epoch, Quorum: brokers.Quorum{Leader: next()}}
			for range 4 {
				k.Nodes = append(k.Nodes, brokers.NodeView{Node: next(), Alive: flag()})
				k.Quorum.Voters = append(k.Quorum.Voters, brokers.QuorumReplica{Node: next(), Directory: string(rune('a' + next()%2)), CaughtUp: epoch})
				k.Quorum.Observers = append(k.Quorum.Observers, brokers.QuorumReplica{Node: next(), Directory: "b", CaughtUp: epoch})
			}
			slices.SortFunc(k.Nodes, func(a, b brokers.NodeView) int { return int(a.Node - b.Node) })
			view.Partitions = []brokers.Partition{}
			for range uint32(next()) % 6 {
				view.Partitions = append(view.Partitions, brokers.Partition{
					Topic: "t", Number: next(), Leader: next(), Replicas: []int32{next(), next()}, InSync: []int32{next()}, Adding: []int32{next()}[:uint32(next())%2],
				})
			}
			k.Assess(view.Partitions, func(string) int { return int(next()) })
			view.Kafka = &k
			view.Settings = map[string]string{"min.insync.replicas": "1"}
			view.Features = []brokers.Feature{{Name: "metadata.version", Finalized: int16(next()), Max: int16(next())}}
		}
		desired := operator.Desired{Spec: apache(int(wants%12) - 1), Deleted: flag(), Proof: "so", Verdicts: verdict(next(), []health.Standing{health.Demote, health.Restart, health.Replace}[uint32(next())%3])}
		plan := operator.Diff(desired, o, view, epoch)
		if again := operator.Diff(desired, o, view, epoch); len(again.Actions) != len(plan.Actions) || len(again.Waits) != len(plan.Waits) {
			t.Errorf("the same look gives %+v and %+v", plan, again)
		}
		for _, a := range plan.Actions {
			known := slices.ContainsFunc(slices.Concat(o.Brokers, o.Controllers), func(b substrate.Broker) bool { return b.Node == a.Node })
			switch a.Verb {
			case substrate.StartBroker, substrate.StopBroker, substrate.RemoveBroker, substrate.ReplaceStorage, substrate.RenewBrokerCertificate:
				if !known || a.Reason == "" {
					t.Errorf("%+v, of %+v", a, o.Brokers)
				}
			}
			if a.Proof == "" && slices.Contains([]substrate.Verb{substrate.RemoveBroker, substrate.ReplaceStorage, substrate.Delete}, a.Verb) {
				t.Errorf("%+v has no proof", a)
			}
		}
	})
}
