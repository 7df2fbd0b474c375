package gateway_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// login is one that a client of another language tries.
type login struct{ mechanism, user, secret string }

// clientPrograms log in as test/clients/README.md says.
var clientPrograms = map[string][]string{
	"librdkafka": {"ROOT/.cache/python/bin/python", "ROOT/test/clients/python/login.py"},
	"Java": {"java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", "ROOT/.cache/java/*",
		"ROOT/test/clients/java/Login.java"},
}

// logInWith runs a client's program, which writes for some time after each login, and returns how each went.
func logInWith(t *testing.T, c *gatewaytest.Cluster, program string, seconds string, logins ...login) []string {
	t.Helper()
	chain := c.ServerTLS.Certificates[0].Certificate
	return logInTrusting(t, c, program, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chain[len(chain)-1]}), seconds, logins...)
}

// logInTrusting is logInWith for clients with another CA file.
func logInTrusting(t *testing.T, c *gatewaytest.Cluster, program string, caFile []byte, seconds string, logins ...login) []string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var arguments []string
	for _, a := range clientPrograms[program] {
		arguments = append(arguments, strings.ReplaceAll(a, "ROOT", root))
	}
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, caFile, 0o600); err != nil {
		t.Fatal(err)
	}
	arguments = append(arguments, c.Endpoints.Bootstrap, authority, seconds)
	for _, l := range logins {
		arguments = append(arguments, l.mechanism, l.user, l.secret)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // a busy machine takes a minute to start a JVM that logs in
	defer cancel()
	command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	var complaints strings.Builder
	command.Stderr = &complaints
	output, err := command.Output()
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	if err != nil || len(lines) != len(logins) {
		t.Fatalf("%s (make clients fetches it): %v\n%s\n%s", program, err, output, complaints.String())
	}
	return lines
}

// TestClientsLogIn has librdkafka and the Java client log in with every mechanism for API keys.
func TestClientsLogIn(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs the clients that make clients fetches")
	}
	gatewaytest.EmbeddedOnly(t, "logins end in the gateway")
	c := gatewaytest.Start(t, gatewaytest.Options{})
	tenant := c.Tenant("lkc-aaaaaa")
	key := c.Admin(tenant)
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	for program := range clientPrograms {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			var tries []login
			for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
				tries = append(tries, login{mechanism, key.ID, key.Secret}, login{mechanism, key.ID, "wrong"})
			}
			for i, got := range logInWith(t, c, program, "0", tries...) {
				want := tries[i].mechanism + " ok 1"
				if tries[i].secret == "wrong" {
					want = tries[i].mechanism + " refused"
				}
				if !strings.HasPrefix(got, want) || strings.HasSuffix(want, "refused") && !strings.Contains(got, "or its secret is wrong") {
					t.Errorf("%s, want %s", got, want)
				}
			}
		})
	}
}

// TestClientsDuringARollover: librdkafka and the Java client take what the next root authority has signed, whether they
// trust only the old root, which vouches for it, or have the CA file with both.
func TestClientsDuringARollover(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs the clients that make clients fetches")
	}
	gatewaytest.EmbeddedOnly(t, "TLS ends in the gateway")
	s := newServing(t)
	old := []byte(s.roots.Describe().CAFile)
	s.step(orrery.RootTrust)
	s.step(orrery.RootIssue)
	s.renew()
	c := gatewaytest.Start(t, gatewaytest.Options{ServerTLS: s.reloader.ServerConfig()})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	for program := range clientPrograms {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			for who, caFile := range map[string][]byte{"the old root": old, "both": []byte(s.roots.Describe().CAFile)} {
				if got := logInTrusting(t, c, program, caFile, "0", login{"PLAIN", key.ID, key.Secret})[0]; got != "PLAIN ok 1" {
					t.Errorf("trusting %s: %s", who, got)
				}
			}
		})
	}
}

// TestClientsHaveCertificates: librdkafka and the Java client log in with a certificate and without SASL.
func TestClientsHaveCertificates(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs the clients that make clients fetches")
	}
	gatewaytest.EmbeddedOnly(t, "logins end in the gateway")
	c := gatewaytest.Start(t, gatewaytest.Options{})
	root := newSigner(t, "A", nil)
	trustSigner(c, c.Tenant("lkc-aaaaaa"), "aaaaaa", root)
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	certificate, key := pemFiles(t, root.client("svc-orders", nil))
	for program := range clientPrograms {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			if got := logInWith(t, c, program, "0", login{"CERTIFICATE", certificate, key})[0]; got != "CERTIFICATE ok 1" {
				t.Error(got)
			}
		})
	}
}

// pemFiles writes a certificate and its key for a client.
func pemFiles(t *testing.T, c tls.Certificate) (certificate, key string) {
	t.Helper()
	secret, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(kind string, der []byte) string {
		name := filepath.Join(t.TempDir(), "client.pem")
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	return write("CERTIFICATE", c.Certificate[0]), write("PRIVATE KEY", secret)
}

// TestClientsAuthenticateAgain has clients write through several lifetimes of a login: none of their connections ends.
// They log in again shortly before the end, so on a busy machine they may be late, and try again with longer lifetimes.
func TestClientsAuthenticateAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs the clients that make clients fetches")
	}
	gatewaytest.EmbeddedOnly(t, "logins end in the gateway")
	for program := range clientPrograms {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			complaint := ""
			for _, lifetime := range []time.Duration{2500 * time.Millisecond, 10 * time.Second, 30 * time.Second} {
				if complaint = authenticateAgain(t, program, lifetime); complaint == "" {
					return
				}
				t.Logf("with a lifetime of %s: %s", lifetime, complaint)
			}
			t.Error(complaint)
		})
	}
}

// authenticateAgain has a client write through two lifetimes of a login and a bit, and says what went wrong.
func authenticateAgain(t *testing.T, program string, lifetime time.Duration) (complaint string) {
	t.Helper()
	log, logger := captureLog()
	registry := prometheus.NewRegistry()
	c := gatewaytest.Start(t, gatewaytest.Options{Registerer: registry, Logger: logger, Limits: gateway.Limits{SessionLifetime: lifetime}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	seconds := fmt.Sprint(math.Ceil((lifetime * 23 / 10).Seconds()))
	got := logInWith(t, c, program, seconds, login{"SCRAM-SHA-512", key.ID, key.Secret})[0]
	if !strings.HasPrefix(got, "SCRAM-SHA-512 ok") || strings.Contains(log.String(), "the session is over") {
		return fmt.Sprintf("%s; the gateway logged\n%s", got, log)
	}
	logins, accepted := metric(t, registry, "orrery_gateway_requests_total", "SASLHandshake"), metric(t, registry, "orrery_gateway_connections_accepted_total", "")
	if logins < accepted+2 {
		return fmt.Sprintf("%v logins on %v connections", logins, accepted)
	}
	return ""
}

// metric returns the value of a counter or gauge, of a label's value where there is one.
func metric(t testing.TB, registry *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}
