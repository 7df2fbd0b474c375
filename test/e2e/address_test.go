package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/proxyprotocol"
)

// from dials from one of this machine's addresses.
func from(address string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: deadline}
}

// TestClientAddress lets a client do something from 127.0.0.2 only, by an ACL, and tries from there and from elsewhere:
// at the bootstrap address, at the broker's own, and by Kafka REST. What is refused is explained and audited with the
// address that it came from, and who says that it comes from 127.0.0.2 is not believed.
func TestClientAddress(t *testing.T) {
	s := start(t, t.TempDir())
	c := s.createCluster("addresses", object{"kind": "Basic"})
	account := s.must(http.StatusCreated, "POST", "/iam/v2/service-accounts", object{"display_name": "at home only"})["id"].(string)
	key := s.createKey(account, c)
	s.cli("api-key", "create", "--resource", "addresses", "--save")
	s.cli("kafka", "topic", "create", "orders")
	if s.maySee(c.bootstrap, key, "127.0.0.3") {
		t.Fatal("somebody may see a topic without any right")
	}
	poll.Until(t, "why to name the address", func() bool { return strings.Contains(s.cli("kafka", "why", "-o", "json"), `"client": "127.0.0.3"`) })
	poll.Until(t, "the audit log to name the address", func() bool {
		audit, err := os.ReadFile(filepath.Join(s.dir, "audit.log"))
		return err == nil && bytes.Contains(audit, []byte(`"client":"127.0.0.3"`))
	})
	s.cli("kafka", "acl", "create", "--allow", "--principal", "User:"+account, "--host", "127.0.0.2", "--operations", "write", "--topic", "orders")
	broker := s.brokerAddress(c, key)
	for _, try := range []struct {
		what string
		do   func(address string) bool
	}{
		{"the bootstrap address", func(address string) bool { return s.maySee(c.bootstrap, key, address) }},
		{"the broker's address", func(address string) bool { return s.maySee(broker, key, address) }},
		{"Kafka REST", func(address string) bool { return s.mayProduceByREST(c, key, address) }},
	} {
		poll.Until(t, "the ACL to be in force at "+try.what, func() bool { return try.do("127.0.0.2") })
		for _, elsewhere := range []string{"127.0.0.1", "127.0.0.3"} {
			if try.do(elsewhere) {
				t.Errorf("what 127.0.0.2 may do at %s, %s may do too", try.what, elsewhere)
			}
		}
	}
	for name, address := range map[string]string{"bootstrap": c.bootstrap, "broker": broker, "REST": strings.TrimPrefix(c.rest, "https://")} {
		if err := s.forge(address, "127.0.0.2"); err == nil {
			t.Errorf("the %s address takes a header of the PROXY protocol from a client", name)
		}
	}
}

// TestLoginLimits sets what `orrery up` allows before a login and for how long one lasts: who fails to log in is kept
// out at the bootstrap address for a while, by the address that it dials from, and nobody else is.
func TestLoginLimits(t *testing.T) {
	s := start(t, t.TempDir(), "--address-exempt", "none", "--address-failures", "1", "--session-lifetime", "1h")
	c := s.createCluster("limits", object{"kind": "Basic"})
	key := s.createKey(s.userID(), c)
	wrong := apiKey{key.id, "guessed"}
	poll.Until(t, "an address that fails to log in to be kept out", func() bool {
		_, err := s.logInFrom(c.bootstrap, wrong, "127.0.0.4")
		if err == nil {
			t.Fatal("a wrong secret logs in")
		}
		return !errors.Is(err, kerr.SaslAuthenticationFailed)
	})
	lifetime, err := s.logInFrom(c.bootstrap, key, "127.0.0.5")
	if err != nil || lifetime != time.Hour {
		t.Errorf("another address is logged in for %s, %v; want 1h", lifetime, err)
	}
}

