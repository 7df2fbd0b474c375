package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// cannedConn reads the same frame again and again, and takes whatever is written.
type cannedConn struct {
	net.Conn
	frame []byte
	at    int
}

func (c *cannedConn) Read(b []byte) (int, error) {
	n := copy(b, c.frame[c.at:])
	c.at = (c.at + n) % len(c.frame)
	return n, nil
}

func (c *cannedConn) Write(b []byte) (int, error)      { return len(b), nil }
func (c *cannedConn) SetReadDeadline(time.Time) error  { return nil }
func (c *cannedConn) SetWriteDeadline(time.Time) error { return nil }
func (c *cannedConn) Close() error                     { return nil }

// requester is a connection whose client asks the same all the time, and whose broker answers the same.
type requester struct {
	t      testing.TB
	c      *connection
	action authz.Action
	topic  string
	slot   slot
	// what the client's request and the broker's response have on the wire
	asked, answered int
}

// crowd is a gateway with a tenant of 10,000 ACLs and 1,000 principals, one of which is behind each connection. The
// tenant has every quota and uses none of them up.
func crowd(t testing.TB, key kmsg.Key) []*requester {
	t.Helper()
	const cluster, most = "lkc-000007", 1 << 40
	tenant := tenancy.Tenant{LogicalClusterID: cluster, OrganizationID: "org-000007", EnvironmentID: "env-1", Quotas: orrery.Quotas{
		IngressBytesPerSecond: most, EgressBytesPerSecond: most, RequestsPerSecond: most, RequestMillisecondsPerSecond: most, Connections: most, ConnectionAttemptsPerSecond: most,
	}}
	records := append(population(t, 10), record(t, tenancy.StateTenant, cluster, tenant))
	st, malformed := emptyState().with(append(records, manyACLs(t, cluster)...))
	if len(malformed) > 0 || st.acls(cluster).size != 10_000 {
		t.Fatalf("%d ACLs, %v", st.acls(cluster).size, malformed)
	}
	g, err := New(Config{
		PhysicalClusterID: "pkc-aaaaaa", TLS: &tls.Config{}, Control: Control{Seeds: []string{"127.0.0.1:1"}}, Registerer: prometheus.NewRegistry(),
		DialBroker: func(context.Context, int32) (net.Conn, error) {
			return nil, errors.New("each connection has its broker already")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	g.state.Store(st)
	engine := kmsg.NewPtrApiVersionsResponse()
	engine.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: kmsg.Produce.Int16(), MaxVersion: 12}, {ApiKey: kmsg.Fetch.Int16(), MinVersion: 4, MaxVersion: 12}}
	offered, err := newTable(allHandlers(), engine, g.metrics)
	if err != nil {
		t.Fatal(err)
	}
	g.table.Store(offered)
	all := make([]*requester, 1000)
	for principal := range all {
		readable := (10*principal + 7) / 8 * 8 % 100 // see manyACLs
		r := &requester{t: t, action: authz.Write, topic: "orders-1"}
		if key == kmsg.Fetch {
			r.action, r.topic = authz.Read, fmt.Sprint("orders-", readable)
		}
		request, response := hotExchange(key, r.topic, string(tenancy.PrefixOf(cluster)))
		r.asked, r.answered = len(request), len(response)
		r.c = g.newConnection(&cannedConn{frame: request}, "10.0.0.1", 0)
		r.c.admitted(Identity{OrganizationID: "org-000007", EnvironmentID: "env-1", LogicalClusterID: cluster, PrincipalID: fmt.Sprint("sa-", principal), APIKeyID: "KEY"}, tenant)
		if err := r.c.enterQuota(); err != nil {
			t.Fatal(err)
		}
		broker := &cannedConn{frame: response}
		r.c.upstream = &upstream{conn: broker, in: newWindow(broker)}
		r.whole() // so that it has what it keeps between requests
		all[principal] = r
	}
	return all
}

// hotExchange is a request for a topic, with a batch of 1 KiB, and the broker's response to it.
func hotExchange(key kmsg.Key, topic, prefix string) (request, response []byte) {
	batch := make([]byte, 1024)
	batch[batchMagic] = 2
	for i := range 8 {
		batch[batchProducerID+i] = 0xff // none
	}
	if key == kmsg.Produce {
		asked, told := kmsg.NewPtrProduceRequest(), kmsg.NewPtrProduceResponse()
		asked.Version, told.Version, asked.Acks = 12, 12, -1
		asked.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batch}}}}
		partition := kmsg.NewProduceResponseTopicPartition()
		told.Topics = []kmsg.ProduceResponseTopic{{Topic: prefix + topic, Partitions: []kmsg.ProduceResponseTopicPartition{partition}}}
		return appendRequest(nil, asked, 7, "bench"), appendResponse(nil, told, 7)
	}
	asked, told := kmsg.NewPtrFetchRequest(), kmsg.NewPtrFetchResponse()
	asked.Version, told.Version, asked.MaxBytes, asked.SessionEpoch = 12, 12, 1<<20, -1
	asked.Topics = []kmsg.FetchRequestTopic{{Topic: topic, Partitions: []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}}}
	partition := kmsg.NewFetchResponseTopicPartition()
	partition.RecordBatches = batch
	told.Topics = []kmsg.FetchResponseTopic{{Topic: prefix + topic, Partitions: []kmsg.FetchResponseTopicPartition{partition}}}
	return appendRequest(nil, asked, 7, "bench"), appendResponse(nil, told, 7)
}

