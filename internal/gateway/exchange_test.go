package gateway_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// keyMechanisms are what an API key logs in with.
var keyMechanisms = map[string]func(id, secret string) sasl.Mechanism{
	"PLAIN":         func(id, secret string) sasl.Mechanism { return plain.Auth{User: id, Pass: secret}.AsMechanism() },
	"SCRAM-SHA-256": func(id, secret string) sasl.Mechanism { return scram.Auth{User: id, Pass: secret}.AsSha256Mechanism() },
	"SCRAM-SHA-512": func(id, secret string) sasl.Mechanism { return scram.Auth{User: id, Pass: secret}.AsSha512Mechanism() },
}

// with is a client that logs in by a mechanism and tries once.
func with(t testing.TB, c *gatewaytest.Cluster, mechanism sasl.Mechanism, more ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.Endpoints.Bootstrap), kgo.SASL(mechanism), kgo.ProducerLinger(0), kgo.RequestRetries(0),
		kgo.Dialer((&tls.Dialer{Config: c.TLS}).DialContext),
	}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestMechanisms(t *testing.T) {
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger})
	tenant := c.Tenant("lkc-aaaaaa")
	key, cloud := c.Admin(tenant), c.Key(tenant, "", "u-1")
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	for name, mechanism := range keyMechanisms {
		t.Run(name, func(t *testing.T) {
			produceOne(t, with(t, c, mechanism(key.ID, key.Secret)), "orders", name)
			for _, bad := range []struct{ user, secret, says string }{
				{key.ID, "wrong", "is not known or was deleted, or its secret is wrong"},
				{"AAAAAAAAAAAAAAAA", key.Secret, "is not known or was deleted, or its secret is wrong"},
				{key.Secret, key.ID, "the user name is not the id of an API key"},
				{cloud.ID, cloud.Secret, "is a Cloud API key, which opens no Kafka connection"},
			} {
				err := with(t, c, mechanism(bad.user, bad.secret)).Ping(testContext(t))
				if err == nil || !strings.Contains(err.Error(), "SASL_AUTHENTICATION_FAILED") || !strings.Contains(err.Error(), bad.says) {
					t.Errorf("%s: %v, want %q", bad.user, err, bad.says)
				}
			}
		})
	}
	for _, secret := range []string{key.Secret, cloud.Secret} {
		if strings.Contains(log.String(), secret) {
			t.Error("a secret was logged")
		}
	}
}

// handshake begins a SASL exchange.
func (r *rawClient) handshake(mechanism string) *kmsg.SASLHandshakeResponse {
	r.t.Helper()
	request := kmsg.NewPtrSASLHandshakeRequest()
	request.Version, request.Mechanism = 1, mechanism
	return r.ask(request).(*kmsg.SASLHandshakeResponse)
}

// authenticate sends one message of it.
func (r *rawClient) authenticate(message string) *kmsg.SASLAuthenticateResponse {
	r.t.Helper()
	request := kmsg.NewPtrSASLAuthenticateRequest()
	request.Version, request.SASLAuthBytes = 2, []byte(message)
	return r.ask(request).(*kmsg.SASLAuthenticateResponse)
}

// salt returns what a gateway tells somebody who claims to be a user: salt and iterations.
func salt(t *testing.T, c *gatewaytest.Cluster, node int, user string) string {
	t.Helper()
	b := c.Endpoints.Brokers[node]
	conn, err := tls.Dial("tcp", net.JoinHostPort(b.Host, fmt.Sprint(b.Port)), c.TLS)
	if err != nil {
		t.Fatal(err)
	}
	r := rawOver(t, conn)
	if response := r.handshake("SCRAM-SHA-256"); response.ErrorCode != 0 {
		t.Fatalf("SaslHandshake: error %d", response.ErrorCode)
	}
	response := r.authenticate("n,,n=" + user + ",r=fyko+d2lbbFgONRv9qkxdawL")
	nonce, rest, ok := strings.Cut(string(response.SASLAuthBytes), ",")
	if response.ErrorCode != 0 || !ok || !strings.HasPrefix(nonce, "r=fyko+d2lbbFgONRv9qkxdawL") {
		t.Fatalf("the first answer to %s is %d %q", user, response.ErrorCode, response.SASLAuthBytes)
	}
	return rest
}

