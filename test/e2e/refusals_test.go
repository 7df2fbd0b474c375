package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/orrery-kafka/orrery/internal/poll"
)

// TestRefusals makes the mistakes that newcomers and attackers make, against one server, and checks after each
// that a well-behaved client still works.
func TestRefusals(t *testing.T) {
	s := start(t, t.TempDir())
	c := s.createCluster("refusals", object{"kind": "Basic"})
	other := s.createCluster("other", object{"kind": "Basic"})
	user := s.userID()
	key, otherKey := s.createKey(user, c), s.createKey(user, other)
	if err := firstRecord(s, c, key, true); err != nil {
		t.Fatal(err)
	}
	for name, refusal := range map[string]func(t *testing.T, s *server, c cluster, key apiKey){
		"wrong secret":         refuseWrongSecret,
		"key of another":       func(t *testing.T, s *server, c cluster, _ apiKey) { refuseForeignKey(t, s, c, otherKey) },
		"deleted key":          refuseDeletedKey,
		"key without rights":   refuseWithoutRights,
		"SCRAM":                refuseSCRAM,
		"unknown mechanism":    refuseMechanism,
		"without TLS":          refusePlaintext,
		"without the CA":       refuseUnknownCA,
		"garbage":              refuseGarbage,
		"huge frame":           refuseHugeFrame,
		"bad API requests":     refuseBadRequests,
		"deletion protection":  refuseProtectedDeletion,
		"API without identity": refuseNobody,
	} {
		t.Run(name, func(t *testing.T) {
			refusal(t, s, c, key)
			if err := firstRecord(s, c, key, false); err != nil {
				t.Errorf("afterwards a good client fails: %v", err)
			}
		})
	}
	if strings.Contains(s.output.String(), key.secret) {
		t.Error("a secret is in the log")
	}
}

// attempt pings with a client that has one try.
func attempt(s *server, c cluster, key apiKey, options ...kgo.Opt) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	kafka := s.kafka(c.bootstrap, key, append(options, kgo.RequestRetries(0), kgo.RetryTimeout(time.Second))...)
	defer kafka.Close()
	return kafka.Ping(ctx)
}

func refuseWrongSecret(t *testing.T, s *server, c cluster, key apiKey) {
	for _, wrong := range []apiKey{{key.id, "wrong"}, {"NOSUCHKEY", key.secret}, {key.id, " "}} {
		if err := attempt(s, c, wrong); !errors.Is(err, kerr.SaslAuthenticationFailed) {
			t.Errorf("%s: %v, want SASL_AUTHENTICATION_FAILED", wrong.id, err)
		}
	}
}

func refuseForeignKey(t *testing.T, s *server, c cluster, otherKey apiKey) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	kafka := s.kafka(c.bootstrap, otherKey) // the same physical cluster: it opens its own tenant only
	topics, err := kadm.NewClient(kafka).ListTopics(ctx)
	if err != nil || len(topics) != 0 {
		t.Errorf("the other tenant's key sees %v, %v", topics.Names(), err)
	}
}

func refuseDeletedKey(t *testing.T, s *server, c cluster, _ apiKey) {
	key := s.createKey(s.userID(), c)
	raw, err := net.Dial("tcp", c.bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	kafka := s.kafka(c.bootstrap, key, kgo.RequestRetries(0))
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := kafka.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	s.must(http.StatusNoContent, "DELETE", "/iam/v2/api-keys/"+key.id, nil)
	if err := kafka.Ping(ctx); err == nil {
		t.Error("a connection that was open goes on with a deleted key")
	}
	if err := attempt(s, c, key); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("a new connection with the deleted key: %v", err)
	}
	if status, _ := s.api("GET", "/iam/v2/api-keys/"+key.id, nil); status != http.StatusNotFound {
		t.Errorf("the deleted key answers %d", status)
	}
}

