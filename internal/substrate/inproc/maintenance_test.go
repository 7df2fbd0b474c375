package inproc

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
)

// bench is one engine with a client.
type bench struct {
	*testing.T
	ctx    context.Context
	engine *engine
	client *kgo.Client
	admin  *kadm.Client
}

func newBench(t *testing.T) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	b := &bench{T: t, ctx: ctx}
	b.open(filepath.Join(t.TempDir(), dataDir))
	return b
}

func (b *bench) open(dir string) {
	b.Helper()
	b.engine = newEngine("pkc-a", dir, slog.New(slog.NewTextHandler(b.Output(), nil)))
	b.engine.compactionFloor = 1
	for node := range int32(2) {
		if err := b.engine.start(b.ctx, node, orrery.PSCSpec{Brokers: 2}); err != nil {
			b.Fatal(err)
		}
	}
	client, err := b.engine.doors.client([]int32{0, 1})
	if err != nil {
		b.Fatal(err)
	}
	b.client, b.admin = client, kadm.NewClient(client)
	engine := b.engine
	b.Cleanup(func() { client.Close(); engine.close() })
}

func (b *bench) topic(name string, configs map[string]string) {
	b.Helper()
	values := map[string]*string{}
	for key, value := range configs {
		values[key] = &value
	}
	if _, err := b.admin.CreateTopic(b.ctx, 1, 1, values, name); err != nil {
		b.Fatal(err)
	}
}

// produce writes one batch for each record.
func (b *bench) produce(topic string, at time.Time, keys ...string) {
	b.Helper()
	for i, key := range keys {
		r := &kgo.Record{Topic: topic, Key: []byte(key), Value: fmt.Appendf(nil, "%s %d %s", at.Format(time.RFC3339Nano), i, strings.Repeat("x", 100)), Timestamp: at}
		if err := b.client.ProduceSync(b.ctx, r).FirstErr(); err != nil {
			b.Fatal(err)
		}
	}
}

// consume returns the keys in a topic, as OFFSET:KEY.
func (b *bench) consume(topic string) []string {
	b.Helper()
	ends, err := b.admin.ListEndOffsets(b.ctx, topic)
	if err != nil {
		b.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	client, err := b.engine.doors.client([]int32{0, 1})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}})
	var keys []string
	for last := int64(-1); last < end.Offset-1; {
		fetches := client.PollFetches(b.ctx)
		if b.ctx.Err() != nil {
			b.Fatalf("got only %v of %s up to %d", keys, topic, end.Offset)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			keys = append(keys, fmt.Sprintf("%d:%s", r.Offset, r.Key))
			last = r.Offset
		})
	}
	return keys
}

func (b *bench) maintain(now time.Time) {
	b.Helper()
	if err := b.engine.maintain(b.ctx, now); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) want(topic, want string) {
	b.Helper()
	if got := fmt.Sprint(b.consume(topic)); got != want {
		b.Errorf("%s has %s, want %s", topic, got, want)
	}
}

func (b *bench) configs(topic string) map[string]string {
	b.Helper()
	resources, err := b.admin.DescribeTopicConfigs(b.ctx, topic)
	if err != nil {
		b.Fatal(err)
	}
	configs := map[string]string{}
	for _, c := range resources[0].Configs {
		configs[c.Key] = c.MaybeValue()
	}
	return configs
}

