package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/usage"
)

// meter reads what gateways wrote, as a satellite does.
type meter struct {
	t      testing.TB
	client *kgo.Client
	state  usage.State
	// last is what each incarnation said last, and times how often it said something; order is that of the first times.
	last  map[usage.Key]usage.Record
	times map[usage.Key]int
	order []usage.Key
}

func newMeter(t testing.TB, c *gatewaytest.Cluster) *meter {
	t.Helper()
	client, err := kgo.NewClient(append(c.Kafka.ClientOptions(""), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		"_orrery_gateways": {0: kgo.NewOffset().AtStart()},
	}), kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &meter{t: t, client: client, state: usage.State{}, last: map[usage.Key]usage.Record{}, times: map[usage.Key]int{}}
}

// until reads on until complaint returns "" for what was read so far, which it is asked after each record.
func (m *meter) until(complaint func(usage.State) string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		text := complaint(m.state)
		if text == "" {
			return
		}
		fetches := m.client.PollRecords(ctx, 1)
		if err := fetches.Err(); err != nil {
			m.t.Fatalf("%s; and then: %v", text, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if err := m.state.Apply(string(r.Key), r.Value); err != nil {
				m.t.Fatal(err)
			}
			if k, ok := usage.ParseKey(string(r.Key)); ok && r.Value != nil && k.Incarnation != "" {
				if m.last[k] = m.state[k]; m.times[k] == 0 {
					m.order = append(m.order, k)
				}
				m.times[k]++
			}
		})
	}
}

// records are how many records a tenant produced, as far as was read.
func records(s usage.State, tenant string) int64 { return s.Totals()[tenant].Usage.ProducedRecords }

// writer writes records one at a time, never one twice, and knows when each was sent and acknowledged.
type writer struct {
	mu           sync.Mutex
	sent, acked  []time.Time
	stop, ended  chan struct{}
	acknowledged chan struct{} // has room for one
}

func startWriter(t testing.TB, c *gatewaytest.Cluster, key gatewaytest.Key, topic string) *writer {
	t.Helper()
	client := c.Client(key, kgo.DisableIdempotentWrite(), kgo.RecordRetries(0), kgo.MaxProduceRequestsInflightPerBroker(1))
	if err := client.Ping(testContext(t)); err != nil {
		t.Fatal(err)
	}
	w := &writer{stop: make(chan struct{}), ended: make(chan struct{}), acknowledged: make(chan struct{}, 1)}
	go func() {
		defer close(w.ended)
		for {
			select {
			case <-w.stop:
				return
			default:
			}
			w.mark(&w.sent)
			if client.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Value: make([]byte, 100)}).FirstErr() != nil {
				return // the gateway is gone: whether it was written is not known
			}
			w.mark(&w.acked)
			select {
			case w.acknowledged <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(w.end)
	return w
}

func (w *writer) mark(times *[]time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*times = append(*times, time.Now())
}

// end ends the writer, which may have ended by itself.
func (w *writer) end() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	<-w.ended
}

// before counts the times before another one.
func before(times []time.Time, end time.Time) (n int64) {
	for _, t := range times {
		if t.Before(end) {
			n++
		}
	}
	return n
}

