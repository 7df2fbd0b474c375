package operator_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/brokers/kafka"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/operator"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

// apachePatience bounds what three JVMs take on a machine that has other things to do: some ten seconds without.
const apachePatience = 8 * time.Minute

// newApacheWorld is a world on Apache Kafka as processes.
func newApacheWorld(t *testing.T) *world {
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
	ctx, cancel := context.WithTimeout(t.Context(), apachePatience)
	t.Cleanup(cancel)
	w := &world{T: t, ctx: ctx, root: root, nudged: make(chan struct{}, 1)}
	nudge := func() {
		select {
		case w.nudged <- struct{}{}:
		default:
		}
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	s, err := process.New(process.Config{
		Dir: filepath.Join(dir, "clusters"), Authority: intermediate, Changed: func(string) { nudge() }, Logger: logger,
		Install: func(ctx context.Context, version string, progress io.Writer) (engine.Installation, error) {
			return engine.Install(ctx, engine.Config{CacheDir: os.Getenv("ORRERY_ENGINE_CACHE"), Version: version, Progress: progress})
		},
		JVM: engine.JVM{HeapMiB: 192, FirstTierOnly: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.operator = operator.New(operator.Config{ID: "pkc-a", Substrate: s, Open: kafka.Opener(logger), Changed: nudge, Logger: logger})
	w.look = s
	t.Cleanup(func() {
		w.operator.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second) // what they have is not needed any more
		defer cancel()
		s.Stop(ctx)
		s.Close()
	})
	return w
}

// settled reports whether everything is as it was asked for and serves.
func (w *world) settled() bool {
	c, ok := orrery.FindCondition(w.status.Conditions, orrery.ConditionProgressing)
	return ok && c.Reason == orrery.ReasonSettled && w.ready()
}

// want changes what is desired and waits until it is so.
func (w *world) want(what string, change func(*orrery.PSCSpec)) {
	w.Helper()
	began := time.Now()
	w.desired.Generation.Number++
	w.desired.Spec.Configuration = maps.Clone(w.desired.Spec.Configuration)
	change(&w.desired.Spec)
	w.until(what, w.settled)
	w.Logf("%s after %s", what, time.Since(began).Round(time.Millisecond))
}

// writer produces numbered records without a pause, with acks=all, and knows which were acknowledged.
type writer struct {
	client *kgo.Client
	end    context.CancelFunc
	done   sync.WaitGroup

	mu    sync.Mutex
	acked map[string]bool
	// gap is the longest time between two acknowledgements.
	gap  time.Duration
	last time.Time
}

const loadTopic = "load"

func (w *world) write() *writer {
	w.Helper()
	access, err := w.look.Access(w.ctx, "pkc-a")
	if err != nil {
		w.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(access.Seeds...), kgo.Dialer(access.Dial), kgo.DefaultProduceTopic(loadTopic),
		kgo.MetadataMinAge(50*time.Millisecond), kgo.RequestTimeoutOverhead(5*time.Second), kgo.MaxBufferedRecords(100))
	if err != nil {
		w.Fatal(err)
	}
	min2 := "2"
	if _, err := kadm.NewClient(client).CreateTopic(w.ctx, 12, 3, map[string]*string{"min.insync.replicas": &min2}, loadTopic); err != nil {
		w.Fatal(err)
	}
	ctx, end := context.WithCancel(w.ctx)
	p := &writer{client: client, end: end, acked: map[string]bool{}, last: time.Now()}
	p.done.Go(func() {
		pace := time.NewTicker(time.Millisecond) // a load, not a benchmark
		defer pace.Stop()
		for i := 0; ctx.Err() == nil; i++ {
			value := strconv.Itoa(i)
			client.Produce(w.ctx, &kgo.Record{Value: []byte(value)}, func(_ *kgo.Record, err error) {
				if err == nil {
					p.acknowledged(value)
				}
			})
			<-pace.C
		}
	})
	w.Cleanup(func() { end(); p.done.Wait(); client.Close() })
	return p
}

func (p *writer) acknowledged(value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.gap, p.last = max(p.gap, now.Sub(p.last)), now
	p.acked[value] = true
}

// check ends the load and reads everything back: what was acknowledged is there, once, and in its order.
func (p *writer) check(w *world) {
	w.Helper()
	p.end()
	p.done.Wait()
	if err := p.client.Flush(w.ctx); err != nil {
		w.Fatalf("not all records were answered: %v", err)
	}
	ends, err := kadm.NewClient(p.client).ListEndOffsets(w.ctx, loadTopic)
	if err != nil {
		w.Fatal(err)
	}
	p.client.AddConsumeTopics(loadTopic)
	seen, position, left := map[string]int{}, map[int32]int{}, int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	for left > 0 {
		fetches := p.client.PollFetches(w.ctx)
		if err := fetches.Err(); errors.Is(err, context.DeadlineExceeded) {
			w.Fatalf("%d records are missing", left)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			left--
			n, _ := strconv.Atoi(string(r.Value))
			if last, any := position[r.Partition]; any && n <= last {
				w.Errorf("partition %d has %d after %d", r.Partition, n, last)
			}
			position[r.Partition] = n
			seen[string(r.Value)]++
		})
	}
	lost := 0
	for value := range p.acked {
		if seen[value] != 1 {
			lost++
			w.Errorf("record %s was acknowledged and is there %d times", value, seen[value])
		}
		if lost > 10 {
			break
		}
	}
	w.Logf("%d records were acknowledged, %d are there; the longest time without was %s", len(p.acked), len(seen), p.gap.Round(time.Millisecond))
	if len(p.acked) < 1000 {
		w.Errorf("%d records are too few to prove anything", len(p.acked))
	}
}

// Three brokers of Apache Kafka under a load that nothing of is lost: an upgrade, changes with and without a restart, the
// finalising of features and the way back that is refused then, a broker more and that broker less.
func TestApacheKafkaIsChangedUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts Apache Kafka")
	}
	w := newApacheWorld(t)
	w.desired = operator.Desired{Generation: orrery.Generation{Number: 1}, Spec: orrery.PSCSpec{
		Kind: orrery.KindKafka, Type: orrery.TypeMultiTenant, Cloud: "AWS", Region: "us-east-1", Profile: "kafka-1",
		Engine: orrery.EngineApache, Version: older, Brokers: 3, StorageBytes: 1 << 30, BakeSeconds: 3600,
		Configuration: map[string]string{
			"min.insync.replicas": "2", "default.replication.factor": "3", "offsets.topic.num.partitions": "3", "queued.max.requests": "400",
			"controller.quorum.election.timeout.ms": "500", "controller.quorum.election.backoff.max.ms": "200",
		},
	}}
	w.want("three brokers run", func(*orrery.PSCSpec) {})
	load := w.write()

	w.want("they are upgraded, with another setting that needs a restart", func(s *orrery.PSCSpec) {
		s.Version, s.Configuration["queued.max.requests"] = newer, "300"
	})
	for _, b := range w.observe().Brokers {
		if b.Version != newer || b.Configuration["queued.max.requests"] != "300" {
			t.Errorf("broker %d runs version %s with %v", b.Node, b.Version, b.Configuration)
		}
	}
	if c := w.condition(orrery.ConditionFeaturesFinalized); c.Status != orrery.False || c.Reason != "Baking" {
		t.Errorf("%+v", c)
	}

	w.want("a setting is changed without a restart", func(s *orrery.PSCSpec) { s.Configuration["num.io.threads"] = "9" })
	for _, b := range w.observe().Brokers {
		if b.Configuration["num.io.threads"] != "" {
			t.Errorf("broker %d was restarted for it", b.Node)
		}
	}
	w.isSet("num.io.threads", "9")

	w.want("the features are finalised", func(s *orrery.PSCSpec) { s.BakeSeconds = 1 })
	w.until("the features are finalised", func() bool {
		c, ok := orrery.FindCondition(w.status.Conditions, orrery.ConditionFeaturesFinalized)
		return ok && c.Status == orrery.True
	})
	w.desired.Spec.Version = older
	w.until("the way back is refused", func() bool {
		c, _ := orrery.FindCondition(w.status.Conditions, orrery.ConditionReady)
		return c.Reason == "UnsupportedChange"
	})
	w.desired.Spec.Version = newer

	w.want("a broker more has its part", func(s *orrery.PSCSpec) { s.Brokers = 4 })
	if n := w.replicas(3); n < 6 {
		t.Errorf("broker 3 has %d replicas", n)
	}
	w.want("and is gone again", func(s *orrery.PSCSpec) { s.Brokers = 3 })
	if o := w.observe(); len(o.Brokers) != 3 || w.replicas(3) != 0 {
		t.Errorf("left is %+v with %d replicas on broker 3", o.Brokers, w.replicas(3))
	}
	load.check(w)
}

// isSet fails unless every broker says that it has a setting.
func (w *world) isSet(name, value string) {
	w.Helper()
	cluster, ok := w.operator.Cluster()
	if !ok {
		w.Fatal("nobody can be asked")
	}
	for _, b := range w.observe().Brokers {
		poll.Until(w, fmt.Sprintf("broker %d has %s=%s", b.Node, name, value), func() bool {
			settings, err := cluster.Configuration(w.ctx, b.Node)
			return err == nil && slices.ContainsFunc(settings, func(s brokers.Setting) bool { return s.Name == name && s.Value == value })
		})
	}
}

// replicas is how many replicas a broker has.
func (w *world) replicas(node int32) (n int) {
	w.Helper()
	cluster, ok := w.operator.Cluster()
	if !ok {
		w.Fatal("nobody can be asked")
	}
	partitions, err := cluster.Partitions(w.ctx)
	if err != nil {
		w.Fatal(fmt.Errorf("listing the partitions: %w", err))
	}
	for _, p := range partitions {
		if slices.Contains(p.Replicas, node) {
			n++
		}
	}
	return n
}
