package gateway_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"

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
