package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
	"github.com/orrery-kafka/orrery/test/fault/load"
)

const (
	// patience bounds each wait; nothing that works comes near it.
	patience   = 10 * time.Minute
	partitions = 6
	tenant     = "lkc-fault0"
	topic      = "orders"
)

func TestMain(m *testing.M) {
	os.Setenv("ORRERY_TEST_ENGINE", string(kafkatest.Apache)) // what the gateways' processes are asked for, too
	os.Exit(gatewaytest.Main(m))
}

// within bounds what a test waits for.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, fmt.Errorf("it took more than %v", patience))
	t.Cleanup(cancel)
	return ctx
}

// until waits until something is as it should be.
func until(t *testing.T, attempt func() error) {
	t.Helper()
	ctx := within(t)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := attempt()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%v: %v", context.Cause(ctx), err)
		}
	}
}

// startLoad keeps a topic of three replicas busy through the gateways.
func startLoad(t *testing.T, c *gatewaytest.Cluster) *load.Load {
	t.Helper()
	state := c.Tenant(tenant)
	state.ReplicationFactor = 3
	c.Put(tenancy.StateTenant, tenant, state)
	key := c.Admin(state)
	admin := kadm.NewClient(c.Client(key))
	if _, err := admin.CreateTopic(within(t), partitions, 3, map[string]*string{"min.insync.replicas": kadm.StringPtr("2")}, topic); err != nil {
		t.Fatal(err)
	}
	options := append(c.ClientOptions(key), kgo.RetryTimeout(0))
	l, err := load.Start(within(t), load.Config{
		Client: options, Topic: topic, Partitions: partitions, Producers: 2, Interval: 25 * time.Millisecond,
		Group: "readers", Members: 2, RequestTimeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Abandon)
	return l
}

// TestGatewaysAndBrokers breaks brokers and gateways under load, with nobody who starts them again but the test.
func TestGatewaysAndBrokers(t *testing.T) {
	if !soak {
		t.Skip("TestPlatform does the same with the whole platform: ORRERY_SOAK=1")
	}
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3, Own: true, Processes: true, Engine: kafkatest.Apache})
	l := startLoad(t, c)
	whole := brokers{c.Kafka.Admin(t), tenant + "_" + topic}
	for _, f := range []fault{
		{"kill a broker", func(t *testing.T) {
			b := c.Kafka.Brokers[whole.leader(t)]
			must(t, b.Kill())
			must(t, l.Settle(within(t)))
			must(t, b.Start())
		}},
		{"stop a broker's process for a while", func(t *testing.T) {
			b := c.Kafka.Brokers[whole.leader(t)]
			must(t, b.Pause())
			must(t, l.Settle(within(t)))
			must(t, b.Resume())
		}},
		{"restart a broker", func(t *testing.T) { must(t, c.Kafka.Brokers[whole.leader(t)].Restart()) }},
		{"kill a gateway", func(t *testing.T) {
			n := whole.leader(t)
			c.Kill(n)
			c.Restart(n)
		}},
	} {
		f.run(t, l, whole)
	}
	finish(t, l)
}

// fault is something that breaks, and is mended again.
type fault struct {
	name   string
	strike func(t *testing.T)
}

// run breaks something, and waits until all is whole again.
func (f fault) run(t *testing.T, l *load.Load, whole brokers) {
	t.Run(f.name, func(t *testing.T) {
		l.Mark()
		f.strike(t)
		whole.await(t)
		must(t, l.Settle(within(t)))
		gaps := l.Gaps()
		t.Logf("longest time without an acknowledgement: %v, of partition %d %v", gaps.Overall, gaps.Worst, gaps.Partition)
		must(t, l.Err())
	})
}

// finish ends the load with its last checks.
func finish(t *testing.T, l *load.Load) {
	t.Helper()
	report, err := l.Stop(within(t))
	t.Logf("%+v", report)
	must(t, err)
}

// brokers are asked by their superuser, past the gateways.
type brokers struct {
	admin *kadm.Client
	topic string
}

// partitions are those of the topic as the brokers that take part tell it.
func (b brokers) partitions(t *testing.T) (kadm.PartitionDetails, error) {
	t.Helper()
	topics, err := b.admin.ListTopics(within(t), b.topic)
	if err != nil {
		return nil, err
	}
	return topics[b.topic].Partitions, topics[b.topic].Err
}

// leader is a broker that leads some of the partitions.
func (b brokers) leader(t *testing.T) int32 {
	t.Helper()
	partitions, err := b.partitions(t)
	must(t, err)
	return partitions[rand.Int32N(int32(len(partitions)))].Leader
}

// await waits until every replica is in sync.
func (b brokers) await(t *testing.T) {
	t.Helper()
	until(t, func() error {
		partitions, err := b.partitions(t)
		for _, p := range partitions {
			if len(p.ISR) < len(p.Replicas) {
				err = fmt.Errorf("partition %d: of the replicas %v only %v are in sync", p.Partition, p.Replicas, p.ISR)
			}
		}
		return err
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
