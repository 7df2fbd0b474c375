package gateway_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// cutter ends the gateway's connections to brokers in the middle of a response.
type cutter struct {
	mu   sync.Mutex
	cuts int // how many of the next responses are cut
	done int
}

func (k *cutter) hook(dial func(context.Context, int32) (net.Conn, error)) func(context.Context, int32) (net.Conn, error) {
	return func(ctx context.Context, node int32) (net.Conn, error) {
		conn, err := dial(ctx, node)
		if err != nil {
			return nil, err
		}
		return &cutConn{Conn: conn, cutter: k}, nil
	}
}

func (k *cutter) cut(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cuts, k.done = n, 0
}

func (k *cutter) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.done
}

// cutConn lets the first half of what comes through and ends.
type cutConn struct {
	net.Conn
	cutter *cutter
	ended  bool // the reader's
}

func (c *cutConn) Read(b []byte) (int, error) {
	if c.ended {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(b)
	c.cutter.mu.Lock()
	defer c.cutter.mu.Unlock()
	if n > 1 && c.cutter.cuts > 0 {
		c.cutter.cuts--
		c.cutter.done++
		c.ended = true
		c.Conn.Close()
		return n / 2, nil
	}
	return n, err
}

// failing is a topic with three replicas, and a tenant's clients, for tests that break its brokers.
type failing struct {
	t       *testing.T
	cluster *gatewaytest.Cluster
	key     gatewaytest.Key
	writer  *kgo.Client // idempotent
	direct  *kgo.Client
	acked   map[string]bool
}

func (f *failing) write(values ...string) {
	f.t.Helper()
	for _, value := range values {
		produceOne(f.t, f.writer, "orders", value)
		f.acked[value] = true
	}
}

// leader returns the partition's leader once it is another than one.
func (f *failing) leader(except int32) int32 {
	f.t.Helper()
	node := int32(-1)
	eventually(f.t, func() string {
		topics, err := kadm.NewClient(f.direct).ListTopics(testContext(f.t), "lkc-aaaaaa_orders")
		node = topics["lkc-aaaaaa_orders"].Partitions[0].Leader
		if err != nil || node < 0 || node == except {
			return fmt.Sprintf("the leader is %d (%v)", node, err)
		}
		return ""
	})
	return node
}

// raw is a client at the gateway of a broker.
func (f *failing) raw(node int32) *rawClient {
	f.t.Helper()
	b := f.cluster.Endpoints.Brokers[node]
	conn, err := tls.Dial("tcp", fmt.Sprintf("%s:%d", b.Host, b.Port), f.cluster.TLS)
	if err != nil {
		f.t.Fatal(err)
	}
	r := rawOver(f.t, conn)
	if response := r.logIn(f.key.ID, f.key.Secret); response.ErrorCode != 0 {
		f.t.Fatalf("logging in: %v", *response.ErrorMessage)
	}
	return r
}

// check reads the partition at the broker: what was acknowledged is there once.
func (f *failing) check() {
	f.t.Helper()
	ends, err := kadm.NewClient(f.direct).ListEndOffsets(testContext(f.t), "lkc-aaaaaa_orders")
	end, _ := ends.Lookup("lkc-aaaaaa_orders", 0)
	if err != nil || end.Err != nil {
		f.t.Fatal(err, end.Err)
	}
	reader, err := kgo.NewClient(append(f.cluster.Kafka.ClientOptions(""), kgo.ConsumeTopics("lkc-aaaaaa_orders"))...)
	if err != nil {
		f.t.Fatal(err)
	}
	defer reader.Close()
	times := map[string]int{}
	for _, r := range consume(f.t, reader, int(end.Offset)) {
		times[string(r.Value)]++
	}
	for value := range f.acked {
		if times[value] != 1 {
			f.t.Errorf("%q was acknowledged and is there %d times", value, times[value])
		}
	}
}

// TestBrokerFailure breaks brokers in every way that they break. A client gets what Kafka itself would give: an error
// that it tries again after, or a connection that ends.
func TestBrokerFailure(t *testing.T) {
	var k cutter
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3, Own: true, Dial: k.hook})
	f := &failing{t: t, cluster: c, key: c.Admin(c.Tenant("lkc-aaaaaa")), direct: engineClient(t, c), acked: map[string]bool{}}
	if _, err := kadm.NewClient(f.direct).CreateTopic(testContext(t), 1, 3, nil, "lkc-aaaaaa_orders"); err != nil {
		t.Fatal(err)
	}
	if err := gatewaytest.Known(testContext(t), c.Kafka, "lkc-aaaaaa_orders"); err != nil {
		t.Fatal(err)
	}
	f.writer = c.Client(f.key, kgo.MetadataMinAge(50*time.Millisecond))
	f.write("before")
	for _, test := range []struct {
		name string
		test func(f *failing, k *cutter)
	}{{"half a response", halfAResponse}, {"slow", slowBroker}, {"killed, and another leads", killedBroker}, {"restarted", restartedBroker}} {
		t.Run(test.name, func(t *testing.T) {
			own := *f
			own.t = t
			test.test(&own, &k)
			own.check()
		})
	}
}

