package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestUsableAtOnce creates a cluster, waits for PROVISIONED, creates a key, and produces the first record with it, 200
// times in a row, and allows no client a retry: a 2xx means usable.
func TestUsableAtOnce(t *testing.T) {
	const rounds = 200
	s := start(t, t.TempDir())
	user := s.userID()
	for i := range rounds {
		c := s.createCluster(fmt.Sprintf("round-%d", i), object{"kind": "Basic"})
		key := s.createKey(user, c)
		if err := firstRecord(s, c, key, true); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		s.must(http.StatusNoContent, "DELETE", "/iam/v2/api-keys/"+key.id, nil)
		s.must(http.StatusNoContent, "DELETE", "/cmk/v2/clusters/"+c.id+"?environment="+c.environment, nil)
	}
}

// firstRecord creates a topic where asked and produces one record, each in one attempt.
func firstRecord(s *server, c cluster, key apiKey, newTopic bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	kafka := s.kafka(c.bootstrap, key, kgo.RequestRetries(0), kgo.RecordRetries(0), kgo.DefaultProduceTopic("first"))
	defer kafka.Close()
	if newTopic {
		if _, err := kadm.NewClient(kafka).CreateTopic(ctx, 1, -1, nil, "first"); err != nil {
			return fmt.Errorf("creating a topic: %w", err)
		}
	}
	return kafka.ProduceSync(ctx, kgo.StringRecord("hello")).FirstErr()
}

// TestRestart stops the server with SIGTERM and expects everything back on the same addresses.
func TestRestart(t *testing.T) {
	s := start(t, t.TempDir())
	c := s.createCluster("kept", object{"kind": "Dedicated", "cku": 1})
	key := s.createKey(s.userID(), c)
	if err := firstRecord(s, c, key, true); err != nil {
		t.Fatal(err)
	}
	url := s.env["ORRERY_URL"]
	again := s.restart(syscall.SIGTERM)
	if again.env["ORRERY_URL"] != url {
		t.Errorf("the API moved from %s to %s", url, again.env["ORRERY_URL"])
	}
	if got := again.waitCluster(c.id, c.environment); got != c {
		t.Errorf("the cluster was %+v and is %+v", c, got)
	}
	if got := readAll(t, again, c, key, "first"); len(got) != 1 || got[0] != "hello" {
		t.Errorf("the topic holds %q", got)
	}
	if err := firstRecord(again, c, key, false); err != nil {
		t.Errorf("producing after the restart: %v", err)
	}
}

// TestKill ends the server with SIGKILL in the middle of writes and expects every acknowledged record.
func TestKill(t *testing.T) {
	s := start(t, t.TempDir())
	c := s.createCluster("crash", object{"kind": "Basic"})
	key := s.createKey(s.userID(), c)
	kafka := s.kafka(c.bootstrap, key, kgo.DefaultProduceTopic("events"), kgo.ProducerLinger(0))
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if _, err := kadm.NewClient(kafka).CreateTopic(ctx, 3, -1, nil, "events"); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	var count atomic.Int64
	enough := make(chan struct{})
	producing, stopProducing := context.WithCancel(ctx)
	var producers sync.WaitGroup
	producers.Go(func() {
		for i := 0; producing.Err() == nil; i++ {
			value := fmt.Sprintf("record-%d", i)
			kafka.Produce(producing, kgo.StringRecord(value), func(_ *kgo.Record, err error) {
				if err != nil {
					return
				}
				mu.Lock()
				acknowledged[value] = true
				mu.Unlock()
				if count.Add(1) == 2000 {
					close(enough)
				}
			})
		}
	})
	select {
	case <-enough:
	case <-ctx.Done():
		t.Fatal("2,000 records were not acknowledged in time")
	}
	s.stop(syscall.SIGKILL)
	stopProducing()
	producers.Wait()
	kafka.Close()

	again := start(t, s.dir)
	got := map[string]int{}
	for _, value := range readAll(t, again, again.waitCluster(c.id, c.environment), key, "events") {
		got[value]++
	}
	mu.Lock()
	defer mu.Unlock()
	t.Logf("%d records acknowledged before the kill, %d there after it", len(acknowledged), len(got))
	for value := range acknowledged {
		if got[value] != 1 {
			t.Errorf("%s was acknowledged and is there %d times", value, got[value])
		}
	}
}

// readAll returns the values of a topic from its beginning to its end.
func readAll(t *testing.T, s *server, c cluster, key apiKey, topic string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	kafka := s.kafka(c.bootstrap, key, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer kafka.Close()
	ends, err := kadm.NewClient(kafka).ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	var want int64
	ends.Each(func(o kadm.ListedOffset) { want += o.Offset })
	var values []string
	for int64(len(values)) < want {
		fetches := kafka.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", len(values), want, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

// TestOneServerPerDirectory starts a second server on a directory: it must refuse and say why.
func TestOneServerPerDirectory(t *testing.T) {
	s := start(t, t.TempDir())
	second := launch(t, s.dir)
	select {
	case err := <-second.exited:
		second.exited <- err
		if err == nil {
			t.Error("the second server ended without an error")
		}
	case <-time.After(deadline):
		t.Fatal("the second server runs")
	}
	if out := second.output.String(); !strings.Contains(out, "in use by another") || !strings.Contains(out, "--dir") {
		t.Errorf("the second server said:\n%s", out)
	}
	s.environment() // the first one goes on
}

// TestWrongDirectory starts servers where they must not start.
func TestWrongDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.tex"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	newer := t.TempDir()
	if err := os.WriteFile(filepath.Join(newer, "orrery.json"), []byte(`{"format": 99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{file: "is a file", foreign: "not an Orrery data directory", newer: "format 99"} {
		s := launch(t, dir)
		select {
		case err := <-s.exited:
			s.exited <- err
			if out := s.output.String(); err == nil || !strings.Contains(out, want) || !strings.Contains(out, "--dir") {
				t.Errorf("%s: %v, %s", dir, err, out)
			}
		case <-time.After(deadline):
			t.Errorf("%s: the server runs", dir)
		}
	}
	if entries, err := os.ReadDir(foreign); err != nil || len(entries) != 1 {
		t.Errorf("the foreign directory was touched: %v, %v", entries, err)
	}
}
