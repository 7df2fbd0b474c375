package gateway_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/proxyprotocol"
)

// nobody is who has no limits by address.
var nobody = []netip.Prefix{}

// dialFrom connects from one of this host's addresses.
func dialFrom(t testing.TB, c *gatewaytest.Cluster, address string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: patience}
	conn, err := dialer.Dial("tcp", c.Endpoints.Bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// rawFrom is dialRaw from one of this host's addresses.
func rawFrom(t testing.TB, c *gatewaytest.Cluster, address string) *rawClient {
	t.Helper()
	return rawOver(t, tls.Client(dialFrom(t, c, address), c.TLS))
}

// TestHalfOpenConnections holds 5,000 connections open that never log in, from one address and from many, in every way
// that a client can dawdle. What the gateway holds of them is bounded, and somebody else logs in and writes meanwhile.
func TestHalfOpenConnections(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "logins end in the gateway")
	for name, address := range map[string]func(i int) string{
		"one address":    func(int) string { return "127.0.0.2" },
		"many addresses": func(i int) string { return fmt.Sprintf("127.0.1.%d", 1+i%250) },
	} {
		t.Run(name, func(t *testing.T) {
			const half, unauthenticated = 5000, 1000
			registry := prometheus.NewRegistry()
			c := gatewaytest.Start(t, gatewaytest.Options{Registerer: registry, ExemptAddresses: nobody, Limits: gateway.Limits{Unauthenticated: unauthenticated}})
			tenant := c.Tenant("lkc-aaaaaa")
			key := c.Admin(tenant)
			createTopic(t, c, "lkc-aaaaaa_orders", 1)
			open := c.Client(key) // it has logged in before them
			produceOne(t, open, "orders", "before")
			before := heap()
			stop := make(chan struct{})
			var writing sync.WaitGroup
			writing.Go(func() { logInMeanwhile(t, c, key, stop) })
			for i := range half {
				dawdle(t, c, address(i), i)
			}
			close(stop)
			writing.Wait()
			held := func() float64 { return metric(t, registry, "orrery_gateway_connections", "") }
			eventually(t, func() string {
				if n := held(); n > unauthenticated+50 {
					return fmt.Sprintf("the gateway holds %v connections", n)
				}
				return ""
			})
			produceOne(t, open, "orders", "during")
			produceOne(t, c.Client(key), "orders", "by a new client")
			// Both ends are in this process: a client's is a few hundred bytes here, the gateway's some KiB.
			if grown := int64(heap()) - int64(before); grown > 64<<20 {
				t.Errorf("%d MiB for %v connections", grown>>20, held())
			}
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// dawdle opens a connection and leaves it in one of the states that a client can leave it in. It may be refused.
func dawdle(t testing.TB, c *gatewaytest.Cluster, address string, i int) {
	t.Helper()
	conn := dialFrom(t, c, address)
	beginning := []string{"", "\x16", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x16\x03\x01\x00\x05hello", strings.Repeat("\x16", 300)}[i%5]
	io.WriteString(conn, beginning) // an error is a refusal
}

// logInMeanwhile has one new client after the other write a record, from an address of its own, at least one.
func logInMeanwhile(t *testing.T, c *gatewaytest.Cluster, key gatewaytest.Key, stop <-chan struct{}) {
	pace := time.NewTicker(50 * time.Millisecond) // which leaves the address its attempts
	defer pace.Stop()
	for logins := 0; ; logins++ {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		client, err := kgo.NewClient(append(c.ClientOptions(key), kgo.RequestRetries(2))...)
		if err == nil {
			err = client.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("meanwhile")}).FirstErr()
			client.Close()
		}
		cancel()
		if err != nil {
			t.Errorf("a good client after %d others: %v", logins, err)
			return
		}
		select {
		case <-stop:
			return
		case <-pace.C:
		}
	}
}

// TestFailedLoginsOfAnAddress: who fails too often does not get as far as TLS for a while, and nobody else suffers.
func TestFailedLoginsOfAnAddress(t *testing.T) {
	log, logger := captureLog()
	const limit = 5
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger, ExemptAddresses: nobody, Limits: gateway.Limits{AddressFailures: limit}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	refused, let := 0, 0
	for refused < limit && let < 10*limit { // some come back while a slow machine fails
		r := rawFrom(t, c, "127.0.0.2")
		if r.conn.(*tls.Conn).Handshake() != nil {
			refused++
			continue
		}
		if response := r.logIn(key.ID, "wrong"); response.ErrorCode != kerr.SaslAuthenticationFailed.Code {
			t.Fatalf("a wrong secret: error %d", response.ErrorCode)
		}
		r.expectClosed()
		let++
	}
	if refused < limit || let < limit {
		t.Errorf("%d logins failed, and %d were refused before TLS", let, refused)
	}
	if response := rawFrom(t, c, "127.0.0.3").logIn(key.ID, key.Secret); response.ErrorCode != 0 {
		t.Errorf("another address: error %d", response.ErrorCode)
	}
	log.expect(t, "its address failed to log in too often")
	if n := strings.Count(log.String(), "too often"); n != 1 {
		t.Errorf("it was logged %d times", n)
	}
}

// TestFailedLoginsOfAnAddressByREST: failures of Kafka REST and of the Kafka protocol are counted together, and with too
// many of them not even a right key is looked at.
func TestFailedLoginsOfAnAddressByREST(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "logins end in the gateway")
	const limit = 5
	c := gatewaytest.Start(t, gatewaytest.Options{ExemptAddresses: nobody, Limits: gateway.Limits{AddressFailures: limit}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	hostile, other := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")
	logIn := func(address netip.Addr, secret string) orrery.Code {
		_, err := c.Gateways[0].Authenticate(address, key.ID, secret, "")
		return orrery.ErrorCode(err)
	}
	failed := 0
	for ; logIn(hostile, "wrong") == orrery.Unauthenticated; failed++ {
		if failed > 10*limit {
			t.Fatalf("%d logins failed, and nothing stops them", failed)
		}
	}
	if failed < limit {
		t.Errorf("stopped after %d failures", failed)
	}
	// A tenth of the limit comes back each second, so of these, which take no time, at most a few are looked at.
	refused := 0
	for range 4 * limit {
		if logIn(hostile, "wrong") == orrery.TooManyRequests {
			refused++
		}
	}
	if refused < limit {
		t.Errorf("%d of %d were refused unseen", refused, 4*limit)
	}
	if code := logIn(other, key.Secret); code != "" {
		t.Errorf("another address: %s", code)
	}
	for range 4 * limit {
		if r := rawFrom(t, c, "127.0.0.2"); r.conn.(*tls.Conn).Handshake() != nil {
			return // as with the Kafka protocol
		} else if logIn(hostile, "wrong") == "" {
			t.Fatal("a wrong secret is right")
		}
	}
	t.Error("the Kafka protocol lets the address in")
}

// TestAttemptsOfAnAddress: connections are counted whether they log in or not, unless the address is exempt.
func TestAttemptsOfAnAddress(t *testing.T) {
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{
		Logger: logger, Limits: gateway.Limits{AddressAttempts: 5}, ExemptAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.3/32")},
	})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	served := map[string]int{}
	for address := range map[string]bool{"127.0.0.2": true, "127.0.0.3": true} {
		for range 20 {
			if r := rawFrom(t, c, address); r.conn.(*tls.Conn).Handshake() == nil && r.logIn(key.ID, key.Secret).ErrorCode == 0 {
				served[address]++
			}
		}
	}
	if served["127.0.0.3"] != 20 || served["127.0.0.2"] < 5 || served["127.0.0.2"] > 15 {
		t.Errorf("%v were served of 20", served)
	}
	log.expect(t, "its address connects too often")
}

// TestClientsBehindAProxy: a trusted proxy must say where the client is, and nobody else can.
func TestClientsBehindAProxy(t *testing.T) {
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	header := proxyprotocol.Header{Source: netip.MustParseAddrPort("192.0.2.7:1234"), Destination: netip.MustParseAddrPort("192.0.2.1:9092")}.Append(nil)
	through := func(address string, preamble []byte) *rawClient {
		conn := dialFrom(t, c, address)
		if _, err := conn.Write(preamble); err != nil {
			t.Fatal(err)
		}
		return rawOver(t, tls.Client(conn, c.TLS))
	}
	if response := through("127.0.0.9", header).logIn(key.ID, key.Secret); response.ErrorCode != 0 {
		t.Errorf("through the proxy: error %d", response.ErrorCode)
	}
	through("127.0.0.9", header).logIn(key.ID, "wrong")
	log.expect(t, "client=192.0.2.7")
	if response := through("127.0.0.9", proxyprotocol.Header{}.Append(nil)).logIn(key.ID, key.Secret); response.ErrorCode != 0 { // LOCAL: the proxy itself
		t.Errorf("the proxy itself: error %d", response.ErrorCode)
	}
	if err := through("127.0.0.9", nil).conn.(*tls.Conn).Handshake(); err == nil {
		t.Error("a proxy that does not say where the client is gets as far as TLS")
	}
	log.expect(t, "a trusted proxy must say where the client is")
	if err := through("127.0.0.2", header).conn.(*tls.Conn).Handshake(); err == nil {
		t.Error("a header of somebody else is taken")
	}
	log.expect(t, "a client without TLS")
}