func refuseWithoutRights(t *testing.T, s *server, c cluster, _ apiKey) {
	account := s.must(http.StatusCreated, "POST", "/iam/v2/service-accounts", object{"display_name": "powerless"})
	key := s.createKey(account["id"].(string), c)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	kafka := s.kafka(c.bootstrap, key, kgo.DefaultProduceTopic("first"), kgo.RequestRetries(0), kgo.RecordRetries(0))
	if err := kafka.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("producing without rights: %v, want TOPIC_AUTHORIZATION_FAILED", err)
	}
	if topics, err := kadm.NewClient(kafka).ListTopics(ctx); err != nil || len(topics) != 0 {
		t.Errorf("a principal without rights sees topics: %v, %v", topics.Names(), err)
	}
	if status, answer := s.apiAs(key, "GET", "/org/v2/environments", nil); status != http.StatusUnauthorized {
		t.Errorf("a cluster's key at the API: %d, %v", status, answer)
	}
	organization := at(s.must(http.StatusOK, "GET", "/org/v2/organizations", nil), "data", 0, "id").(string)
	pattern := "crn://confluent.cloud/organization=" + organization + "/environment=" + c.environment + "/cloud-cluster=" + c.id
	s.must(http.StatusCreated, "POST", "/iam/v2/role-bindings", object{"principal": "User:" + account["id"].(string), "role_name": "CloudClusterAdmin", "crn_pattern": pattern})
	admin := s.kafka(c.bootstrap, key, kgo.DefaultProduceTopic("first"), kgo.RequestRetries(0), kgo.RecordRetries(0))
	if err := admin.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); err != nil {
		t.Errorf("producing with the role: %v", err)
	}
}

// logIn pings with a client of a mechanism that has one try.
func logIn(s *server, c cluster, mechanism sasl.Mechanism) error {
	kafka, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.RequestRetries(0), kgo.DialTLSConfig(&tls.Config{RootCAs: s.caPool()}), kgo.SASL(mechanism))
	if err != nil {
		return err
	}
	defer kafka.Close()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return kafka.Ping(ctx)
}

// refuseSCRAM takes the right secret and no other.
func refuseSCRAM(t *testing.T, s *server, c cluster, key apiKey) {
	if err := logIn(s, c, scram.Auth{User: key.id, Pass: key.secret}.AsSha256Mechanism()); err != nil {
		t.Errorf("SCRAM with the right secret: %v", err)
	}
	if err := logIn(s, c, scram.Auth{User: key.id, Pass: "wrong"}.AsSha512Mechanism()); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("SCRAM with a wrong secret: %v, want SASL_AUTHENTICATION_FAILED", err)
	}
}

func refuseMechanism(t *testing.T, s *server, c cluster, _ apiKey) {
	if err := logIn(s, c, gssapi{}); !errors.Is(err, kerr.UnsupportedSaslMechanism) {
		t.Errorf("GSSAPI: %v, want UNSUPPORTED_SASL_MECHANISM", err)
	}
}

// gssapi is a mechanism that is not offered.
type gssapi struct{}

func (gssapi) Name() string { return "GSSAPI" }

func (gssapi) Authenticate(context.Context, string) (sasl.Session, []byte, error) {
	return nil, nil, errors.New("nobody offers GSSAPI")
}

func refusePlaintext(t *testing.T, s *server, c cluster, _ apiKey) {
	kafka, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.RequestRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := kafka.Ping(ctx); err == nil {
		t.Error("a client without TLS got an answer")
	}
	poll.Until(t, "the log to mention the client without TLS", func() bool { return strings.Contains(s.output.String(), "without TLS") })
}

func refuseUnknownCA(t *testing.T, s *server, c cluster, key apiKey) {
	err := attempt(s, c, key, kgo.DialTLSConfig(&tls.Config{}))
	if err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("a client without the CA: %v", err)
	}
}

func refuseGarbage(t *testing.T, s *server, c cluster, _ apiKey) {
	for _, garbage := range []string{"GET / HTTP/1.1\r\n\r\n", "\x00\x00\x00\x00", strings.Repeat("\xff", 4096)} {
		closedAfter(t, s, c, []byte(garbage), false)
		closedAfter(t, s, c, []byte(garbage), true)
	}
}

func refuseHugeFrame(t *testing.T, s *server, c cluster, _ apiKey) {
	closedAfter(t, s, c, []byte{0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1}, true)
	closedAfter(t, s, c, []byte{0, 0, 0, 10, 0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff}, true) // API key 32767
}