// TestUnknownKeysLookLikeOthers compares what is told about keys that exist with what is told about others: on every
// gateway, and before and after the gateways know another key of the same user.
func TestUnknownKeysLookLikeOthers(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	for _, user := range []string{key.ID, "AAAAAAAAAAAAAAAA", "somebody"} {
		first := salt(t, c, 0, user)
		if again, elsewhere := salt(t, c, 0, user), salt(t, c, 2, user); again != first || elsewhere != first {
			t.Errorf("%s has %q, then %q, and elsewhere %q", user, first, again, elsewhere)
		}
		if len(first) != len("s=AAAAAAAAAAAAAAAAAAAAAA==,i=4096") || !strings.HasSuffix(first, "==,i=4096") {
			t.Errorf("%s has %q", user, first)
		}
	}
	if salt(t, c, 0, "AAAAAAAAAAAAAAAA") == salt(t, c, 0, "AAAAAAAAAAAAAAAB") {
		t.Error("two users have one salt")
	}
}

// TestSCRAMNeedsTheSaltKey: without what makes salts up, SCRAM would tell which keys exist.
func TestSCRAMNeedsTheSaltKey(t *testing.T) {
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger})
	c.PutRaw(tenancy.StateKey(tenancy.StateSaltKey, gatewaytest.PhysicalClusterID), []byte(`{"version":1,"content":{"key":"c2hvcnQ="}}`))
	if r := dialRaw(t, c); r.handshake("SCRAM-SHA-512").ErrorCode != 0 {
		t.Error("a record that is too short took the key away")
	}
	c.Delete(tenancy.StateSaltKey, gatewaytest.PhysicalClusterID)
	r := dialRaw(t, c)
	response := r.handshake("SCRAM-SHA-512")
	if response.ErrorCode != kerr.UnsupportedSaslMechanism.Code || slices.Contains(response.SupportedMechanisms, "SCRAM-SHA-512") || !slices.Contains(response.SupportedMechanisms, "PLAIN") {
		t.Errorf("error %d, mechanisms %v", response.ErrorCode, response.SupportedMechanisms)
	}
	r.expectClosed()
	log.expect(t, `the SASL mechanism \"SCRAM-SHA-512\" is not offered, only PLAIN`)
}

func TestMechanismThatIsNotOffered(t *testing.T) {
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger})
	r := dialRaw(t, c)
	response := r.handshake("GSSAPI")
	if response.ErrorCode != kerr.UnsupportedSaslMechanism.Code || !slices.Contains(response.SupportedMechanisms, "SCRAM-SHA-512") {
		t.Errorf("error %d, mechanisms %v", response.ErrorCode, response.SupportedMechanisms)
	}
	r.expectClosed()
	log.expect(t, `the SASL mechanism \"GSSAPI\" is not offered, only PLAIN, SCRAM-SHA-256, SCRAM-SHA-512`)
}

// TestSCRAMOutOfLine sends what no client sends; each connection ends, with the words that fit.
func TestSCRAMOutOfLine(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	for name, messages := range map[string][]string{
		"nothing":               {""},
		"PLAIN's message":       {"\x00" + key.ID + "\x00" + key.Secret},
		"binary":                {"\xff\xfe"},
		"channel binding":       {"p=tls-unique,,n=" + key.ID + ",r=abc"},
		"as another user":       {"n,a=other,n=" + key.ID + ",r=abc", "c=biws,r=abc,p=AAAA"},
		"too long":              {"n,,n=" + key.ID + ",r=" + strings.Repeat("x", 2000)},
		"no user":               {"n,,r=abc"},
		"a proof of nothing":    {"n,,n=" + key.ID + ",r=abc", "c=biws,r=abc,p="},
		"the first twice":       {"n,,n=" + key.ID + ",r=abc", "n,,n=" + key.ID + ",r=abc"},
		"the server's own word": {"n,,n=" + key.ID + ",r=abc", "v=AAAA"},
	} {
		t.Run(name, func(t *testing.T) {
			r := dialRaw(t, c)
			r.handshake("SCRAM-SHA-512")
			var last *kmsg.SASLAuthenticateResponse
			for _, m := range messages {
				if last = r.authenticate(m); last.ErrorCode != 0 {
					break
				}
			}
			if last.ErrorCode != kerr.SaslAuthenticationFailed.Code || !strings.Contains(*last.ErrorMessage, "malformed") || strings.Contains(*last.ErrorMessage, key.Secret) {
				t.Errorf("error %d %v", last.ErrorCode, last.ErrorMessage)
			}
			r.expectClosed()
		})
	}
	t.Run("another request in between", func(t *testing.T) {
		r := dialRaw(t, c)
		r.handshake("SCRAM-SHA-512")
		r.authenticate("n,,n=" + key.ID + ",r=abc")
		r.send(kmsg.NewPtrApiVersionsRequest())
		r.expectClosed()
	})
}

