package mem_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/brokers/brokerstest"
	"github.com/orrery-kafka/orrery/internal/brokers/mem"
)

type engine struct {
	*mem.Brokers
	fleet *mem.Fleet
}

func (e engine) Open(t *testing.T, changed func()) brokers.Cluster {
	c, err := e.fleet.Open("pkc-1", brokers.Access{}, changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (engine) Nodes() []int32 { return []int32{0, 1, 2} }
func (e engine) CreateTopic(_ *testing.T, name string, partitions int) {
	e.AddTopic(name, partitions)
}
func (e engine) Append(_ *testing.T, name string, times int) {
	e.SetAppended(name, int64(times), int64(times))
}
func (e engine) CreateGroup(_ *testing.T, name string) { e.SetGroup(name, 0) }
func (e engine) JoinGroup(_ *testing.T, name string) (leave func()) {
	e.SetGroup(name, 1)
	return func() { e.SetGroup(name, 0) }
}
func (e engine) Topics(*testing.T) []string { return e.Brokers.Topics() }
func (e engine) Groups(*testing.T) []string { return e.Brokers.Groups() }

func start() engine {
	fleet := &mem.Fleet{Now: func() time.Time { return time.Unix(1, 0) }}
	return engine{fleet.Cluster("pkc-1"), fleet}
}

func TestCluster(t *testing.T) {
	brokerstest.Run(t, func(*testing.T) brokerstest.Engine { return start() })
}

func TestSteering(t *testing.T) {
	e := start()
	nudges := 0
	c := e.Open(t, func() { nudges++ })
	ctx := context.Background()
	if err := c.PrepareStateTopics(ctx); err != nil {
		t.Fatal(err)
	}
	wrong := errors.New("wrong")
	e.FailNext(wrong, wrong)
	for i := range 3 {
		if _, err := c.View(ctx); errors.Is(err, wrong) != (i < 2) {
			t.Errorf("call %d returned %v", i, err)
		}
	}
	e.SetAlive(1, false)
	if got, err := c.View(ctx); err != nil || got.UnderReplicatedPartitions != len(brokers.StateTopics) || len(got.Brokers) != 2 || got.Partitions != len(brokers.StateTopics) || got.At != time.Unix(1, 0) {
		t.Errorf("the view is %+v, %v", got, err)
	}
	c.Tail(brokers.TopicGateways)
	if _, ready := c.Tail(brokers.TopicGateways); !ready {
		t.Error("Tail is not ready")
	}
	e.StallTails(true)
	if _, ready := c.Tail(brokers.TopicGateways); ready {
		t.Error("a stalled Tail is ready")
	}
	nudges = 0
	e.StallTails(false)
	e.SetAway(wrong)
	if _, err := c.ReadState(ctx, brokers.TopicGateways); !errors.Is(err, wrong) {
		t.Errorf("ReadState of a cluster that is away returned %v", err)
	}
	e.SetAway(nil)
	if _, ready := c.Tail(brokers.TopicGateways); !ready || nudges != 2 {
		t.Errorf("after it is back Tail is ready: %t, with %d nudges", ready, nudges)
	}
}

func TestALongRunIsCompacted(t *testing.T) {
	e := start()
	c := e.Open(t, nil)
	ctx := context.Background()
	if err := c.PrepareStateTopics(ctx); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		end, err := c.WriteState(ctx, brokers.TopicGateways, []brokers.Record{{Key: fmt.Sprint("gateway/", i%3), Value: []byte("lease")}})
		if err != nil || end != int64(i+1) {
			t.Fatalf("write %d returned %d, %v", i, end, err)
		}
	}
	state, err := c.ReadState(ctx, brokers.TopicGateways)
	if err != nil || len(state) != 3 || state[0].Offset != 999 || state[2].Offset != 998 {
		t.Errorf("the state is %+v, %v", state, err)
	}
}
