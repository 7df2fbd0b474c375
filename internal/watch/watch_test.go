package watch_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers/kafka"
	"github.com/orrery-kafka/orrery/internal/dataplane"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/health"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/satellite"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
	"github.com/orrery-kafka/orrery/internal/watch"
)

// TestMain makes the test binary the program that the substrate starts as gateway and as balancer.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[2] == "--config" {
		ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer cancel()
		if err := role(ctx, os.Args[1], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func role(ctx context.Context, name, path string) error {
	if name == "balancer" {
		return dataplane.RunBalancer(ctx, path)
	}
	file, err := process.ReadGatewayFile(path)
	if err != nil {
		return err
	}
	return dataplane.RunGateway(ctx, file)
}

const cluster = "pkc-watched"

// world is a satellite with a physical cluster of three brokers of Apache Kafka, real gateways and a watch.
type world struct {
	*testing.T
	substrate *process.Substrate
	satellite *satellite.Satellite
	watch     *watch.Watch
	registry  *prometheus.Registry
}

func start(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	root, err := pki.OpenRoot(filepath.Join(dir, "pki"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	intermediate, err := pki.OpenIntermediate(filepath.Join(dir, "intermediate"), root, "sat-test", pki.Loopback(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	nudged := make(chan struct{}, 1)
	nudge := func() {
		select {
		case nudged <- struct{}{}:
		default:
		}
	}
	from, to := kafkatest.PortRange(t)
	w := &world{T: t, registry: prometheus.NewRegistry()}
	w.substrate, err = process.New(process.Config{
		Dir: filepath.Join(dir, "clusters"), PortsFrom: from, PortsTo: to, Authority: intermediate, JVM: engine.JVM{HeapMiB: 192, FirstTierOnly: true},
		Install: func(ctx context.Context, version string, progress io.Writer) (engine.Installation, error) {
			return engine.Install(ctx, engine.Config{CacheDir: os.Getenv("ORRERY_ENGINE_CACHE"), Version: version, Progress: progress})
		},
		StopGrace: 3 * time.Second, Changed: func(string) { nudge() }, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := w.substrate.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	w.watch, err = watch.New(watch.Config{
		Trust: func() (*x509.CertPool, error) { return root.Root(), nil }, Inspect: w.substrate.Inspect, Period: 500 * time.Millisecond, Changed: nudge,
		Logger: logger, Registerer: w.registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	spec := orrery.PSCSpec{
		Kind: orrery.KindKafka, Type: orrery.TypeMultiTenant, Cloud: "*", Region: "*", Profile: "kafka-1", Engine: orrery.EngineApache,
		Version: engine.DefaultVersion, Brokers: 3, Gateways: true, StorageBytes: 1 << 30,
		Configuration: map[string]string{"offsets.topic.num.partitions": "3", "group.initial.rebalance.delay.ms": "0", "message.max.bytes": "8388608"},
	}
	w.satellite, err = satellite.New(satellite.Config{
		Satellite: orrery.Satellite{ID: "sat-test", Cloud: "*", Region: "*", Engine: orrery.EngineApache, Substrate: "process", Capacity: orrery.Capacity{Brokers: 10}},
		Ledger:    satellite.Directory(filepath.Join(dir, "ledger")), Substrate: w.substrate, Open: kafka.Opener(logger), MeterPeriod: time.Hour,
		Local: []satellite.Local{{ID: cluster, Spec: spec}}, Watch: w.watch, Changed: nudge, Logger: logger,
		Health: health.Rules{ConfirmRounds: 3, ConfirmAfter: time.Second, RecoverRounds: 2, RecoverAfter: time.Second, Pause: time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { steps(ctx, nil, w.watch.Step) })
	running.Go(func() { steps(ctx, nudged, w.satellite.Step) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		w.satellite.Close()
	})
	return w
}

// steps takes steps until ctx ends.
func steps(ctx context.Context, nudged <-chan struct{}, step func(context.Context, time.Time) (time.Time, error)) {
	for ctx.Err() == nil {
		next, err := step(ctx, time.Now())
		if err != nil {
			next = time.Now().Add(100 * time.Millisecond)
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
		case <-nudged:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// condition returns what is reported of the brokers' health.
func (w *world) condition() orrery.Condition {
	status, _ := w.satellite.Status(cluster)
	c, _ := orrery.FindCondition(status.Conditions, orrery.ConditionBrokersHealthy)
	return c
}

// patience is how long a failing test takes to say so: three JVMs on a machine with many times as much to do as it can.
const patience = 5 * time.Minute

// until waits until something is so.
func (w *world) until(what string, so func() bool) {
	w.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(end) {
			status, _ := w.satellite.Status(cluster)
			w.Fatalf("after %s there is no %s; the status is %+v, the last look %+v", patience, what, status, w.watch.Last(cluster))
		}
	}
}

// healthy waits until each broker's probe comes through and nobody is judged to be ill.
func (w *world) healthy() {
	w.Helper()
	w.until("healthy brokers", func() bool {
		look := w.watch.Last(cluster)
		ill := slices.ContainsFunc(look.Brokers, func(s health.Signals) bool { return s.Probe.Reached != health.Consumed || s.System.State == 0 })
		return len(look.Brokers) == 3 && !ill && w.condition().Status == orrery.True
	})
}

// pid is the process of a broker, 0 while it has none.
func (w *world) pid(node int32) int {
	w.Helper()
	processes, err := w.substrate.Inspect(w.Context(), cluster)
	if err != nil {
		w.Fatal(err)
	}
	for _, p := range processes {
		if p.Node == node {
			return p.PID
		}
	}
	return 0
}

// named returns the names of the metrics that are told, or only that of one, if its values are not 0.
func named(t *testing.T, from prometheus.Gatherer, only string) (names []string) {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if only == "" || f.GetName() == only && f.GetMetric()[0].GetGauge().GetValue() > 0 {
			names = append(names, f.GetName())
		}
	}
	return names
}

// A broker that is stopped is found out, alone and with evidence, and restarted once; then all is well again.
func TestStoppedBroker(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts Apache Kafka")
	}
	w := start(t)
	w.until("a cluster that serves", func() bool {
		status, _ := w.satellite.Status(cluster)
		return status.Ready(status.ObservedGeneration)
	})
	w.healthy()
	before := []int{w.pid(0), w.pid(1), w.pid(2)}
	if err := syscall.Kill(before[1], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var seen orrery.Condition
	w.until("the verdict", func() bool {
		seen = w.condition()
		return seen.Status == orrery.False && seen.Reason == string(health.Restart)
	})
	for _, evidence := range []string{"broker 1", "its process is stopped (state T)"} {
		if !strings.Contains(seen.Message, evidence) {
			t.Errorf("the condition says %q, without %q", seen.Message, evidence)
		}
	}
	w.until("another process", func() bool { pid := w.pid(1); return pid != 0 && pid != before[1] })
	w.healthy()
	if w.pid(0) != before[0] || w.pid(2) != before[2] {
		t.Error("another broker was restarted too")
	}
	if names := named(t, dataplane.Gatherer{Sockets: w.substrate.AdminSockets}, "orrery_gateway_storage_reserve_bytes"); len(names) == 0 {
		t.Error("no gateway knows what room its broker has")
	}
	names := named(t, w.registry, "")
	for _, name := range []string{"orrery_probes_total", "orrery_probe_duration_seconds", "orrery_broker_disk_free_bytes", "orrery_broker_standing"} {
		if !slices.Contains(names, name) {
			t.Errorf("there is no metric %s in %v", name, names)
		}
	}
}
