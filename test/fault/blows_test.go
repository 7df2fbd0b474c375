package fault

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/test/bench/measured"
	"github.com/orrery-kafka/orrery/wire"
)

// blow is something that breaks or is changed on the platform.
type blow struct {
	name string
	// strike does it, and returns the processes that have to be others afterwards.
	strike func(t *testing.T, s *stage) []string
}

// run strikes, waits until all is as it should be, and checks that nothing else happened.
func (b blow) run(t *testing.T, s *stage) {
	t.Run(b.name, func(t *testing.T) {
		before, err := s.platform.Processes()
		must(t, err)
		began := time.Now()
		s.load.Mark()
		replaced := b.strike(t, s)
		s.await(t)
		must(t, s.load.Settle(within(t)))
		took, gaps := time.Since(began), s.load.Gaps()
		t.Logf("whole again after %.1f s; longest time without an acknowledgement: %.2f s, of one partition %.2f s", took.Seconds(), gaps.Overall.Seconds(), gaps.Partition.Seconds())
		must(t, s.load.Err())
		after, err := s.platform.Processes()
		must(t, err)
		slices.Sort(replaced)
		if changed := difference(before, after); !slices.Equal(changed, slices.Compact(replaced)) {
			t.Errorf("other processes now are %v, want %v", changed, replaced)
		}
		s.rows = append(s.rows, []string{b.name, fmt.Sprintf("%.2f", gaps.Overall.Seconds()), fmt.Sprintf("%.2f", gaps.Partition.Seconds()), fmt.Sprintf("%.1f", took.Seconds())})
	})
}

// difference are the keys whose values are not the same, sorted.
func difference[V comparable](a, b map[string]V) []string {
	different := []string{}
	for key, value := range b {
		if a[key] != value {
			different = append(different, key)
		}
	}
	for key := range a {
		if _, stays := b[key]; !stays {
			different = append(different, key)
		}
	}
	slices.Sort(different)
	return different
}

// kill ends a process as a crash does.
func kill(kind string) func(t *testing.T, s *stage) []string {
	return func(t *testing.T, s *stage) []string {
		name := s.name(kind, s.leader(t))
		must(t, s.platform.Signal(name, syscall.SIGKILL))
		return []string{name}
	}
}

func killBalancer(t *testing.T, s *stage) []string {
	name := path.Join(s.cluster.Physical, "balancer")
	must(t, s.platform.Signal(name, syscall.SIGKILL))
	return []string{name}
}

// freeze stops a broker's process for some seconds, longer than brokers wait for each other.
func freeze(t *testing.T, s *stage) []string {
	name := s.name("node", s.leader(t))
	must(t, s.platform.Signal(name, syscall.SIGSTOP))
	defer func() { must(t, s.platform.Signal(name, syscall.SIGCONT)) }()
	<-time.After(12 * time.Second)
	return nil
}

// loseControlPlane kills the control plane, which has the satellite in it, and starts it again once the load has gone on
// without it.
func loseControlPlane(t *testing.T, s *stage) []string {
	must(t, s.platform.Kill())
	must(t, s.load.Settle(within(t)))
	must(t, s.platform.Start(within(t)))
	return nil
}

// loseAllControl kills the control plane and the brokers of its own Kafka at once: tenants do not notice.
func loseAllControl(t *testing.T, s *stage) []string {
	must(t, s.platform.Kill())
	const name = "pkc-control/node-0"
	must(t, s.platform.Signal(name, syscall.SIGKILL))
	must(t, s.load.Settle(within(t)))
	must(t, s.platform.Start(within(t)))
	return []string{name}
}

// loseBrokerMeanwhile kills a broker while nobody is there to start it again.
func loseBrokerMeanwhile(t *testing.T, s *stage) []string {
	must(t, s.platform.Kill())
	name := s.name("node", s.leader(t))
	must(t, s.platform.Signal(name, syscall.SIGKILL))
	must(t, s.load.Settle(within(t)))
	must(t, s.platform.Start(within(t)))
	return []string{name}
}

// loseDisk takes a broker's data away, and then the broker.
func loseDisk(t *testing.T, s *stage) []string {
	name := s.name("node", s.leader(t))
	data := filepath.Join(s.platform.Clusters(), name, "data")
	must(t, os.Rename(data, filepath.Join(t.TempDir(), "lost")))
	must(t, s.platform.Signal(name, syscall.SIGKILL))
	return []string{name}
}

