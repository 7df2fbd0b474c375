package gateway_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// upstreams keeps the gateway's connections to its broker, to break them.
type upstreams struct {
	mu    sync.Mutex
	conns []net.Conn
	fail  bool
}

func (u *upstreams) hook(dial func(context.Context, int32) (net.Conn, error)) func(context.Context, int32) (net.Conn, error) {
	return func(ctx context.Context, node int32) (net.Conn, error) {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.fail {
			return nil, fmt.Errorf("no way to broker %d", node)
		}
		conn, err := dial(ctx, node)
		if err == nil {
			u.conns = append(u.conns, conn)
		}
		return conn, err
	}
}

func (u *upstreams) closeAll() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, conn := range u.conns {
		conn.Close()
	}
	return len(u.conns)
}

func TestLostBrokerEndsTheClientsConnection(t *testing.T) {
	var u upstreams
	c := gatewaytest.Start(t, gatewaytest.Options{Dial: u.hook})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	idle, busy := authenticated(t, c, key), authenticated(t, c, key)
	if n := u.closeAll(); n != 0 {
		t.Errorf("%d connections to the broker before a request needed one", n)
	}
	idle.ask(kmsg.NewPtrMetadataRequest())
	busy.ask(kmsg.NewPtrMetadataRequest())
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	waiting := fetchRequest(12, 0, -1)
	waiting.MaxWaitMillis = 60_000
	busy.send(waiting)
	if n := u.closeAll(); n != 2 {
		t.Errorf("%d connections to the broker for two clients", n)
	}
	idle.expectClosed()
	busy.expectClosed()
	// Clients come back by themselves.
	produceOne(t, c.Client(key), "orders", "after the loss")
	u.mu.Lock()
	u.fail = true
	u.mu.Unlock()
	r := authenticated(t, c, key)
	r.send(kmsg.NewPtrMetadataRequest())
	r.expectClosed()
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	t.Run("gateways and clients", func(t *testing.T) {
		c := gatewaytest.Start(t, gatewaytest.Options{})
		key := c.Admin(c.Tenant("lkc-aaaaaa"))
		createTopic(t, c, "lkc-aaaaaa_orders", 1)
		produceOne(t, c.Client(key), "orders", "x")
		fetching := authenticated(t, c, key)
		request := fetchRequest(12, 0, -1)
		request.MaxWaitMillis = 60_000
		request.Topics[0].Partitions[0].FetchOffset = 1
		fetching.send(request)
		unauthenticated := dialRaw(t, c)
		silent, err := net.Dial("tcp", c.Endpoints.Bootstrap)
		if err != nil {
			t.Fatal(err)
		}
		identity, err := c.Gateways[0].Authenticate(netip.Addr{}, key.ID, key.Secret, "lkc-aaaaaa")
		if err != nil {
			t.Fatal(err)
		}
		near, err := c.Gateways[0].Connect(testContext(t), gateway.Caller{Identity: identity}, 0)
		if err != nil {
			t.Fatal(err)
		}
		inside := rawOver(t, near)
		inside.ask(kmsg.NewPtrMetadataRequest())
		for _, g := range c.Gateways {
			if err := g.Close(); err != nil {
				t.Error(err)
			}
			if err := g.Close(); err != nil {
				t.Error("closing again:", err)
			}
		}
		fetching.expectClosed()
		unauthenticated.expectClosed()
		inside.expectClosed()
		rawOver(t, silent).expectClosed()
		if _, err := c.Gateways[0].Connect(testContext(t), gateway.Caller{Identity: identity}, 0); err == nil {
			t.Error("a closed gateway takes connections")
		}
	})
	stacks := make([]byte, 1<<20)
	eventually(t, func() string {
		left := string(stacks[:runtime.Stack(stacks, true)])
		if strings.Contains(left, "internal/gateway.") {
			return "goroutines are left:\n" + left
		}
		return ""
	})
}

