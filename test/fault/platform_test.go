package fault

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/test/fault/load"
	"github.com/orrery-kafka/orrery/test/fault/platform"
	"github.com/orrery-kafka/orrery/wire"
)

var (
	program = flag.String("orrery", "", "the program to break; empty: it is built")
	out     = flag.String("out", "", "the file of measurements to write the section Faults to; empty: none")
)

// soak is true where there is time for everything.
var soak = os.Getenv("ORRERY_SOAK") != ""

// stage is the whole platform with a cluster that is kept busy.
type stage struct {
	platform *platform.Platform
	cluster  *platform.Cluster
	admin    *kadm.Client
	load     *load.Load
	rows     [][]string // of the section Faults
}

// openPlatform starts the platform, for as long as the test runs.
func openPlatform(t *testing.T, flags ...string) *platform.Platform {
	t.Helper()
	binary := *program
	if binary == "" {
		var err error
		binary, err = platform.Build(within(t), t.TempDir())
		must(t, err)
	}
	p, err := platform.Open(within(t), binary, t.TempDir(), flags...)
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.Log())
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func startStage(t *testing.T) *stage {
	t.Helper()
	began := time.Now()
	p := openPlatform(t, "--kafka-version", engine.PreviousVersion)
	t.Logf("the control plane is up after %v", time.Since(began))
	s := &stage{platform: p}
	var err error
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
		Group: "readers", Members: 2, RequestTimeout: 5 * time.Second, Programs: s.programs(t),
	})
	must(t, err)
	t.Cleanup(s.load.Abandon)
	return s
}

// programs are the Java producer, in a soak.
func (s *stage) programs(t *testing.T) [][]string {
	t.Helper()
	if !soak {
		return nil
	}
	return [][]string{javaProducer(t, s.cluster.Bootstrap, s.cluster.Key, s.cluster.Secret, s.platform.CAFile)}
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

// everyBroker are the processes of the first three brokers and their gateways.
func (s *stage) everyBroker() (names []string) {
	for node := range int32(3) {
		names = append(names, s.name("gateway", node), s.name("node", node))
	}
	return names
}

// change sets fields of the physical cluster by hand.
func (s *stage) change(t *testing.T, spec wire.PhysicalClusterSpecUpdate) {
	t.Helper()
	must(t, s.cluster.Change(within(t), spec))
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