// Retention is for topics that delete; one that only compacts keeps its newest records for ever, however old, also
// where it has a retention of its own; and a partition never loses its last record, nor its offsets in a crash.
func TestRetentionAndCompaction(t *testing.T) {
	b := newBench(t)
	b.topic("deletes", nil)
	b.topic("hour", map[string]string{"retention.ms": "3600000"})
	b.topic("compacts", map[string]string{"cleanup.policy": "compact"})
	b.topic("compacts-own", map[string]string{"cleanup.policy": "compact", "retention.ms": "3600000"})
	b.topic("both", map[string]string{"cleanup.policy": "compact,delete", "retention.ms": "3600000"})
	now := time.Now()
	month := now.Add(-30 * 24 * time.Hour)
	for _, topic := range []string{"deletes", "hour", "compacts", "compacts-own", "both"} {
		b.produce(topic, month, "a", "b", "a")
		b.produce(topic, now, "c", "a")
	}
	b.maintain(now)
	b.want("deletes", "[3:c 4:a]")
	b.want("hour", "[3:c 4:a]")
	b.want("both", "[3:c 4:a]")
	// The last batch is never compacted, so the record of "a" before it stays for a round.
	b.want("compacts", "[1:b 2:a 3:c 4:a]")
	b.want("compacts-own", "[1:b 2:a 3:c 4:a]")
	if got := b.configs("compacts-own")[retentionMS]; got != "3600000" {
		t.Errorf("the topic's own retention is %s after a compaction", got)
	}
	if got := b.configs("deletes")[retentionMS]; got != "604800000" {
		t.Errorf("the cluster's retention is %s after a compaction", got)
	}
	b.produce("compacts", now, "d")
	b.engine.compactedSize = 0
	b.maintain(now.Add(time.Hour + time.Second))
	b.want("compacts", "[1:b 3:c 4:a 5:d]")
	b.want("hour", "[4:a]")
	b.maintain(now.Add(30 * 24 * time.Hour))
	b.want("deletes", "[4:a]")
	b.want("compacts", "[1:b 3:c 4:a 5:d]")

	// As after kill -9: the files as they are, without what a clean stop writes.
	crashed := filepath.Join(t.TempDir(), dataDir)
	if err := os.CopyFS(crashed, os.DirFS(b.engine.dir)); err != nil {
		t.Fatal(err)
	}
	b.open(crashed)
	b.maintain(now.Add(30 * 24 * time.Hour)) // what was deleted may be back until then
	b.want("deletes", "[4:a]")
	b.want("compacts", "[1:b 3:c 4:a 5:d]")
	b.produce("deletes", now, "next")
	b.want("deletes", "[4:a 5:next]")
}

func TestRetentionBySize(t *testing.T) {
	b := newBench(t)
	b.topic("sized", map[string]string{"retention.bytes": "1000", "segment.bytes": "500"})
	keys := strings.Split("abcdefghijklmnopqrst", "")
	b.produce("sized", time.Now(), keys...)
	b.maintain(time.Now())
	left := b.consume("sized")
	if len(left) < 4 || len(left) > 12 || left[len(left)-1] != "19:t" {
		t.Errorf("about 1,000 bytes should be left, and there is %v", left)
	}
	before := fmt.Sprint(left)
	b.maintain(time.Now())
	b.want("sized", before)
}

func TestCompactionWaitsUntilItIsWorthIt(t *testing.T) {
	b := newBench(t)
	b.engine.compactionFloor = 1000
	b.topic("compacts", map[string]string{"cleanup.policy": "compact"})
	b.produce("compacts", time.Now(), "a", "a", "a", "b")
	b.maintain(time.Now())
	b.want("compacts", "[0:a 1:a 2:a 3:b]")
	b.produce("compacts", time.Now(), "a", "a", "a", "a", "a", "b")
	b.maintain(time.Now())
	b.want("compacts", "[3:b 8:a 9:b]")
	b.produce("compacts", time.Now(), "a", "a")
	b.maintain(time.Now())
	b.want("compacts", "[3:b 8:a 9:b 10:a 11:a]")
}

// Requests that come while the engine is held are answered afterwards, and nothing that was acknowledged is lost.
func TestProducingDuringCompaction(t *testing.T) {
	b := newBench(t)
	b.topic("compacts", map[string]string{"cleanup.policy": "compact"})
	var count atomic.Int64
	stop, acknowledged := make(chan struct{}), make(chan map[string]int64, 1)
	go func() {
		newest := map[string]int64{}
		for i := 0; ; i++ {
			select {
			case <-stop:
				acknowledged <- newest
				return
			default:
			}
			r := &kgo.Record{Topic: "compacts", Key: fmt.Appendf(nil, "k%d", i%7), Value: fmt.Append(nil, i)}
			if err := b.client.ProduceSync(b.ctx, r).FirstErr(); err == nil {
				newest[string(r.Key)] = r.Offset
				count.Add(1)
			}
		}
	}()
	for round := 0; (round < 20 || count.Load() < 100) && b.ctx.Err() == nil; round++ {
		b.engine.compactedSize = 0
		b.maintain(time.Now())
	}
	close(stop)
	newest := <-acknowledged
	got := map[string]bool{}
	for _, record := range b.consume("compacts") {
		got[record] = true
	}
	if len(newest) != 7 {
		t.Fatalf("only %v were acknowledged", newest)
	}
	for key, offset := range newest {
		if !got[fmt.Sprintf("%d:%s", offset, key)] {
			t.Errorf("the newest record of %s, at %d, is lost", key, offset)
		}
	}
}

