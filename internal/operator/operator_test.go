package operator_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/brokers/kafka"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/operator"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/substrate"
	"github.com/orrery-kafka/orrery/internal/substrate/inproc"
)

const patience = time.Minute

func startGateway(ctx context.Context, spec inproc.GatewaySpec) (inproc.Gateway, error) {
	return gatewaytest.Run(ctx, gateway.Config{
		PhysicalClusterID: spec.PhysicalClusterID, Node: spec.Node, TLS: spec.TLS,
		DialBroker: spec.DialBroker, Control: gateway.Control{Seeds: spec.Access.Seeds, Dial: spec.Access.Dial}, EmbeddedEngine: true, Now: time.Now,
	})
}

// world is a substrate with an operator on it.
type world struct {
	*testing.T
	ctx       context.Context
	root      *pki.Authority
	substrate *inproc.Substrate
	look      substrate.Substrate // the same, or another one
	operator  *operator.Operator
	nudged    chan struct{}
	desired   operator.Desired
	status    orrery.PSCStatus
	// stepped is when the last step was taken, and next when it wants the next one.
	stepped, next time.Time
}

func newWorld(t *testing.T, change func(*inproc.Config)) *world {
	t.Helper()
	dir := t.TempDir()
	root, err := pki.OpenRoot(filepath.Join(dir, "pki"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	intermediate, err := pki.OpenIntermediate(filepath.Join(dir, "satellite"), root, "test", pki.Loopback(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	w := &world{T: t, ctx: ctx, root: root, nudged: make(chan struct{}, 1), desired: operator.Desired{Generation: orrery.Generation{Number: 1}, Spec: spec(3, true)}}
	nudge := func() {
		select {
		case w.nudged <- struct{}{}:
		default:
		}
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	config := inproc.Config{
		Dir: filepath.Join(dir, "clusters"), Authority: intermediate, StartGateway: startGateway,
		Changed: func(string) { nudge() }, Now: time.Now, Logger: logger,
	}
	if change != nil {
		change(&config)
	}
	if w.substrate, err = inproc.New(config); err != nil {
		t.Fatal(err)
	}
	w.look = w.substrate
	w.operator = operator.New(operator.Config{ID: "pkc-a", Substrate: w.substrate, Open: kafka.Opener(logger), Changed: nudge, Logger: logger})
	t.Cleanup(func() { w.operator.Close(); w.substrate.Close() })
	return w
}

func (w *world) step() {
	w.Helper()
	var err error
	w.stepped = time.Now()
	w.status, w.next, err = w.operator.Step(w.ctx, w.stepped, w.desired)
	if err != nil {
		w.Logf("step: %v", err)
	}
}

// until steps at each nudge and when a step is due, until something is so.
func (w *world) until(what string, so func() bool) {
	w.Helper()
	for w.step(); !so(); w.step() {
		select {
		case <-w.nudged:
		case <-time.After(time.Until(w.next)):
		case <-w.ctx.Done():
			w.Fatalf("it did not happen that %s; the conditions are %+v", what, w.status.Conditions)
		}
	}
}

func (w *world) ready() bool { return w.status.Ready(w.desired.Generation) }

func (w *world) condition(conditionType string) orrery.Condition {
	w.Helper()
	c, ok := orrery.FindCondition(w.status.Conditions, conditionType)
	if !ok {
		w.Fatalf("there is no condition %s in %+v", conditionType, w.status.Conditions)
	}
	return c
}

func (w *world) observe() substrate.Observed {
	w.Helper()
	observed, err := w.look.Observe(w.ctx, "pkc-a")
	if err != nil {
		w.Fatal(err)
	}
	return observed
}

func TestClusterFromNothingToReadyAndGone(t *testing.T) {
	w := newWorld(t, nil)
	began := time.Now()
	w.step()
	if c := w.condition(orrery.ConditionBrokersRunning); c.Status != orrery.True {
		t.Errorf("after one step the brokers do not run: %+v", c)
	}
	w.until("the cluster is ready", w.ready)
	t.Logf("ready after %s", time.Since(began))
	if len(w.status.Endpoints.Brokers) != 3 || w.status.Endpoints.Bootstrap == "" || w.status.Endpoints.REST == "" {
		t.Errorf("the addresses are %+v", w.status.Endpoints)
	}
	for _, address := range []string{w.status.Endpoints.Bootstrap} {
		c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: w.root.Root()})
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		c.Close()
	}
	cluster, ok := w.operator.Cluster()
	if !ok {
		t.Fatal("there is no view from inside")
	}
	if _, err := cluster.WriteState(w.ctx, brokers.TopicTenants, []brokers.Record{{Key: "binding/rb-1", Value: []byte("{}")}}); err != nil {
		t.Errorf("the state topics are not there: %v", err)
	}

	w.desired.Generation.Number, w.desired.Deleted, w.desired.Proof = 2, true, "the test asks for it"
	w.until("the cluster is gone", func() bool { return w.status.Gone })
	if ids, err := w.substrate.List(w.ctx); err != nil || len(ids) != 0 {
		t.Errorf("left: %v, %v", ids, err)
	}
}

func TestConvergedIsQuiet(t *testing.T) {
	w := newWorld(t, nil)
	w.until("the cluster is ready", w.ready)
	before, observed := w.status, w.observe()
	for range 3 {
		w.step()
		if !reflect.DeepEqual(w.status, before) {
			t.Errorf("the status changed from %+v to %+v", before, w.status)
		}
		if due := w.next.Sub(w.stepped); due < 30*time.Second {
			t.Errorf("the next step is due in %s", due)
		}
	}
	if after := w.observe(); !reflect.DeepEqual(after, observed) {
		t.Errorf("something was done: %+v", after)
	}
}

// A fault is seen in the status with its reason, everything else goes on, and lifting it heals without a wait.
func TestFaultIsReportedAndHealed(t *testing.T) {
	w := newWorld(t, nil)
	w.until("the cluster is ready", w.ready)
	if err := w.substrate.Fault("pkc-a", 1, inproc.Fault{Stopped: true, Message: "the disk of broker 1 is gone"}); err != nil {
		t.Fatal(err)
	}
	w.until("the status says that broker 1 is stopped", func() bool { return !w.ready() })
	for _, conditionType := range []string{orrery.ConditionReady, orrery.ConditionBrokersRunning} {
		c := w.condition(conditionType)
		if c.Status != orrery.False || c.Reason != "BrokerStopped" || c.Message != "broker 1 is stopped: the disk of broker 1 is gone" {
			t.Errorf("%+v", c)
		}
	}
	if b := w.status.Brokers[1]; b.State != "stopped" || !strings.Contains(b.Message, "disk") {
		t.Errorf("the broker is %+v", b)
	}
	for range 3 { // so that pauses have grown
		w.step()
	}
	status := w.status
	w.step()
	if !reflect.DeepEqual(w.status, status) {
		t.Error("the status changes while nothing does")
	}
	cluster, _ := w.operator.Cluster()
	if _, err := cluster.WriteState(w.ctx, brokers.TopicTenants, []brokers.Record{{Key: "binding/rb-1", Value: []byte("{}")}}); err != nil {
		t.Errorf("the state topic does not go on: %v", err)
	}
	if err := w.substrate.Fault("pkc-a", 1, inproc.Fault{}); err != nil {
		t.Fatal(err)
	}
	w.until("the cluster is ready again", w.ready)
}

// A cluster that begins with a fault gets as far as it can.
func TestFaultFromTheStart(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.substrate.Do(w.ctx, "pkc-a", substrate.Action{Verb: substrate.Create, Spec: w.desired.Spec}); err != nil {
		t.Fatal(err)
	}
	if err := w.substrate.Fault("pkc-a", 2, inproc.Fault{Stopped: true, Message: "no such disk"}); err != nil {
		t.Fatal(err)
	}
	w.step()
	observed := w.observe()
	if !observed.Brokers[0].Running || !observed.Brokers[1].Running || observed.Brokers[2].Running {
		t.Errorf("the brokers are %+v", observed.Brokers)
	}
	if err := w.substrate.Fault("pkc-a", 2, inproc.Fault{}); err != nil {
		t.Fatal(err)
	}
	w.until("the cluster is ready", w.ready)
}

// A port that another program holds is a condition with the port and what to do; freed, it is taken again. The
// rest of the cluster goes on.
func TestTakenPorts(t *testing.T) {
	for name, c := range map[string]struct {
		address           func(orrery.Endpoints) string
		condition, reason string
	}{
		"broker":    {func(e orrery.Endpoints) string { return net.JoinHostPort(e.Brokers[1].Host, itoa(e.Brokers[1].Port)) }, orrery.ConditionGatewaysServing, "GatewayStopped"},
		"bootstrap": {func(e orrery.Endpoints) string { return e.Bootstrap }, orrery.ConditionBalancersServing, "BalancerStopped"},
		"REST":      {func(e orrery.Endpoints) string { return e.REST }, orrery.ConditionBalancersServing, "BalancerStopped"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			if err := w.substrate.Do(w.ctx, "pkc-a", substrate.Action{Verb: substrate.Create, Spec: w.desired.Spec}); err != nil {
				t.Fatal(err)
			}
			address := c.address(w.observe().Endpoints)
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			w.until("the status names the port", func() bool {
				got, ok := orrery.FindCondition(w.status.Conditions, c.condition)
				return ok && got.Reason == c.reason && strings.Contains(got.Message, address) && strings.Contains(got.Message, "end the program")
			})
			w.until("the other gateways serve", func() bool {
				gateways := w.observe().Gateways
				return gateways[0].Serving && gateways[2].Serving
			})
			l.Close()
			w.until("the cluster is ready", w.ready)
		})
	}
}

func itoa(port int32) string { return strconv.Itoa(int(port)) }

func TestPortRangeExhausted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	w := newWorld(t, func(c *inproc.Config) { c.PortsFrom, c.PortsTo = port, port })
	w.step()
	c := w.condition(orrery.ConditionReady)
	if c.Reason != "CreateFailed" || !strings.Contains(c.Message, "needs 5 ports") || !strings.Contains(c.Message, "--kafka-ports") {
		t.Errorf("%+v", c)
	}
	if !w.next.After(w.stepped) {
		t.Error("it would be tried again at once")
	}
}

func TestUnsupportedChangeIsAConditionAndTheClusterGoesOn(t *testing.T) {
	w := newWorld(t, nil)
	w.until("the cluster is ready", w.ready)
	w.desired.Generation.Number, w.desired.Spec.Brokers = 2, 5
	w.step()
	if c := w.condition(orrery.ConditionReady); c.Status != orrery.False || c.Reason != "UnsupportedChange" || !strings.Contains(c.Message, "from 3 to 5") {
		t.Errorf("%+v", c)
	}
	if observed := w.observe(); len(observed.Brokers) != 3 || !observed.Brokers[2].Running {
		t.Errorf("observed %+v", observed)
	}
	w.desired.Generation.Number, w.desired.Spec.Brokers = 3, 3
	w.step()
	if !w.ready() {
		t.Errorf("%+v", w.status.Conditions)
	}
}

func TestSpecChangeIsStored(t *testing.T) {
	w := newWorld(t, nil)
	w.until("the cluster is ready", w.ready)
	w.desired.Generation.Number = 2
	w.desired.Spec.Configuration = map[string]string{"message.max.bytes": "4194304"}
	w.step()
	if !w.ready() || w.observe().Spec.Configuration["message.max.bytes"] != "4194304" {
		t.Errorf("%+v, spec %+v", w.status.Conditions, w.observe().Spec)
	}
}

// The certificate is renewed with a third of its life left, in place: a connection that is open stays open, and
// the next one sees the new certificate.
func TestCertificateRenewal(t *testing.T) {
	var ahead atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	w := newWorld(t, func(c *inproc.Config) { c.Now = clock })
	w.until("the cluster is ready", w.ready)
	dial := func() *tls.Conn {
		c, err := tls.Dial("tcp", w.status.Endpoints.Bootstrap, &tls.Config{RootCAs: w.root.Root(), Time: clock})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	old, first := dial(), w.observe()
	ahead.Store(int64(59 * 24 * time.Hour))
	status, _, err := w.operator.Step(w.ctx, clock(), w.desired)
	if valid, _ := orrery.FindCondition(status.Conditions, orrery.ConditionCertificatesValid); err != nil || !strings.Contains(valid.Message, ", 30 days from ") {
		t.Errorf("after 59 days of 90: %+v, %v", valid, err)
	}
	if got := w.observe(); !got.CertificateExpires.Equal(first.CertificateExpires) {
		t.Errorf("renewed after 59 days: it is good until %s", got.CertificateExpires)
	}
	ahead.Store(int64(61 * 24 * time.Hour))
	w.operator.Step(w.ctx, clock(), w.desired)
	second := w.observe()
	if got := second.CertificateExpires.Sub(first.CertificateExpires); got < 60*24*time.Hour {
		t.Errorf("after 61 days it was extended by %s", got)
	}
	if got := dial().ConnectionState().PeerCertificates[0].NotAfter; !got.Equal(second.CertificateExpires) {
		t.Errorf("a new connection sees a certificate that is good until %s", got)
	}
	old.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := old.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the old connection ended: %v", err)
	}
}

// A cluster without gateways is ready as soon as its broker runs, and a client of the platform can use it.
func TestControlCluster(t *testing.T) {
	w := newWorld(t, nil)
	w.desired.Spec = spec(1, false)
	w.step()
	if !w.ready() {
		t.Fatalf("%+v", w.status.Conditions)
	}
	if _, ok := orrery.FindCondition(w.status.Conditions, orrery.ConditionGatewaysServing); ok {
		t.Error("a cluster without gateways speaks of gateways")
	}
	access, err := w.substrate.Access(w.ctx, "pkc-a")
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(access.Seeds...), kgo.Dialer(access.Dial))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Ping(w.ctx); err != nil {
		t.Error(err)
	}
}

// A paused operator, by its satellite or by the specification, looks, says so and what it would do, and does nothing.
func TestPaused(t *testing.T) {
	for name, pause := range map[string]func(*operator.Config, *orrery.PSCSpec){
		"the satellite":     func(c *operator.Config, _ *orrery.PSCSpec) { c.Paused = true },
		"its specification": func(_ *operator.Config, s *orrery.PSCSpec) { s.Paused = true },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			config := operator.Config{ID: "pkc-a", Substrate: w.substrate, Open: kafka.Opener(slog.New(slog.DiscardHandler))}
			pause(&config, &w.desired.Spec)
			status, _, err := operator.New(config).Step(w.ctx, time.Now(), w.desired)
			if err != nil {
				t.Fatal(err)
			}
			c, _ := orrery.FindCondition(status.Conditions, "Progressing")
			if c.Status != orrery.False || c.Reason != "Paused" || !strings.Contains(c.Message, name) || !strings.Contains(c.Message, "this would be: create") {
				t.Errorf("%+v", c)
			}
			if ids, err := w.substrate.List(w.ctx); err != nil || len(ids) != 0 {
				t.Errorf("there is %v, %v", ids, err)
			}
		})
	}
}
