package gateway_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

var sizes = []int{1 << 10, 64 << 10, 900 << 10}

// BenchmarkProduce is one Produce request at a time through TLS, the gateway and the engine.
func BenchmarkProduce(b *testing.B) {
	c := gatewaytest.Start(b, gatewaytest.Options{Embedded: []kfake.Opt{kfake.DataDir(b.TempDir())}})
	r := authenticated(b, c, c.Admin(c.Tenant("lkc-aaaaaa")))
	createTopic(b, c, "lkc-aaaaaa_orders", 1)
	for _, size := range sizes {
		request := produceRequest(9, -1, "orders", batch(string(make([]byte, size)), -1, false))
		b.Run(fmt.Sprint(size>>10, "KiB"), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				r.ask(request)
			}
		})
	}
}

// BenchmarkFetch is one Fetch request at a time, of records that are there.
func BenchmarkFetch(b *testing.B) {
	c := gatewaytest.Start(b, gatewaytest.Options{})
	r := authenticated(b, c, c.Admin(c.Tenant("lkc-aaaaaa")))
	for _, size := range sizes {
		b.Run(fmt.Sprint(size>>10, "KiB"), func(b *testing.B) {
			topic := fmt.Sprint("lkc-aaaaaa_orders-", size, "-", b.N)
			createTopic(b, c, topic, 1)
			topic = topic[len("lkc-aaaaaa_"):]
			r.ask(produceRequest(9, -1, topic, batch(string(make([]byte, size)), -1, false)))
			request := fetchRequest(12, 0, -1)
			request.Topics[0].Topic = topic
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if got := r.ask(request).(*kmsg.FetchResponse); len(got.Topics[0].Partitions[0].RecordBatches) < size {
					b.Fatalf("%d bytes", len(got.Topics[0].Partitions[0].RecordBatches))
				}
			}
		})
	}
}

// BenchmarkConnect is a new client: TLS, SASL and one request.
func BenchmarkConnect(b *testing.B) {
	c := gatewaytest.Start(b, gatewaytest.Options{Limits: gateway.Limits{Connections: 1 << 20}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	b.ReportAllocs()
	for b.Loop() {
		r := authenticated(b, c, key)
		r.ask(kmsg.NewPtrMetadataRequest())
		r.conn.Close()
	}
}