func endOffset(t testing.TB, c *gatewaytest.Cluster, topic string) int64 {
	t.Helper()
	client, err := kgo.NewClient(c.Kafka.ClientOptions("")...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(testContext(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	return end.Offset
}

// TestKilledGatewayLosesItsLastSecondOnly kills a gateway under load, twice. What it had written is neither lost nor
// counted again, what it had not is what was acknowledged after its last word, and what comes after counts to the record:
// also when its successor has folded what it left.
func TestKilledGatewayLosesItsLastSecondOnly(t *testing.T) {
	const tenant, topic = "lkc-aaaaaa", "lkc-aaaaaa_orders"
	c := gatewaytest.Start(t, gatewaytest.Options{Processes: true})
	key := c.Admin(c.Tenant(tenant))
	createTopic(t, c, topic, 1)
	m := newMeter(t, c)
	var kept int64 // what killed gateways had written
	var last *writer
	var killed time.Time
	examine := func(dead usage.Record) {
		counted, least, most := dead.Usage.ProducedRecords, before(last.acked, dead.At), int64(len(last.sent))
		if counted < least || counted > most {
			t.Errorf("when it said its last word %d to %d records had been acknowledged, and %d were counted", least, most, counted)
		}
		age := killed.Sub(dead.At)
		if age > 10*time.Second {
			t.Errorf("its last word was %v old when it was killed", age)
		}
		kept += counted
		t.Logf("killed %v after its last word: %d of %d acknowledged records are not counted", age.Round(time.Millisecond), int64(len(last.acked))-counted, len(last.acked))
	}
	kills := 2
	if testing.Short() {
		kills = 1
	}
	for incarnation := range kills + 1 {
		w := startWriter(t, c, key, "orders")
		m.until(func(usage.State) string { // twice, so that one was under load from its beginning
			if len(m.order) <= incarnation || m.times[m.order[incarnation]] < 2 {
				return "the gateway did not say what was used"
			}
			return ""
		})
		if incarnation > 0 {
			examine(m.last[m.order[incarnation-1]])
		}
		last = w
		if incarnation == kills {
			break
		}
		for said := m.last[m.order[incarnation]].At; time.Since(said) < 500*time.Millisecond; {
			select { // until the middle of a second, with something to lose
			case <-w.acknowledged:
			case <-w.ended:
				t.Fatal("the writer ended by itself")
			}
		}
		c.Kill(0)
		killed = time.Now()
		<-w.ended
		c.Restart(0)
	}
	m.until(func(s usage.State) string {
		if testing.Short() { // it takes as long as a lease
			return ""
		}
		if n := records(s, tenant); n < kept {
			t.Fatalf("%d records are counted, less than the %d before", n, kept)
		}
		_, folded := s[usage.Key{LogicalClusterID: tenant}]
		if _, left := s[m.order[1]]; !folded || left {
			return "the killed gateways are not folded"
		}
		return ""
	})
	last.end()
	c.Stop(0) // it says the rest
	want := kept + int64(len(last.acked))
	m.until(func(s usage.State) string {
		if n := records(s, tenant); n != want {
			return fmt.Sprintf("%d records are counted; want %d", n, want)
		}
		return ""
	})
	if end := endOffset(t, c, topic); want > end {
		t.Errorf("%d records are counted of %d", want, end)
	}
	total := m.state.Totals()[tenant].Usage
	if total.ProducedBytes < 61*total.ProducedRecords || total.IngressBytes < total.ProducedBytes || total.Requests < total.ProducedRecords || total.ConnectionMillis == 0 {
		t.Errorf("the use is %+v", total)
	}
}

// TestUsageIsOfWhatBrokersTook: what is refused is not counted as produced, whichever lane it takes; what is fetched is.
func TestUsageIsOfWhatBrokersTook(t *testing.T) {
	const tenant = "lkc-aaaaaa"
	c := gatewaytest.Start(t, gatewaytest.Options{})
	key := c.Admin(c.Tenant(tenant))
	createTopic(t, c, tenant+"_orders", 1)
	client := c.Client(key, kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	for i := range 20 {
		several := make([]*kgo.Record, i%3+1)
		for j := range several {
			several[j] = &kgo.Record{Topic: "orders", Value: []byte(strings.Repeat("x", 1000))}
		}
		if err := client.ProduceSync(testContext(t), several...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	consume(t, client, 39)
	r := authenticated(t, c, key)
	r.ask(produceRequest(9, -1, "missing", batch("refused", -1, false)))
	r.ask(produceRequest(9, 1, "orders", batch("taken", -1, false)))
	r.send(produceRequest(9, 0, "orders", batch("taken without a word", -1, false)))
	r.ask(produceRequest(9, 1, "orders", batch("and one that says that it was", -1, false)))
	r.conn.Close()
	client.Close()
	m := newMeter(t, c)
	c.Gateways[0].Close()
	m.until(func(s usage.State) string {
		if n := records(s, tenant); n != 42 {
			return fmt.Sprintf("%d records are counted; want 42", n)
		}
		return ""
	})
	if total := m.state.Totals()[tenant].Usage; total.FetchedBytes < 100 || total.EgressBytes < total.FetchedBytes {
		t.Errorf("the use is %+v", total)
	}
}