// A crash at any point of the rewriting loses nothing: partitions that were cut are taken back, those that were
// done already, and have got new records since, are not.
func TestCrashDuringCompaction(t *testing.T) {
	for name, cut := range map[string]func(t *testing.T, live string){
		"before anything": func(*testing.T, string) {},
		"files removed": func(t *testing.T, live string) {
			for _, name := range logFiles(t, live) {
				remove(t, filepath.Join(live, name))
			}
		},
		"log half written": func(t *testing.T, live string) {
			for _, name := range logFiles(t, live) {
				rewrite(t, filepath.Join(live, name), 0.5)
			}
		},
		"last index entry missing": func(t *testing.T, live string) {
			for _, name := range logFiles(t, live) {
				fraction := 1.0
				if strings.HasSuffix(name, indexSuffix) {
					fraction = 0.9
				}
				rewrite(t, filepath.Join(live, name), fraction)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for _, topic := range []string{"first", "second"} {
				b.topic(topic, map[string]string{"cleanup.policy": "compact", "retention.ms": "86400000"})
				b.produce(topic, time.Now(), "a", "b", "a", "b", "c")
			}
			topics, err := listTopics(b.ctx, b.admin)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.engine.liftRetention(b.ctx, b.client, topics); err != nil {
				t.Fatal(err)
			}
			if err := b.engine.held(b.ctx, func() error { return b.engine.keep(topics) }); err != nil {
				t.Fatal(err)
			}
			b.engine.cluster.Compact()
			b.produce("first", time.Now(), "after") // done already when the crash comes

			home := filepath.Join(t.TempDir(), "crashed")
			if err := os.CopyFS(home, os.DirFS(filepath.Dir(b.engine.dir))); err != nil {
				t.Fatal(err)
			}
			cut(t, filepath.Join(home, dataDir, partsDir, "second-0"))
			b.open(filepath.Join(home, dataDir))
			b.want("first", "[2:a 3:b 4:c 5:after]")
			if got := b.consume("second"); !slices.Contains(got, "2:a") || !slices.Contains(got, "3:b") || !slices.Contains(got, "4:c") {
				t.Errorf("second has %v", got)
			}
			for _, topic := range []string{"first", "second"} {
				if got := b.configs(topic)[retentionMS]; got != "86400000" {
					t.Errorf("the retention of %s is %s", topic, got)
				}
			}
			for _, left := range []string{keptDir, keptFile} {
				if _, err := os.Stat(filepath.Join(home, left)); !os.IsNotExist(err) {
					t.Errorf("%s is left: %v", left, err)
				}
			}
			b.maintain(time.Now())
			if got := b.consume("second"); !slices.Contains(got, "2:a") || !slices.Contains(got, "3:b") || !slices.Contains(got, "4:c") {
				t.Errorf("after another compaction second has %v", got)
			}
		})
	}
}

func logFiles(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), segmentSuffix) || strings.HasSuffix(e.Name(), indexSuffix) {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		t.Fatalf("%s holds no log", dir)
	}
	return names
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// rewrite makes a file anew with the first part of its content.
func rewrite(t *testing.T, path string, fraction float64) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, path)
	if err := os.WriteFile(path, content[:int(float64(len(content))*fraction)], 0o600); err != nil {
		t.Fatal(err)
	}
}

// What was made or changed between the look at the topics and the compaction stops it.
func TestCompactionOfWhatChangedIsPutOff(t *testing.T) {
	b := newBench(t)
	b.topic("compacts", map[string]string{"cleanup.policy": "compact"})
	b.produce("compacts", time.Now(), "a", "a", "b")
	topics, err := listTopics(b.ctx, b.admin)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(){
		"new topic": func() {
			b.topic("new", map[string]string{"cleanup.policy": "compact"})
			b.produce("new", time.Now(), "a")
		},
		"retention": func() {
			value := "1"
			if _, err := b.admin.AlterTopicConfigs(b.ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: retentionMS, Value: &value}}, "compacts"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		change()
		if err := b.engine.unchanged(topics); err == nil {
			t.Errorf("%s: it would be compacted", name)
		}
	}
	b.want("compacts", "[0:a 1:a 2:b]")
}

func TestNoteOfLiftedRetentionIsComplete(t *testing.T) {
	b := newBench(t)
	b.topic("own", map[string]string{"retention.ms": "5000", "retention.bytes": "77"})
	topics, err := listTopics(b.ctx, b.admin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.liftRetention(b.ctx, b.client, topics); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(filepath.Dir(b.engine.dir), keptFile))
	if err != nil {
		t.Fatal(err)
	}
	var own settings
	if err := json.Unmarshal(content, &own); err != nil || !maps.Equal(own["own"], map[string]string{"retention.ms": "5000", "retention.bytes": "77"}) {
		t.Errorf("noted %s, %v", content, err)
	}
	if got := b.configs("own"); got["retention.ms"] != noLimit || got["retention.bytes"] != noLimit {
		t.Errorf("the retention is %v", got)
	}
}
