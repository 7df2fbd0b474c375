package embedded

import (
	"crypto/tls"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/wire"
)

// connects counts a client's connections.
type connects struct{ count atomic.Int64 }

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (c *connects) OnBrokerConnect(kgo.BrokerMetadata, time.Duration, net.Conn, error) {
	c.count.Add(1)
}

// TestRootAuthorityRollover replaces the root authority of a running server by its API: a client that is connected stays
// so, and clients take what clusters and the API present as the steps say; a server that is started again in between
// goes on where it was.
func TestRootAuthorityRollover(t *testing.T) {
	dir := t.TempDir()
	begin := func() *Server {
		s, err := Open(t.Context(), Config{Dir: dir, Listen: "127.0.0.1:0", TLSListen: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { shut(t, s) })
		return s
	}
	s := begin()
	cluster, physical := dedicated(t, s)
	bootstrap := strings.TrimPrefix(cluster.Spec.KafkaBootstrapEndpoint, "SASL_SSL://")
	key, err := s.testClient().CreateAPIKey(t.Context(), wire.APIKey{Spec: wire.APIKeySpec{Resource: &wire.Reference{ID: cluster.ID}}})
	if err != nil {
		t.Fatal(err)
	}
	old, made := trusting(t, s), &connects{}
	connected, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.DialTLSConfig(old), kgo.SASL(plain.Auth{User: key.ID, Pass: key.Spec.Secret}.AsMechanism()),
		kgo.WithHooks(made), kgo.ConnIdleTimeout(10*time.Minute), kgo.MetadataMaxAge(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	defer connected.Close()
	ask := func() {
		t.Helper()
		for _, broker := range connected.DiscoveredBrokers() {
			if _, err := broker.Request(t.Context(), kmsg.NewPtrMetadataRequest()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := kmsg.NewPtrMetadataRequest().RequestWith(t.Context(), connected); err != nil {
		t.Fatal(err)
	}
	ask()
	before := made.count.Load()
	takes := func(s *Server, who string, config *tls.Config, want bool) {
		t.Helper()
		for _, address := range []string{bootstrap, s.tls.Addr().String()} {
			conn, err := tls.Dial("tcp", address, config)
			if err == nil {
				conn.Close()
			}
			if got := err == nil; got != want {
				t.Errorf("who trusts %s can connect to %s: %v, want %v (%v)", who, address, got, want, err)
			}
		}
	}
	step := func(s *Server, step orrery.RootStep, want orrery.RootPhase) *tls.Config {
		t.Helper()
		a, err := s.testClient().StepRootAuthority(t.Context(), step)
		if err != nil || a.Phase != string(want) {
			t.Fatalf("%s: %+v, %v", step, a, err)
		}
		return trusting(t, s)
	}
	if _, err := s.testClient().StepRootAuthority(t.Context(), orrery.RootIssue); orrery.ErrorCode(err) != orrery.Conflict {
		t.Errorf("ISSUE at first: %v", err)
	}
	both := step(s, orrery.RootTrust, orrery.RootTrusting)
	takes(s, "the old root", old, true)
	takes(s, "both", both, true)
	step(s, orrery.RootIssue, orrery.RootIssuing)
	takes(s, "the old root", old, true)
	takes(s, "both", both, true)
	ask()
	if now := made.count.Load(); now != before {
		t.Errorf("the client connected %d times more", now-before)
	}
	if got := readyCondition(t, s, physical.ID); got.Status != orrery.True {
		t.Errorf("the cluster is %+v", got)
	}
	shut(t, s)

	s = begin()
	poll.Success(t, func() error { // the gateways of before are still what the API knows
		conn, err := tls.Dial("tcp", bootstrap, both)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	takes(s, "the old root, after a restart", old, true)
	only := step(s, orrery.RootDrop, orrery.RootSteady)
	takes(s, "the old root, which was dropped", old, false)
	takes(s, "both, of which one was dropped", both, true)
	takes(s, "the new root", only, true)
	if out := cli(t, s, "root-authority", "describe"); !strings.Contains(out, "STEADY") || !strings.Contains(out, "TRUST") {
		t.Errorf("the CLI says\n%s", out)
	}
}
