package gateway_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
)

// TestLogin logs in to a broker with the right password and with a wrong one.
func TestLogin(t *testing.T) {
	var address string
	right := gateway.Login{User: "tenants", Password: "tenants-secret"}
	if c := gatewaytest.Start(t, gatewaytest.Options{}); c.Kafka.Engine == kafkatest.Apache {
		address = c.Kafka.Brokers[0].LoginAddress
	} else {
		engine, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.User("PLAIN", right.User, right.Password))
		if err != nil {
			t.Fatal(err)
		}
		defer engine.Close()
		address = engine.ListenAddrs()[0]
	}
	dial := func(ctx context.Context, _ int32) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	conn, err := right.DialBroker(dial)(testContext(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	_, err = gateway.Login{User: "tenants", Password: "a wrong one"}.DialBroker(dial)(testContext(t), 0)
	if err == nil || !strings.Contains(err.Error(), `logging in to the broker as "tenants"`) || strings.Contains(err.Error(), "a wrong one") {
		t.Errorf("a wrong password: %v", err)
	}
}

// TestLoginThatGoesWrong gives the gateway's login what no broker answers.
func TestLoginThatGoesWrong(t *testing.T) {
	frame := func(body ...byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	}
	for name, test := range map[string]struct {
		answer []byte
		says   string
	}{
		"nothing":              {nil, "waiting for the response to SASLHandshake"},
		"a TLS alert":          {[]byte{0x15, 3, 3, 0, 2, 2, 70}, "SASL and without TLS"},
		"half a response":      {frame(0, 0, 0, 1, 0)[:6], "reading the response"},
		"another's response":   {frame(0, 0, 0, 9, 0, 0, 0, 0, 0, 0), "is number 9 instead of 1"},
		"a response cut short": {frame(0, 0, 0, 1, 0), "decoding the response"},
		"another mechanism":    {frame(0, 0, 0, 1, 0, 33, 0, 0, 0, 1, 0, 6, 'G', 'S', 'S', 'A', 'P', 'I'), "GSSAPI"},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			go func() {
				var request [64]byte
				far.Read(request[:])
				far.Write(test.answer)
				far.Close()
			}()
			login := gateway.Login{User: "tenants", Password: "secret"}
			_, err := login.Dial(func(context.Context, string, string) (net.Conn, error) { return near, nil })(testContext(t), "tcp", "broker")
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
			if _, err := near.Write([]byte{0}); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("the connection is not closed: %v", err)
			}
			if name == "another mechanism" && !errors.Is(err, kerr.UnsupportedSaslMechanism) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("silence", func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		login := gateway.Login{User: "tenants", Password: "secret"}
		if _, err := login.Dial(func(context.Context, string, string) (net.Conn, error) { return near, nil })(ctx, "tcp", "broker"); err == nil {
			t.Error("logged in to who says nothing")
		}
	})
}

// TestLoginsEnd writes and reads without a break through a broker that closes a connection whose login is over. A
// connection without the gateway's care is closed, so it is the broker that is seen to.
func TestLoginsEnd(t *testing.T) {
	gatewaytest.ApacheOnly(t, "the embedded engine's logins do not end")
	complaint := ""
	for _, lifetime := range []time.Duration{2 * time.Second, 10 * time.Second} { // on a busy machine what was sent shortly before the end may come late
		if complaint = writeThroughLogins(t, lifetime); complaint == "" {
			return
		}
		t.Logf("with a lifetime of %s: %s", lifetime, complaint)
	}
	t.Error(complaint)
}

// writeThroughLogins writes and reads for two lifetimes of a login and a half, and says what went wrong.
func writeThroughLogins(t *testing.T, lifetime time.Duration) (complaint string) {
	t.Helper()
	user := kafkatest.User{Name: "tenants", Password: "tenants-secret", ACLs: []kafkatest.ACL{
		{Resource: kmsg.ACLResourceTypeTopic, Name: "lkc-", Prefixed: true, Operations: []kmsg.ACLOperation{kmsg.ACLOperationAll}},
	}}
	kafka := kafkatest.StartApache(t, kafkatest.Options{
		HeapMiB: 192, Users: []kafkatest.User{user}, Config: map[string]string{"connections.max.reauth.ms": fmt.Sprint(lifetime.Milliseconds())},
	})
	if _, err := kafka.Admin(t).CreateTopic(testContext(t), 1, 1, nil, "lkc-aaaaaa_orders"); err != nil {
		t.Fatal(err)
	}
	var opened atomic.Int32
	plain := func(ctx context.Context, network, address string) (net.Conn, error) {
		opened.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Brokers[0].LoginAddress), kgo.DefaultProduceTopic("lkc-aaaaaa_orders"), kgo.ProducerLinger(0),
		kgo.ConsumeTopics("lkc-aaaaaa_orders"), kgo.FetchMaxWait(100*time.Millisecond), kgo.MetadataMaxAge(time.Hour),
		kgo.Dialer(gateway.Login{User: user.Name, Password: user.Password}.Dial(plain)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	exchange := func() {
		t.Helper()
		if err := client.ProduceSync(testContext(t), kgo.StringRecord("x")).FirstErr(); err != nil {
			t.Fatal(err)
		}
		for read := 0; read == 0; {
			fetches := client.PollFetches(testContext(t))
			if err := fetches.Err(); err != nil {
				t.Fatal(err)
			}
			read = fetches.NumRecords()
		}
	}
	exchange()
	before := opened.Load()
	for began := time.Now(); time.Since(began) < lifetime*5/2; {
		exchange()
	}
	after := opened.Load()
	expectOneLogin(t, kafka, user)
	if after != before {
		return fmt.Sprintf("%d connections became %d: the broker closed some", before, after)
	}
	return ""
}

// expectOneLogin sees that the broker closes a connection that does not log in again.
func expectOneLogin(t *testing.T, kafka *kafkatest.Cluster, user kafkatest.User) {
	t.Helper()
	conn, err := net.Dial("tcp", kafka.Brokers[0].LoginAddress)
	if err != nil {
		t.Fatal(err)
	}
	r := rawOver(t, conn)
	if response := r.logIn(user.Name, user.Password); response.ErrorCode != 0 || response.SessionLifetimeMillis == 0 {
		t.Fatalf("logging in: %+v", response)
	}
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Version, metadata.Topics = 9, []kmsg.MetadataRequestTopic{}
	eventually(t, func() string {
		if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, metadata, 1)); err != nil {
			return ""
		}
		var b [1]byte
		conn.SetReadDeadline(time.Now().Add(time.Second))
		for {
			switch n, err := conn.Read(b[:]); {
			case errors.Is(err, os.ErrDeadlineExceeded):
				return "the broker goes on"
			case n == 0 && err != nil:
				return ""
			}
		}
	})
}