// logInFrom logs in with PLAIN from one of this machine's addresses, and returns for how long.
func (s *server) logInFrom(target string, key apiKey, address string) (lifetime time.Duration, err error) {
	s.t.Helper()
	dialer := tls.Dialer{NetDialer: from(address), Config: &tls.Config{RootCAs: s.caPool(), MinVersion: tls.VersionTLS12}}
	kafka, err := kgo.NewClient(kgo.SeedBrokers(target), kgo.Dialer(dialer.DialContext), kgo.RequestRetries(0))
	if err != nil {
		s.t.Fatal(err)
	}
	defer kafka.Close()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Mechanism = "PLAIN"
	if _, err := kafka.SeedBrokers()[0].Request(ctx, handshake); err != nil {
		return 0, err
	}
	authenticate := kmsg.NewPtrSASLAuthenticateRequest()
	authenticate.SASLAuthBytes = []byte("\x00" + key.id + "\x00" + key.secret)
	response, err := kafka.SeedBrokers()[0].Request(ctx, authenticate)
	if err != nil {
		return 0, err
	}
	answer := response.(*kmsg.SASLAuthenticateResponse)
	return time.Duration(answer.SessionLifetimeMillis) * time.Millisecond, kerr.ErrorForCode(answer.ErrorCode)
}

// brokerAddress is where Metadata says that the cluster's first broker is.
func (s *server) brokerAddress(c cluster, key apiKey) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	metadata, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, s.kafka(c.bootstrap, key))
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprintf("%s:%d", metadata.Brokers[0].Host, metadata.Brokers[0].Port)
}

// maySee reports whether a client that dials from an address may see the topic orders, at the address that it dials
// and at no other one.
func (s *server) maySee(target string, key apiKey, address string) bool {
	s.t.Helper()
	dialer := tls.Dialer{NetDialer: from(address), Config: &tls.Config{RootCAs: s.caPool(), MinVersion: tls.VersionTLS12}}
	kafka := s.kafka(target, key, kgo.DialTLSConfig(nil), kgo.Dialer(dialer.DialContext), kgo.RequestRetries(0))
	defer kafka.Close()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	request := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr("orders")
	request.Topics = append(request.Topics, topic)
	response, err := kafka.SeedBrokers()[0].Request(ctx, request)
	if err != nil {
		s.t.Fatalf("from %s at %s: %v", address, target, err)
	}
	switch code := response.(*kmsg.MetadataResponse).Topics[0].ErrorCode; code {
	case 0:
		return true
	case kerr.TopicAuthorizationFailed.Code:
		return false
	default:
		s.t.Fatalf("from %s at %s: error %d", address, target, code)
		return false
	}
}

// mayProduceByREST reports whether a client that dials from an address may write to the topic orders.
func (s *server) mayProduceByREST(c cluster, key apiKey, address string) bool {
	s.t.Helper()
	transport := &http.Transport{DialContext: from(address).DialContext, TLSClientConfig: &tls.Config{RootCAs: s.caPool(), MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequest("POST", c.rest+"/kafka/v3/clusters/"+c.id+"/topics/orders/records", strings.NewReader(`{"value":{"type":"STRING","data":"x"}}`))
	if err != nil {
		s.t.Fatal(err)
	}
	request.SetBasicAuth(key.id, key.secret)
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Transport: transport, Timeout: deadline}).Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	switch text := string(answer); {
	case err == nil && strings.Contains(text, `"error_code":200`):
		return true
	case err == nil && strings.Contains(text, `"error_code":403`):
		return false
	default:
		s.t.Fatalf("from %s by REST: %d %s (%v)", address, response.StatusCode, text, err)
		return false
	}
}

// forge says in a header of the PROXY protocol that it comes from an address, and returns how TLS begins after that.
func (s *server) forge(target, address string) error {
	s.t.Helper()
	conn, err := net.Dial("tcp", target)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(deadline))
	claim := proxyprotocol.Header{Source: netip.AddrPortFrom(netip.MustParseAddr(address), 5555), Destination: netip.MustParseAddrPort(target)}
	if _, err := conn.Write(claim.Append(nil)); err != nil {
		s.t.Fatal(err)
	}
	return tls.Client(conn, &tls.Config{RootCAs: s.caPool(), ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}).Handshake()
}