// whole is all that the gateway does with a request and its response but for TLS and the sockets.
func (r *requester) whole() {
	c, in := r.c, &r.c.request
	if err := c.readRequest(in); err != nil {
		r.t.Fatal(err)
	}
	err := c.dispatch(in)
	taken := in.taken
	c.gateway.freeRequest(in)
	if err != nil || !taken || !c.waiting.head(&r.slot) {
		r.t.Fatalf("the request is not on its way to the broker: taken %v, %v", taken, err)
	}
	size, _, err := c.upstream.in.header()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := c.pass(c.upstream, &r.slot, size); err != nil || r.slot.code != 0 {
		r.t.Fatalf("error %d, %v", r.slot.code, err)
	}
	c.waiting.next(&r.slot)
}

// policy is what of that is about who may, how much, and who sees it: the session, the quotas at both ends, whether the
// principal may use the topic, asked anew, and everything that is counted. The journal has no part in a request of
// which nothing is refused.
func (r *requester) policy() {
	c, in := r.c, &r.c.request
	if c.checkSession(in.key) != nil || c.hold(in, int64(r.asked)) != nil {
		r.t.Fatal("it does not come in")
	}
	in.received = time.Now()
	c.gateway.metrics.requestBytes.Add(float64(r.asked))
	c.use.requestBytes.Add(int64(r.asked))
	in.entry.requests.Inc()
	c.use.requests[in.entry.key+1].Add(1)
	if c.refreshSession(c.session.clientID) != nil || c.session.topicError(r.action, r.topic) != 0 {
		r.t.Fatal("the topic may not be used")
	}
	s := &r.slot
	*s = slot{entry: in.entry, received: in.received, session: c.session, bill: in.bill}
	s.bill.work = time.Since(in.received)
	c.use.count(in.produced)
	if c.settle(s, r.answered) != 0 {
		r.t.Fatal("it is throttled")
	}
	c.sent(s, r.answered)
}

// TestRequestsAllocateNothing: with 10,000 ACLs and 1,000 principals neither the policy nor all of the gateway's hot path
// allocates, whoever asks.
func TestRequestsAllocateNothing(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.Fetch} {
		all, i := crowd(t, key), 0
		next := func() *requester {
			i++
			return all[i%len(all)]
		}
		if n := testing.AllocsPerRun(len(all), func() { next().policy() }); n != 0 {
			t.Errorf("the policy of %s: %v allocations", key.Name(), n)
		}
		if testing.Short() {
			continue // the race detector drops buffers that are kept for the next request
		}
		before := debug.SetGCPercent(-1) // which drops them too
		if n := testing.AllocsPerRun(len(all), func() { next().whole() }); n != 0 {
			t.Errorf("all of %s: %v allocations", key.Name(), n)
		}
		debug.SetGCPercent(before)
	}
}

// BenchmarkRequest is what a request costs in a tenant with 10,000 ACLs and 1,000 principals, each of which asks in
// its turn: the policy alone, with the right asked anew each time, of which a connection remembers the answer in
// truth; and all that the gateway does but for TLS and sockets, the policy as it runs within. The time of the processor
// is told beside that of the clock, which on a busy machine is others' too.
func BenchmarkRequest(b *testing.B) {
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.Fetch} {
		all := crowd(b, key)
		for name, once := range map[string]func(*requester){"policy": (*requester).policy, "all": (*requester).whole} {
			b.Run(key.Name()+" "+name, func(b *testing.B) {
				b.ReportAllocs()
				began := cpuTime(b)
				for i := 0; b.Loop(); i++ {
					once(all[i%len(all)])
				}
				b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// cpuTime is what this process has used of the processors.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
