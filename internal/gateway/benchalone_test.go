package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// These benchmarks measure the gateway's data path alone: what the client sends and what the broker answers are
// encoded beforehand, so that neither of them allocates or computes anything. BenchmarkRelay is the same with a TLS
// relay in the gateway's place, which is the least that anything between a client and a broker can cost.

// cannedBroker answers every request with the same bytes.
type cannedBroker struct {
	listener net.Listener
	response []byte // a frame; the correlation id is put in
}

func startCanned(t testing.TB, response []byte) *cannedBroker {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &cannedBroker{listener, response}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { b.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	return b
}

func (b *cannedBroker) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 256<<10)
	response := append([]byte(nil), b.response...)
	for {
		head, err := in.Peek(12)
		if err != nil {
			return
		}
		size := int(binary.BigEndian.Uint32(head)) + 4
		copy(response[4:8], head[8:12])
		if _, err := in.Discard(size); err != nil {
			return
		}
		if _, err := conn.Write(response); err != nil {
			return
		}
	}
}

func (b *cannedBroker) hook(func(context.Context, int32) (net.Conn, error)) func(context.Context, int32) (net.Conn, error) {
	return func(ctx context.Context, _ int32) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", b.listener.Addr().String())
	}
}

// responseFrame encodes a response whose correlation id is 0.
func responseFrame(response kmsg.Response) []byte {
	frame := make([]byte, 8)
	if response.IsFlexible() {
		frame = append(frame, 0)
	}
	frame = response.AppendTo(frame)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	return frame
}

// exchange is a request, ready to be sent, and a place for its response.
type exchange struct {
	name     string
	request  []byte
	response []byte // as the broker sends it
	into     []byte
	size     int64 // of the records
}

func newExchange(name string, request kmsg.Request, response kmsg.Response, size int) *exchange {
	frame := responseFrame(response)
	return &exchange{
		name: name, request: kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench")).AppendRequest(nil, request, 7),
		response: frame, into: make([]byte, len(frame)), size: int64(size),
	}
}

func (e *exchange) once(conn net.Conn) error {
	if _, err := conn.Write(e.request); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, e.into[:4]); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, e.into[:binary.BigEndian.Uint32(e.into)])
	return err
}

// exchanges are Produce and Fetch by name and by id, with little and with much in them.
func exchanges(topicID [16]byte) []*exchange {
	var all []*exchange
	for _, size := range []int{1 << 10, 1<<20 - 200} {
		records := batch(string(make([]byte, size)), -1, false)
		for _, version := range []int16{9, 13} {
			request := produceRequest(version, -1, "orders", records)
			request.Topics[0].TopicID = topicID
			response := request.ResponseKind().(*kmsg.ProduceResponse)
			topic := kmsg.NewProduceResponseTopic()
			topic.Topic, topic.TopicID = "lkc-aaaaaa_orders", topicID
			topic.Partitions = append(topic.Partitions, kmsg.NewProduceResponseTopicPartition())
			response.Topics = append(response.Topics, topic)
			all = append(all, newExchange(fmt.Sprintf("Produce-v%d-%dKiB", version, (size+512)>>10), request, response, size))
		}
		for _, version := range []int16{11, 17} {
			request := fetchRequest(version, 0, -1)
			request.Topics[0].TopicID, request.MaxBytes = topicID, 50<<20
			response := request.ResponseKind().(*kmsg.FetchResponse)
			topic, partition := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
			topic.Topic, topic.TopicID = "lkc-aaaaaa_orders", topicID
			partition.RecordBatches = records
			topic.Partitions = append(topic.Partitions, partition)
			response.Topics = append(response.Topics, topic)
			all = append(all, newExchange(fmt.Sprintf("Fetch-v%d-%dKiB", version, (size+512)>>10), request, response, size))
		}
	}
	return all
}

