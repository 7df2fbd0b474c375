package prober_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/health"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/prober"
)

// TestMain runs every test on both engines.
func TestMain(m *testing.M) { os.Exit(gatewaytest.Main(m)) }

// world is a cluster of three brokers with its probe tenant.
type world struct {
	*gatewaytest.Cluster
	login   prober.Login
	targets []prober.Target
}

func start(t *testing.T, o gatewaytest.Options) *world {
	t.Helper()
	o.Brokers = 3
	c := gatewaytest.Start(t, o)
	key := c.Admin(c.Tenant(orrery.ProbeCluster))
	w := &world{Cluster: c, login: prober.Login{TLS: &tls.Config{RootCAs: c.TLS.RootCAs, MinVersion: tls.VersionTLS12}, User: key.ID, Password: key.Secret}}
	var physical []string
	for _, b := range c.Endpoints.Brokers {
		topic := orrery.ProbeCluster + "_" + orrery.ProbeTopic(b.Node)
		physical = append(physical, topic)
		request := kmsg.NewPtrCreateTopicsRequest()
		request.TimeoutMillis = 60_000
		rt := kmsg.NewCreateTopicsRequestTopic()
		rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, -1, -1
		rt.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{b.Node}}}
		minimum := kmsg.NewCreateTopicsRequestTopicConfig()
		minimum.Name, minimum.Value = "min.insync.replicas", kmsg.StringPtr("1")
		rt.Configs = append(rt.Configs, minimum)
		request.Topics = append(request.Topics, rt)
		response, err := request.RequestWith(t.Context(), c.Kafka.Client(t, ""))
		if err != nil || response.Topics[0].ErrorCode != 0 {
			t.Fatalf("creating %s: %+v, %v", topic, response, err)
		}
		if c.Kafka.Embedded != nil { // it knows no assignments
			if err := c.Kafka.Embedded.MoveTopicPartition(topic, 0, b.Node); err != nil {
				t.Fatal(err)
			}
		}
		w.targets = append(w.targets, prober.Target{Node: b.Node, Address: fmt.Sprintf("%s:%d", b.Host, b.Port), Topic: orrery.ProbeTopic(b.Node)})
	}
	if err := gatewaytest.Known(t.Context(), c.Kafka, physical...); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) probe(t *testing.T) []health.Probe {
	t.Helper()
	probes := prober.Probe(t.Context(), w.login, w.targets)
	if len(probes) != len(w.targets) {
		t.Fatalf("%d probes of %d brokers", len(probes), len(w.targets))
	}
	for i, p := range probes {
		if p.Node != w.targets[i].Node || p.At.IsZero() || (p.Reached == health.Consumed) != (p.Error == "") {
			t.Fatalf("%+v", p)
		}
		for stage := health.Dialled; stage <= health.Consumed; stage++ {
			if (p.Took[stage] > 0) != (stage <= p.Reached) {
				t.Fatalf("stage %s took %s: %+v", stage, p.Took[stage], p)
			}
		}
	}
	return probes
}

// whole waits until every broker's probe comes through, for a broker that is back needs a moment.
func (w *world) whole(t *testing.T) {
	t.Helper()
	poll.Success(t, func() error {
		for _, p := range w.probe(t) {
			if p.Reached != health.Consumed {
				return fmt.Errorf("%+v", p)
			}
		}
		return nil
	})
}

// A broker that stands still takes logins, for its gateway does, and no record; its peers are as before. Afterwards it
// is as they are.
func TestBrokerThatStandsStill(t *testing.T) {
	w := start(t, gatewaytest.Options{Own: true})
	w.whole(t)
	if err := w.Kafka.Brokers[1].Pause(); err != nil {
		t.Fatal(err)
	}
	for _, p := range w.probe(t) {
		if p.Node != 1 && p.Reached != health.Consumed {
			t.Errorf("a healthy broker: %+v", p)
		}
		if p.Node == 1 && (p.Reached != health.LoggedIn || !strings.Contains(p.Error, "no answer within")) {
			t.Errorf("the broker that stands still: %+v", p)
		}
	}
	if err := w.Kafka.Brokers[1].Resume(); err != nil {
		t.Fatal(err)
	}
	w.whole(t)
}

