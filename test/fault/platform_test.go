package fault

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/test/fault/load"
	"github.com/orrery-kafka/orrery/test/fault/platform"
)

var program = flag.String("orrery", "", "the program to break; empty: it is built")

// stage is the whole platform with a cluster that is kept busy.
type stage struct {
	platform *platform.Platform
	cluster  *platform.Cluster
	admin    *kadm.Client
	load     *load.Load
}

func startStage(t *testing.T) *stage {
	t.Helper()
	binary := *program
	if binary == "" {
		var err error
		binary, err = platform.Build(within(t), t.TempDir())
		must(t, err)
	}
	began := time.Now()
	p, err := platform.Open(within(t), binary, t.TempDir())
	must(t, err)
	s := &stage{platform: p}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.Log())
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("the control plane is up after %v", time.Since(began))
	s.cluster, err = p.Create(within(t), "faults", func(reason string) { t.Logf("%v: %s", time.Since(began), reason) })
	must(t, err)
	options, err := s.cluster.ClientOptions()
	must(t, err)
	client, err := kgo.NewClient(append(options, kgo.MetadataMinAge(100*time.Millisecond))...)
	must(t, err)
	t.Cleanup(client.Close)
	s.admin = kadm.NewClient(client)
	created, err := s.admin.CreateTopic(within(t), partitions, -1, nil, topic)
	must(t, err)
	must(t, created.Err)
	s.load, err = load.Start(within(t), load.Config{
		Client: options, Topic: topic, Partitions: partitions, Producers: 2, Interval: 25 * time.Millisecond,
		Group: "readers", Members: 2, RequestTimeout: 5 * time.Second,
	})
	must(t, err)
	t.Cleanup(s.load.Abandon)
	return s
}

// partitions are those of the topic as its tenant sees them.
func (s *stage) partitions(ctx context.Context) (kadm.PartitionDetails, error) {
	topics, err := s.admin.ListTopics(ctx, topic)
	if err != nil {
		return nil, err
	}
	return topics[topic].Partitions, topics[topic].Err
}

// leader is a broker that leads some of the partitions.
func (s *stage) leader(t *testing.T) int32 {
	t.Helper()
	partitions, err := s.partitions(within(t))
	must(t, err)
	return partitions[rand.Int32N(int32(len(partitions)))].Leader
}

// name is what a process of the cluster is called.
func (s *stage) name(kind string, node int32) string {
	return path.Join(s.cluster.Physical, fmt.Sprintf("%s-%d", kind, node))
}

// await waits until every process runs, every replica is in sync and the cluster is ready.
func (s *stage) await(t *testing.T) {
	t.Helper()
	ctx := within(t)
	until(t, func() error {
		if down, err := s.platform.Down(); err != nil || len(down) > 0 {
			return fmt.Errorf("down are %v: %w", down, err)
		}
		if err := s.cluster.Ready(ctx); err != nil {
			return err
		}
		partitions, err := s.partitions(ctx)
		for _, p := range partitions {
			if len(p.ISR) < len(p.Replicas) {
				err = fmt.Errorf("partition %d: of the replicas %v only %v are in sync", p.Partition, p.Replicas, p.ISR)
			}
		}
		return err
	})
}

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
		gaps := s.load.Gaps()
		t.Logf("whole again after %v; longest time without an acknowledgement: %v, of partition %d %v", time.Since(began).Round(time.Millisecond), gaps.Overall, gaps.Worst, gaps.Partition)
		must(t, s.load.Err())
		after, err := s.platform.Processes()
		must(t, err)
		var changed []string
		for name, identity := range after {
			if before[name] != identity {
				changed = append(changed, name)
			}
		}
		for name := range before {
			if _, stays := after[name]; !stays {
				changed = append(changed, name)
			}
		}
		slices.Sort(changed)
		slices.Sort(replaced)
		if !slices.Equal(changed, replaced) {
			t.Errorf("other processes now are %v, want %v", changed, replaced)
		}
	})
}

// kill ends a process as a crash does.
func kill(kind string) func(t *testing.T, s *stage) []string {
	return func(t *testing.T, s *stage) []string {
		name := s.name(kind, s.leader(t))
		must(t, s.platform.Signal(name, syscall.SIGKILL))
		return []string{name}
	}
}

// pause freezes a broker for a while.
func pause(duration time.Duration) func(t *testing.T, s *stage) []string {
	return func(t *testing.T, s *stage) []string {
		name := s.name("node", s.leader(t))
		must(t, s.platform.Signal(name, syscall.SIGSTOP))
		defer func() { must(t, s.platform.Signal(name, syscall.SIGCONT)) }()
		<-time.After(duration)
		return nil
	}
}

// withoutControlPlane kills the control plane, which has the satellite in it, and starts it again once the load has gone
// on without it, and a gateway and a broker, which nobody starts meanwhile, have been killed.
func withoutControlPlane(t *testing.T, s *stage) []string {
	must(t, s.platform.Kill())
	must(t, s.load.Settle(within(t)))
	must(t, s.platform.Start(within(t)))
	return nil
}

// TestPlatform breaks the platform under load, one thing after another.
func TestPlatform(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no Java")
	}
	s := startStage(t)
	all, err := s.platform.Processes()
	must(t, err)
	t.Logf("the processes are %v", strings.Join(slices.Sorted(maps.Keys(all)), " "))
	for _, b := range []blow{
		{"kill a broker", kill("node")},
		{"freeze a broker", pause(10 * time.Second)},
		{"kill a gateway", kill("gateway")},
		{"kill the balancer", func(t *testing.T, s *stage) []string {
			name := path.Join(s.cluster.Physical, "balancer")
			must(t, s.platform.Signal(name, syscall.SIGKILL))
			return []string{name}
		}},
		{"kill the control plane", withoutControlPlane},
	} {
		b.run(t, s)
	}
	finish(t, s.load)
}