func TestLeaseIsRenewedAndReleased(t *testing.T) {
	t.Parallel()
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 2})
	first, changed := c.Leases()
	wait := func(what string, until func(map[int32]tenancy.GatewayRecord) bool) map[int32]tenancy.GatewayRecord {
		t.Helper()
		deadline := time.After(patience)
		for {
			var records map[int32]tenancy.GatewayRecord
			if records, changed = c.Leases(); until(records) {
				return records
			}
			select {
			case <-changed:
			case <-deadline:
				t.Fatalf("%s: the records are %+v", what, records)
			}
		}
	}
	if len(first) != len(c.Gateways) || first[0].Incarnation == "" || first[0].Incarnation == first[1].Incarnation {
		t.Errorf("the records are %+v", first)
	}
	wait("waiting for renewals", func(records map[int32]tenancy.GatewayRecord) bool {
		return records[0].RenewedAt.After(first[0].RenewedAt.Add(time.Second)) && records[1].RenewedAt.After(first[1].RenewedAt.Add(time.Second))
	})
	c.Gateways[1].Close()
	records := wait("waiting for the release", func(records map[int32]tenancy.GatewayRecord) bool { return records[1].Released })
	if records[0].Released || !records[0].Live(time.Now()) || records[1].Live(time.Now()) {
		t.Errorf("the records are %+v", records)
	}
}

func TestMalformedStateKeepsWhatWas(t *testing.T) {
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger})
	tenant := c.Tenant("lkc-aaaaaa")
	key := c.Admin(tenant)
	r := authenticated(t, c, key)
	for _, record := range []struct{ key, value string }{
		{"credential/" + key.ID, "{"},
		{"credential/" + key.ID, `{"version":1,"content":{"api_key_id":"` + key.ID + `"}}`},
		{"tenant/lkc-aaaaaa", `{"version":1,"content":[]}`},
		{"tenant/lkc-aaaaaa", `{"version":1}`},
		{"binding/rb-lkc-aaaaaa", `{"version":1,"content":{"crn_pattern":"nonsense"}}`},
		{"endpoints/pkc-test00", `{"version":1,"content":7}`},
		{"nonsense", "x"},
		{"something/new", `{"version":9,"content":{"of":"a newer version"}}`},
	} {
		c.PutRaw(record.key, []byte(record.value))
	}
	request := kmsg.NewPtrMetadataRequest()
	if n := len(r.ask(request).(*kmsg.MetadataResponse).Brokers); n != 1 {
		t.Errorf("%d brokers", n)
	}
	authenticated(t, c, key)
	if n := strings.Count(log.String(), "ignoring a malformed state record"); n != 7 {
		t.Errorf("%d records were called malformed, want 7:\n%s", n, log)
	}
	c.PutRaw("credential/"+key.ID, nil) // a tombstone is a deletion
	r.expectClosed()
}