// aloneCluster is a gateway whose tenant's path leads to a broker that does nothing.
func aloneCluster(t testing.TB, dial *func(context.Context, int32) (net.Conn, error)) (*gatewaytest.Cluster, gatewaytest.Key, [16]byte) {
	c := gatewaytest.Start(t, gatewaytest.Options{Dial: func(engine func(context.Context, int32) (net.Conn, error)) func(context.Context, int32) (net.Conn, error) {
		*dial = engine
		return func(ctx context.Context, node int32) (net.Conn, error) { return (*dial)(ctx, node) }
	}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	client, err := kgo.NewClient(c.Kafka.ClientOptions("")...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopics(testContext(t), "lkc-aaaaaa_orders")
	if err != nil {
		t.Fatal(err)
	}
	return c, key, topics["lkc-aaaaaa_orders"].ID
}

// processor returns how much time the processors have spent on this process.
func processor(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func (e *exchange) run(b *testing.B, conn net.Conn) {
	for range 16 { // the records of TLS grow
		if err := e.once(conn); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(e.size)
	b.ReportAllocs()
	before := processor(b)
	for b.Loop() {
		if err := e.once(conn); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((processor(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// BenchmarkAlone is one request at a time through the gateway. Allocations are the gateway's: nothing else in the
// process makes any.
func BenchmarkAlone(b *testing.B) {
	var dial func(context.Context, int32) (net.Conn, error)
	c, key, topicID := aloneCluster(b, &dial)
	for _, e := range exchanges(topicID) {
		b.Run(e.name, func(b *testing.B) {
			dial = startCanned(b, e.response).hook(nil)
			r := authenticated(b, c, key)
			r.conn.SetDeadline(time.Time{})
			e.run(b, r.conn)
			r.conn.Close()
		})
	}
}

// BenchmarkRelay is the same through io.Copy.
func BenchmarkRelay(b *testing.B) {
	var dial func(context.Context, int32) (net.Conn, error)
	c, _, topicID := aloneCluster(b, &dial)
	for _, e := range exchanges(topicID) {
		b.Run(e.name, func(b *testing.B) {
			conn, err := tls.Dial("tcp", startRelay(b, c, startCanned(b, e.response).listener.Addr().String()), c.TLS)
			if err != nil {
				b.Fatal(err)
			}
			e.run(b, conn)
			conn.Close()
		})
	}
}

// startRelay copies between TLS clients and an address.
func startRelay(b *testing.B, c *gatewaytest.Cluster, to string) string {
	listener, err := tls.Listen("tcp", "127.0.0.1:0", c.ServerTLS)
	if err != nil {
		b.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			broker, err := net.Dial("tcp", to)
			if err != nil {
				client.Close()
				continue
			}
			pass := func(to, from net.Conn) {
				io.Copy(to, from)
				to.Close()
				from.Close()
			}
			running.Go(func() { pass(broker, client) })
			running.Go(func() { pass(client, broker) })
		}
	})
	b.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	return listener.Addr().String()
}

// A Produce or Fetch allocates nothing in the gateway. TLS allocates once for each write, on either side.
func TestRawLaneAllocatesNothing(t *testing.T) {
	info, _ := debug.ReadBuildInfo()
	if info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("the race detector makes pools lose what they hold")
	}
	var dial func(context.Context, int32) (net.Conn, error)
	c, key, topicID := aloneCluster(t, &dial)
	for _, e := range exchanges(topicID) {
		if e.size > 64<<10 {
			continue // the writes are many
		}
		t.Run(e.name, func(t *testing.T) {
			dial = startCanned(t, e.response).hook(nil)
			r := authenticated(t, c, key)
			defer r.conn.Close()
			var failed error
			once := func() {
				if err := e.once(r.conn); err != nil {
					failed = err
				}
			}
			for range 16 {
				once()
			}
			const tls, others = 2, 0.5 // the engine and the lease do something now and then
			if n := testing.AllocsPerRun(1000, once); n > tls+others || failed != nil {
				t.Errorf("%.1f allocations for each request, error %v", n, failed)
			}
		})
	}
}