// upgrade rolls all brokers to a version. Each one's gateway goes with it: clients leave before the broker does, and come
// back once it is in sync.
func upgrade(version string) func(t *testing.T, s *stage) []string {
	return func(t *testing.T, s *stage) []string {
		s.change(t, wire.PhysicalClusterSpecUpdate{Version: &version})
		return s.everyBroker()
	}
}

// resize adds or removes brokers, the last ones, with their gateways; the partitions move by themselves.
func resize(brokers int, changed ...int32) func(t *testing.T, s *stage) []string {
	return func(t *testing.T, s *stage) []string {
		s.change(t, wire.PhysicalClusterSpecUpdate{Brokers: &brokers})
		var names []string
		for _, node := range changed {
			names = append(names, s.name("gateway", node), s.name("node", node))
		}
		return names
	}
}

// finalize lets an upgrade bake for a second only, and waits until it cannot be taken back.
func finalize(t *testing.T, s *stage) []string {
	second := int64(1)
	s.change(t, wire.PhysicalClusterSpecUpdate{BakeSeconds: &second})
	until(t, func() error { return s.cluster.Finalized(t.Context()) })
	return nil
}

// both strikes twice at once.
func both(a, b blow) blow {
	return blow{a.name + ", and " + b.name, func(t *testing.T, s *stage) []string {
		return append(a.strike(t, s), b.strike(t, s)...)
	}}
}

var (
	// blows are for make test; more are for make soak.
	blows = []blow{
		{"kill a broker", kill("node")},
		{"freeze a broker", freeze},
		{"kill a gateway", kill("gateway")},
		{"kill the balancer", killBalancer},
		{"lose the control plane", loseControlPlane},
	}
	// changes are on purpose, in this order: the cluster begins with the release before.
	changes = []blow{
		{"upgrade " + engine.PreviousVersion + " to " + engine.DefaultVersion, upgrade(engine.DefaultVersion)},
		{"add a broker", resize(4, 3)},
		{"remove a broker", resize(3, 3)},
	}
	moreChanges = []blow{
		{"go back to " + engine.PreviousVersion, upgrade(engine.PreviousVersion)},
		{"upgrade again", upgrade(engine.DefaultVersion)},
		{"finalise the upgrade", finalize},
	}
	more = []blow{
		{"lose the control plane and its Kafka", loseAllControl},
		{"kill a broker without the control plane", loseBrokerMeanwhile},
		{"lose a broker's disk", loseDisk},
		both(blow{"kill a broker", kill("node")}, blow{"kill a gateway", kill("gateway")}),
		both(blow{"freeze a broker", freeze}, blow{"kill the balancer", killBalancer}),
	}
)

// rounds is how many random blows there are in a soak.
const rounds = 50

// TestPlatform breaks the platform under load, one thing after another.
func TestPlatform(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no Java")
	}
	s := startStage(t)
	all, err := s.platform.Processes()
	must(t, err)
	t.Logf("the processes are %v", strings.Join(slices.Sorted(maps.Keys(all)), " "))
	for _, b := range slices.Concat(blows, changes) {
		b.run(t, s)
	}
	if soak {
		for _, b := range slices.Concat(more, moreChanges) {
			b.run(t, s)
		}
		s.random(t)
	}
	finish(t, s.load)
	if *out != "" {
		must(t, measured.Write(*out, "Faults", faultsText+measured.Table([]string{"fault", "no acknowledgement at all, s", "of one partition, s", "whole again after, s"}, s.rows)))
	}
}

const faultsText = `
The longest time without an acknowledgement while something breaks or is changed, on three brokers of Apache Kafka with
gateways, all processes of this machine, for two idempotent producers (franz-go, acks=all, requests time out after 5 s) that
write to six partitions of three replicas each 25 ms. In each line 0 acknowledged records were lost, doubled or out of
order, 0 clients were touched, and no process was started again but those that broke.

`

// random strikes in a random order, which the printed seed repeats.
func (s *stage) random(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed of %d random rounds is %d", rounds, seed)
	order := rand.New(rand.NewPCG(seed, 0))
	choices := append(slices.Clone(blows), more...)
	for round := range rounds {
		b := choices[order.IntN(len(choices))]
		b.name = fmt.Sprintf("round %d: %s", round+1, b.name)
		b.run(t, s)
		if t.Failed() {
			return
		}
	}
}
