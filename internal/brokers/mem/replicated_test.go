package mem_test

import (
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/brokers/brokerstest"
	"github.com/orrery-kafka/orrery/internal/brokers/mem"
)

// replicated is a cluster under the suite; its clock goes on with each look at it, as time does.
type replicated struct {
	*mem.Brokers
	alive map[int32]bool
}

func (r replicated) Open(t *testing.T, changed func()) brokers.Cluster {
	c := r.Brokers.Open(changed)
	t.Cleanup(c.Close)
	return c
}

func (r replicated) CreateTopic(_ *testing.T, name string, replicas ...[]int32) {
	r.AddTopic(name, len(replicas))
	for i, nodes := range replicas {
		r.SetReplicas(name, int32(i), nodes...)
	}
	r.SetMinInSync(name, 2)
}

func (r replicated) Fill(_ *testing.T, name string, bytes int64) { r.SetAppended(name, 1, bytes) }

func (r replicated) set(node int32, alive bool) {
	r.alive[node] = alive
	r.SetAlive(node, alive)
}
func (r replicated) Freeze(_ *testing.T, node int32)      { r.set(node, false) }
func (r replicated) Thaw(_ *testing.T, node int32)        { r.set(node, true) }
func (r replicated) Stop(_ *testing.T, node int32)        { r.set(node, false) }
func (r replicated) Kill(_ *testing.T, node int32)        { r.set(node, false) }
func (r replicated) Start(_ *testing.T, node int32)       { r.set(node, true) }
func (r replicated) AddBroker(*testing.T)                 { r.set(3, true) }
func (r replicated) ReplaceDisk(_ *testing.T, node int32) { r.Brokers.ReplaceDisk(node) }

func (r replicated) Copy() {
	for node, alive := range r.alive {
		if alive {
			r.CatchUp(node)
		}
	}
}

func TestReplicated(t *testing.T) {
	now := time.Unix(1, 0)
	clock := func() time.Time {
		now = now.Add(100 * time.Millisecond)
		return now
	}
	brokerstest.RunReplicated(t, replicated{mem.New("pkc-1", clock, 0, 1, 2), map[int32]bool{0: true, 1: true, 2: true}})
}