func TestNewGatewayKnowsItsStateBeforeItServes(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	tenant := c.Tenant("lkc-aaaaaa")
	var keys []gatewaytest.Key
	for i := range 50 {
		keys = append(keys, c.Key(tenant, tenant.LogicalClusterID, fmt.Sprint("sa-", i)))
	}
	g, err := gateway.New(gateway.Config{
		PhysicalClusterID: gatewaytest.PhysicalClusterID, Node: 7, TLS: &tls.Config{},
		DialBroker: func(context.Context, int32) (net.Conn, error) { return nil, net.ErrClosed },
		Control:    c.Control(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Authenticate(netip.Addr{}, keys[0].ID, keys[0].Secret, "lkc-aaaaaa"); orrery.ErrorCode(err) != orrery.Unavailable {
		t.Errorf("before it is ready: %v", err)
	}
	ctx, cancel := context.WithCancel(testContext(t))
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	<-g.Ready()
	for _, key := range keys {
		if _, err := g.Authenticate(netip.Addr{}, key.ID, key.Secret, "lkc-aaaaaa"); err != nil {
			t.Error(err)
		}
	}
	if records, _ := c.Leases(); len(g.Endpoints().Brokers) != 1 || len(records) == 0 {
		t.Errorf("endpoints %+v, leases %+v", g.Endpoints(), records)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestConnectionInsideTheProcess(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 2})
	tenant := c.Tenant("lkc-aaaaaa")
	key := c.Admin(tenant)
	createTopic(t, c, "lkc-aaaaaa_orders", 4)
	g := c.Gateways[0]
	identity, err := g.Authenticate(netip.Addr{}, key.ID, key.Secret, "lkc-aaaaaa")
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(c.Endpoints.Bootstrap), kgo.ConsumeTopics("orders"), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.Dialer(func(ctx context.Context, _, address string) (net.Conn, error) {
			for _, b := range g.Endpoints().Brokers {
				if address == fmt.Sprintf("%s:%d", b.Host, b.Port) {
					return g.Connect(ctx, gateway.Caller{Identity: identity}, b.Node)
				}
			}
			return nil, fmt.Errorf("no broker at %s", address)
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for i := range 20 {
		produceOne(t, client, "orders", fmt.Sprint(i))
	}
	if n := len(consume(t, client, 20)); n != 20 {
		t.Errorf("%d records", n)
	}
	near, err := g.Connect(testContext(t), gateway.Caller{Identity: identity}, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := rawOver(t, near)
	r.ask(kmsg.NewPtrMetadataRequest())
	c.Delete(tenancy.StateCredential, key.ID)
	r.expectClosed()
	if _, err := g.Connect(testContext(t), gateway.Caller{Identity: identity}, 0); orrery.ErrorCode(err) != orrery.Unauthenticated {
		t.Errorf("with a deleted key: %v", err)
	}
}

func TestConnectionLimit(t *testing.T) {
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger, Limits: gateway.Limits{Connections: 2}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	first, _ := authenticated(t, c, key), authenticated(t, c, key)
	if conn, err := tls.Dial("tcp", c.Endpoints.Bootstrap, c.TLS); err == nil {
		conn.Close()
		t.Error("a third client is served")
	}
	log.expect(t, "the gateway has as many as it may")
	first.conn.Close()
	poll.Until(t, "the place of a client that left", func() bool {
		conn, err := tls.Dial("tcp", c.Endpoints.Bootstrap, c.TLS)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// Requests that together are larger than the budget wait for each other and all get through.
func TestLargeRequestsShareABudget(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Limits: gateway.Limits{BufferedBytes: 1 << 20}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	produceOne(t, c.Client(key), "orders", "until the broker leads it")
	large := batch(strings.Repeat("x", 3<<20), -1, false)
	var clients sync.WaitGroup
	for range 4 {
		r := authenticated(t, c, key)
		clients.Go(func() {
			r.send(produceRequest(9, -1, "orders", large))
			_, response := r.receive(produceRequest(9, -1, "orders", nil))
			if code := response.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode; code != kerr.MessageTooLarge.Code {
				t.Errorf("error %d, want the broker's MESSAGE_TOO_LARGE", code)
			}
		})
	}
	clients.Wait()
}

func TestNewTopicIsKnownByItsIDAtEveryGateway(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	admin := kadm.NewClient(c.Client(key))
	producer := c.Client(key)
	for i := range 10 {
		topic := fmt.Sprint("orders-", i)
		if _, err := admin.CreateTopic(testContext(t), 3, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
		for range 6 {
			produceOne(t, producer, topic, "x")
		}
	}
	ends, err := admin.ListEndOffsets(testContext(t))
	total := int64(0)
	ends.Each(func(o kadm.ListedOffset) { total += o.Offset })
	if err != nil || total != 60 {
		t.Errorf("%d records, want 60; %v", total, err)
	}
}