// What is slow between a gateway and its broker is in the time that a record takes, not in the way there.
func TestSlowBroker(t *testing.T) {
	var slow atomic.Bool
	const delay = 300 * time.Millisecond
	w := start(t, gatewaytest.Options{Dial: func(dial func(context.Context, int32) (net.Conn, error)) func(context.Context, int32) (net.Conn, error) {
		return func(ctx context.Context, node int32) (net.Conn, error) {
			conn, err := dial(ctx, node)
			if err != nil || node != 2 {
				return conn, err
			}
			return &slowConn{Conn: conn, slow: &slow, delay: delay}, nil
		}
	}})
	w.whole(t)
	slow.Store(true)
	for _, p := range w.probe(t) {
		if p.Reached != health.Consumed {
			t.Fatalf("%+v", p)
		}
		if p.Node == 2 && p.Took[health.Produced] < delay {
			t.Errorf("the slow broker took a record in %s", p.Took[health.Produced])
		}
	}
}

// slowConn hands over what has come after a delay.
type slowConn struct {
	net.Conn
	slow  *atomic.Bool
	delay time.Duration
}

func (c *slowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.slow.Load() && err == nil {
		<-time.After(c.delay)
	}
	return n, err
}

// How far a probe comes says what is wrong.
func TestStages(t *testing.T) {
	w := start(t, gatewaytest.Options{Processes: true})
	w.whole(t)
	w.Kill(0)
	strange, login, led := w.login, w.login, w.targets[1]
	strange.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	login.Password = "not-the-secret-of-the-key"
	led.Node = 7
	missing := w.targets[1]
	missing.Topic = "missing"
	bootstrap := prober.Target{Node: -1, Address: w.targets[1].Address}
	for name, c := range map[string]struct {
		login  prober.Login
		target prober.Target
		want   health.Stage
		why    string
	}{
		"a killed gateway":        {w.login, w.targets[0], health.Nowhere, "refused"},
		"an unknown certificate":  {strange, w.targets[1], health.Dialled, "certificate"},
		"a wrong key":             {login, w.targets[1], health.Secured, "SASL"},
		"no topic":                {w.login, missing, health.LoggedIn, "UNKNOWN_TOPIC_OR_PARTITION"},
		"a topic of another":      {w.login, led, health.LoggedIn, "is led by broker 1"},
		"an address without more": {w.login, bootstrap, health.LoggedIn, ""},
		"a healthy broker":        {w.login, w.targets[2], health.Consumed, ""},
	} {
		p := prober.Probe(t.Context(), c.login, []prober.Target{c.target})[0]
		if p.Reached != c.want || !strings.Contains(p.Error, c.why) || (c.why == "") != (p.Error == "") {
			t.Errorf("%s: %+v", name, p)
		}
		if strings.Contains(p.Error, c.login.Password) {
			t.Errorf("%s: the secret is in the error", name)
		}
	}
	w.Restart(0)
	w.whole(t)
}

// A probe that is called off ends at once, and leaves nothing behind.
func TestProbeEnds(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "it is about the client")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan []health.Probe)
	targets := []prober.Target{}
	for node := range int32(40) { // more than are made at once
		targets = append(targets, prober.Target{Node: node, Address: listener.Addr().String()})
	}
	go func() { done <- prober.Probe(ctx, prober.Login{TLS: &tls.Config{}}, targets) }()
	conn, err := listener.Accept() // and never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	select {
	case probes := <-done:
		if len(probes) != len(targets) || probes[0].Reached >= health.Secured {
			t.Errorf("%+v", probes)
		}
	case <-time.After(time.Minute):
		t.Fatal("it goes on")
	}
}