// closedAfter sends bytes, with or without TLS, and expects that the connection is closed.
func closedAfter(t *testing.T, s *server, c cluster, content []byte, withTLS bool) {
	t.Helper()
	connection, err := net.Dial("tcp", c.bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if withTLS {
		connection = tls.Client(connection, &tls.Config{RootCAs: s.caPool(), ServerName: "127.0.0.1"})
	}
	connection.SetDeadline(time.Now().Add(deadline))
	if _, err := connection.Write(content); err != nil {
		return
	}
	if _, err := io.Copy(io.Discard, connection); err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("after %d bytes of garbage the connection stays open", len(content))
		}
	}
}

func refuseBadRequests(t *testing.T, s *server, c cluster, _ apiKey) {
	environment := object{"id": c.environment}
	cases := []struct {
		name, method, path string
		body               any
		status             int
		detail             string
	}{
		{"invalid JSON", "POST", "/org/v2/environments", "{", 400, ""},
		{"trailing garbage", "POST", "/org/v2/environments", `{"display_name":"a"} x`, 400, ""},
		{"unknown field", "POST", "/org/v2/environments", object{"display_name": "a", "colour": "red"}, 400, "colour"},
		{"empty name", "POST", "/org/v2/environments", object{"display_name": ""}, 400, "display name"},
		{"unknown cluster", "GET", "/cmk/v2/clusters/lkc-nosuch?environment=" + c.environment, nil, 404, ""},
		{"no environment", "GET", "/cmk/v2/clusters/" + c.id, nil, 400, "environment"},
		{"duplicate name", "POST", "/cmk/v2/clusters", object{"spec": object{"display_name": "refusals", "availability": "LOW", "cloud": "aws", "region": "us-east-1", "config": object{"kind": "Basic"}, "environment": environment}}, 409, "refusals"},
		{"unknown type", "POST", "/cmk/v2/clusters", object{"spec": object{"display_name": "x", "availability": "LOW", "cloud": "AWS", "region": "r", "config": object{"kind": "Enormous"}, "environment": environment}}, 400, "Enormous"},
		{"a network that would be ignored", "POST", "/cmk/v2/clusters", object{"spec": object{"display_name": "x", "availability": "LOW", "cloud": "AWS", "region": "r", "config": object{"kind": "Basic"}, "environment": environment, "network": object{"id": "n-123456"}}}, 400, "network"},
		{"CKU change", "PATCH", "/cmk/v2/clusters/" + c.id, object{"spec": object{"environment": environment, "config": object{"kind": "Dedicated", "cku": 4}}}, 400, ""},
		{"unknown path", "GET", "/cmk/v2/planets", nil, 404, ""},
		{"wrong method", "PUT", "/org/v2/environments", nil, 405, ""},
	}
	for _, k := range cases {
		status, answer := s.api(k.method, k.path, k.body)
		detail, _ := at(answer, "errors", 0, "detail").(string)
		if status != k.status || detail == "" || !strings.Contains(detail, k.detail) {
			t.Errorf("%s: %d %q, want %d with %q in its detail", k.name, status, detail, k.status, k.detail)
		}
	}
}

func refuseProtectedDeletion(t *testing.T, s *server, c cluster, _ apiKey) {
	path := "/cmk/v2/clusters/" + c.id
	protect := func(on bool) {
		s.must(http.StatusOK, "PATCH", path, object{"spec": object{"environment": object{"id": c.environment}, "deletion_protection": on}})
	}
	protect(true)
	status, answer := s.api("DELETE", path+"?environment="+c.environment, nil)
	if detail, _ := at(answer, "errors", 0, "detail").(string); status != http.StatusConflict || !strings.Contains(detail, "protect") {
		t.Errorf("deleting a protected cluster: %d, %v", status, answer)
	}
	protect(false)
}

func refuseNobody(t *testing.T, s *server, c cluster, key apiKey) {
	for _, who := range []apiKey{{}, {"NOSUCHKEY", "x"}, {s.env["ORRERY_API_KEY"], "wrong"}} {
		if status, _ := s.apiAs(who, "GET", "/org/v2/environments", nil); status != http.StatusUnauthorized {
			t.Errorf("%q got %d", who.id, status)
		}
	}
}
