package gateway_test

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// A broker that stands still costs its clients their connections in the end: one that writes more than the broker
// takes, and one that has asked as much as it may.
func TestBrokerThatStandsStill(t *testing.T) {
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{Own: true, Logger: logger, Limits: gateway.Limits{
		StallTimeout: time.Second, IdleTimeout: 4 * time.Second, InFlight: 400,
	}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	writer, asker := authenticated(t, c, key), authenticated(t, c, key)
	for _, r := range []*rawClient{writer, asker} {
		r.ask(kmsg.NewPtrMetadataRequest()) // the way to the broker is open
	}
	if err := c.Kafka.Brokers[0].Pause(); err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	// More than the kernel holds for who does not read it, and more than the gateway does for who is not answered.
	clients.Go(func() { writer.writeUntilClosed(t, strings.Repeat("x", 400<<10), 400) })
	clients.Go(func() { asker.writeUntilClosed(t, "x", 401) })
	clients.Wait()
	log.expect(t, "writing to the broker")
	log.expect(t, "answered none of the client's requests in time")
	if err := c.Kafka.Brokers[0].Resume(); err != nil {
		t.Fatal(err)
	}
	produceOne(t, c.Client(key), "orders", "after it stood still")
}

// writeUntilClosed produces a record at most so many times, and fails the test unless the connection is closed then or
// before.
func (r *rawClient) writeUntilClosed(t *testing.T, value string, times int) {
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, produceRequest(9, -1, "orders", batch(value, -1, false)), 1)
	r.conn.SetDeadline(time.Now().Add(time.Minute))
	for range times {
		if _, err := r.conn.Write(frame); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the client waits for ever: %v", err)
			}
			return
		}
	}
	if _, err := r.conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client waits for ever: %v", err)
	}
}

// Large requests that a tenant's clients send slowly hold up its own, and nobody else's.
func TestLargeRequestsOfOneTenantLeaveRoom(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Limits: gateway.Limits{BufferedBytes: 8 << 20}})
	slow, other := c.Admin(c.Tenant("lkc-aaaaaa")), c.Admin(c.Tenant("lkc-bbbbbb"))
	for id, key := range map[string]gatewaytest.Key{"lkc-aaaaaa": slow, "lkc-bbbbbb": other} {
		createTopic(t, c, id+"_orders", 1)
		produceOne(t, c.Client(key), "orders", "until the broker leads it")
	}
	large := produceRequest(9, -1, "orders", batch(strings.Repeat("x", 900<<10), -1, false))
	var waiting []*rawClient
	var rest [][]byte
	for range 12 { // together more than the budget
		r := authenticated(t, c, slow)
		frame := kmsg.NewRequestFormatter().AppendRequest(nil, large, 1)
		r.write(frame[:1<<10])
		waiting, rest = append(waiting, r), append(rest, frame[1<<10:])
	}
	quick := authenticated(t, c, other)
	for range 20 {
		if code := quick.ask(large).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode; code != 0 {
			t.Fatalf("the other tenant: error %d", code)
		}
	}
	for i, r := range waiting {
		r.write(rest[i])
	}
	for _, r := range waiting {
		r.receive(large)
	}
}
