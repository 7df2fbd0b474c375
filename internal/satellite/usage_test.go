package satellite_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/usage"
)

// counted writes what a gateway says that a tenant produced; "" is a fold.
func (w *world) counted(pkc string, node int32, incarnation string, sequence, records int64) {
	w.Helper()
	value, err := json.Marshal(usage.Record{Version: usage.Version, Sequence: sequence, At: time.Now(), Usage: orrery.Usage{ProducedRecords: records}})
	if err != nil {
		w.Fatal(err)
	}
	key := usage.Key{Node: node, LogicalClusterID: "lkc-1", Incarnation: incarnation}
	if _, err := w.inside(pkc).WriteState(w.ctx, brokers.TopicGateways, []brokers.Record{{Key: key.String(), Value: value}}); err != nil {
		w.Fatal(err)
	}
}

// TestUsageIsReported: what gateways say is added up, and compared with what is in the logs, also with what came into them
// while there was no satellite. What a deleted tenant used is in its last status, and then nowhere.
func TestUsageIsReported(t *testing.T) {
	w := newWorld(t)
	w.meter = time.Millisecond
	w.start(true)
	all := tenant("pkc-a", "lkc-1")
	w.send(psc("pkc-a"), all)
	w.until("the tenant is applied", w.applied(all.Key()))
	client := w.client("pkc-a")
	if _, err := kadm.NewClient(client).CreateTopic(w.ctx, 2, 1, nil, "lkc-1_orders"); err != nil {
		t.Fatal(err)
	}
	reported := func(so func(r orrery.UsageReport) bool) func() bool {
		return func() bool {
			u := w.statuses[all.Key()].Usage
			return u != nil && so(*u)
		}
	}
	produce := func(n int) {
		for range n {
			if err := client.ProduceSync(w.ctx, &kgo.Record{Topic: "lkc-1_orders", Value: []byte("x")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.until("the topic is seen", reported(func(r orrery.UsageReport) bool { return r.Stored.Partitions == 2 }))
	produce(5)
	w.counted("pkc-a", 0, "A", 1, 3)
	w.counted("pkc-a", 1, "B", 1, 1)
	w.until("4 of 5 records are counted", reported(func(r orrery.UsageReport) bool {
		return r.ProducedRecords == 4 && r.Stored.AppendedRecords == 5 && r.Stored.UncountedRecords == 1 && r.Stored.Bytes > 0
	}))
	produce(2)                      // the satellite takes no step
	w.counted("pkc-a", 0, "", 1, 3) // A is folded, its own record is still there
	w.counted("pkc-a", 1, "B", 1, 3)
	w.stop()
	w.start(true)
	w.until("6 of 7 records are counted", reported(func(r orrery.UsageReport) bool {
		return r.ProducedRecords == 6 && r.Stored.AppendedRecords == 7 && r.Stored.UncountedRecords == 1
	}))
	w.send(deleted(all))
	w.until("the tenant is gone", w.gone(all.Key()))
	if u := w.statuses[all.Key()].Usage; u == nil || u.ProducedRecords != 6 || u.Stored.AppendedRecords != 7 {
		t.Errorf("its last word is %+v", u)
	}
	w.counted("pkc-a", 1, "B", 1, 4) // a gateway that is late
	inside := w.inside("pkc-a")
	w.until("its records are removed", func() bool {
		records, err := inside.ReadState(w.ctx, brokers.TopicGateways)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if strings.Contains(r.Key, "lkc-1") {
				return false
			}
		}
		return true
	})
}