// TestAuthenticateAgain has franz-go write through several lifetimes of a login on the connections that it has.
func TestAuthenticateAgain(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "logins end in the gateway")
	for name, mechanism := range keyMechanisms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, logger := captureLog()
			registry := prometheus.NewRegistry()
			c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger, Registerer: registry, Limits: gateway.Limits{SessionLifetime: 8 * time.Second}})
			key := c.Admin(c.Tenant("lkc-aaaaaa"))
			createTopic(t, c, "lkc-aaaaaa_orders", 1)
			var opened atomic.Int32
			client := with(t, c, mechanism(key.ID, key.Secret), kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
				opened.Add(1)
				return (&tls.Dialer{Config: c.TLS}).DialContext(ctx, network, address)
			}), kgo.MetadataMaxAge(time.Hour))
			produceOne(t, client, "orders", "first")
			before := opened.Load()
			logins := func() float64 { return metric(t, registry, "orrery_gateway_requests_total", "SASLHandshake") }
			for began := time.Now(); logins() < float64(before)+2 && time.Since(began) < time.Minute; {
				produceOne(t, client, "orders", "more")
			}
			if after := opened.Load(); after != before || strings.Contains(log.String(), "the session is over") {
				t.Errorf("%d connections became %d; the gateway logged\n%s", before, after, log)
			}
			if n := logins(); n < float64(before)+2 {
				t.Errorf("%v logins on %d connections", n, before)
			}
		})
	}
}

// TestSessionsEnd: the answer says when, a request after that ends the connection, and a login then saves it.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	log, logger := captureLog()
	const lifetime = 3 * time.Second // a request that follows a login comes in time
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger, Limits: gateway.Limits{SessionLifetime: lifetime}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	late, saved := dialRaw(t, c), dialRaw(t, c)
	for _, r := range []*rawClient{late, saved} {
		if response := r.logIn(key.ID, key.Secret); response.ErrorCode != 0 || response.SessionLifetimeMillis != lifetime.Milliseconds() {
			t.Fatalf("logging in: %+v", response)
		}
		r.ask(kmsg.NewPtrMetadataRequest())
	}
	over := time.NewTimer(lifetime)
	<-over.C
	if response := saved.logIn(key.ID, key.Secret); response.ErrorCode != 0 || response.SessionLifetimeMillis != lifetime.Milliseconds() {
		t.Errorf("a login after the end: %+v", response)
	}
	saved.ask(kmsg.NewPtrMetadataRequest())
	late.send(kmsg.NewPtrMetadataRequest())
	late.expectClosed()
	log.expect(t, "the session is over, and the client did not authenticate again")
}

func TestAuthenticatingAgainKeepsTheMechanism(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	a, b := c.Tenant("lkc-aaaaaa"), c.Tenant("lkc-bbbbbb")
	key, elsewhere := c.Admin(a), c.Key(b, b.LogicalClusterID, "u-lkc-aaaaaa")
	r := authenticated(t, c, key)
	if response := r.handshake("SCRAM-SHA-512"); response.ErrorCode != 0 {
		t.Fatalf("SaslHandshake: error %d", response.ErrorCode)
	}
	if response := r.authenticate("n,,n=" + key.ID + ",r=abc"); response.ErrorCode != kerr.SaslAuthenticationFailed.Code ||
		!strings.Contains(*response.ErrorMessage, "authenticated with PLAIN cannot do so again with SCRAM-SHA-512") {
		t.Errorf("another mechanism: %+v", response)
	}
	r.expectClosed()
	r = authenticated(t, c, key)
	if response := r.logIn(elsewhere.ID, elsewhere.Secret); response.ErrorCode != kerr.SaslAuthenticationFailed.Code || !strings.Contains(*response.ErrorMessage, "principal or cluster") {
		t.Errorf("another cluster of the same owner: %+v", response)
	}
	r.expectClosed()
}