func halfAResponse(f *failing, k *cutter) {
	raw := f.raw(f.leader(-1))
	k.cut(1)
	raw.send(produceRequest(11, -1, "orders", batch("cut", -1, false)))
	raw.expectClosed()
	k.cut(3)
	f.write("after a cut")
	if k.count() == 0 {
		f.t.Error("no response of the writer's was cut")
	}
	k.cut(0)
}

func slowBroker(f *failing, _ *cutter) {
	node := f.leader(-1)
	raw := f.raw(node)
	raw.ask(kmsg.NewPtrMetadataRequest()) // the way to the broker is open
	if err := f.cluster.Kafka.Brokers[node].Pause(); err != nil {
		f.t.Fatal(err)
	}
	request := produceRequest(11, -1, "orders", batch("while it is slow", -1, false))
	raw.send(request)
	raw.conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	if n, err := raw.conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		f.t.Errorf("a broker that stands still answered: %d bytes, %v", n, err)
	}
	if err := f.cluster.Kafka.Brokers[node].Resume(); err != nil {
		f.t.Fatal(err)
	}
	f.write("after it was slow")
}

func killedBroker(f *failing, _ *cutter) {
	gatewaytest.ApacheOnly(f.t, "its brokers are one process, and metadata goes on to name one that is cut off")
	node := f.leader(-1)
	waiting := f.raw(node)
	fetch := fetchRequest(12, 0, -1)
	fetch.MaxWaitMillis, fetch.MinBytes = 60_000, 1<<20
	waiting.send(fetch)
	if err := f.cluster.Kafka.Brokers[node].Kill(); err != nil {
		f.t.Fatal(err)
	}
	waiting.expectClosed()
	late := f.raw(node) // its gateway lives
	late.send(produceRequest(11, -1, "orders", batch("to nobody", -1, false)))
	late.expectClosed()
	f.write("while it is down")
	f.leader(node)
	if err := f.cluster.Kafka.Brokers[node].Start(); err != nil {
		f.t.Fatal(err)
	}
	request := produceRequest(11, -1, "orders", batch("to a follower", -1, false))
	eventually(f.t, func() string {
		code := f.raw(node).ask(request).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode
		if code == 0 {
			f.t.Fatal("a broker that does not lead took a record")
		}
		if code != kerr.NotLeaderForPartition.Code {
			return kerr.ErrorForCode(code).Error()
		}
		return ""
	})
	f.write("after it is back")
}

func restartedBroker(f *failing, _ *cutter) {
	gatewaytest.ApacheOnly(f.t, "its brokers are one process, and metadata goes on to name one that is cut off")
	node := f.leader(-1)
	raw := f.raw(node)
	raw.ask(kmsg.NewPtrMetadataRequest())
	written := make(chan error, 1)
	go func() { written <- f.cluster.Kafka.Brokers[node].Restart() }()
	for i := 0; ; i++ {
		f.write(fmt.Sprint("through the restart ", i))
		select {
		case err := <-written:
			if err != nil {
				f.t.Fatal(err)
			}
			raw.expectClosed()
			f.write("after the restart")
			return
		default:
		}
	}
}
