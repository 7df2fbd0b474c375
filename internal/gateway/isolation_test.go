package gateway_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// seedsFile has the seeds that found something, one to a line, with what they found behind "#". They run first.
const seedsFile = "testdata/isolation_seeds.txt"

// soak reports whether the long form of the proof was asked for.
func soak() bool { return os.Getenv("ORRERY_SOAK") == "1" }

// Two hostile tenants send random valid requests of every key and version that is offered. None of their answers
// has a byte of another tenant, nothing that goes to a broker is another tenant's, and the victim is as it was.
func TestIsolation(t *testing.T) {
	t.Run("engine", func(t *testing.T) { gatewaytest.Start(t, gatewaytest.Options{}) }) // a broker that tests share stays
	before := runtime.NumGoroutine()
	t.Run("attack", func(t *testing.T) {
		w := newWorld(t)
		all := w.offered()
		fingerprint := w.fingerprint()
		deadline, batch := time.Now().Add(10*time.Second), 2
		if soak() {
			deadline = time.Now().Add(8 * time.Minute) // the victim's open transaction lives for ten
		}
		if testing.Short() {
			deadline = time.Now().Add(5 * time.Second)
		}
		var total tally
		kept := keptSeeds(t)
		for seed := int64(1); len(kept) > 0 || time.Now().Before(deadline); {
			var seeds []int64
			for ; len(seeds) < batch && len(kept) > 0; kept = kept[1:] {
				seeds = append(seeds, kept[0])
			}
			for ; len(seeds) < batch; seed++ {
				seeds = append(seeds, seed)
			}
			total.add(w.attackAll(seeds, all))
			w.holdsSession()
			if !w.blameless(fingerprint, seeds) {
				t.FailNow()
			}
		}
		w.stillServes()
		covered(t, all, total)
	})
	noGoroutineIsLeft(t, before)
}

// attackAll lets both intruders attack at once, with each of the seeds.
func (w *world) attackAll(seeds []int64, all []keyVersion) tally {
	var running sync.WaitGroup
	var mu sync.Mutex
	var total tally
	for _, who := range w.intruders {
		for _, seed := range seeds {
			running.Go(func() {
				w.behave(who, seed, all)
				done := w.attack(who, seed, all, nil)
				mu.Lock()
				defer mu.Unlock()
				total.add(done)
			})
		}
	}
	running.Wait()
	return total
}

// blameless fails the test with what the seeds found, and keeps them.
func (w *world) blameless(fingerprint string, seeds []int64) bool {
	w.t.Helper()
	found := w.taken()
	for _, f := range found {
		w.t.Errorf("seeds %d: %s", seeds, f)
	}
	change := difference(fingerprint, w.fingerprint())
	if change != "" {
		w.t.Errorf("seeds %d changed the victim:\n%s", seeds, change)
	}
	if len(found) == 0 && change == "" {
		return true
	}
	w.t.Logf("to keep the seeds: for s in %s; do echo $s >>internal/gateway/%s; done", strings.Trim(fmt.Sprint(seeds), "[]"), seedsFile)
	return false
}

func difference(before, after string) string {
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	count := map[string]int{}
	for _, l := range was {
		count[l]++
	}
	for _, l := range is {
		count[l]--
	}
	var changed []string
	for _, l := range append(was, is...) {
		switch n := count[l]; {
		case n > 0:
			changed = append(changed, "- "+l)
		case n < 0:
			changed = append(changed, "+ "+l)
		}
		count[l] = 0
	}
	return strings.Join(changed, "\n")
}

// stillServes checks that the victim goes on as if nothing had been.
func (w *world) stillServes() {
	w.t.Helper()
	w.holdsSession()
	if err := w.writer.EndTransaction(testContext(w.t), kgo.TryCommit); err != nil {
		w.t.Errorf("the victim could not commit: %v", err)
	}
	w.isCommitted()
	committed := []kgo.Opt{kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted())}
	direct, err := kgo.NewClient(slices.Concat(w.cluster.Kafka.ClientOptions(""), committed, []kgo.Opt{kgo.ConsumeTopics(victimID + "_orders")})...)
	if err != nil {
		w.t.Fatal(err)
	}
	defer direct.Close()
	consume(w.t, direct, 10) // what the brokers have is what the gateway gives
	reader := w.victim.client(append(committed, kgo.ConsumeTopics("orders"))...)
	for _, r := range consume(w.t, reader, 10) {
		if !strings.HasPrefix(string(r.Value), canary) {
			w.t.Errorf("the victim read %q", r.Value)
		}
	}
}

// isCommitted waits until the brokers let readers of committed records read all that the victim has.
func (w *world) isCommitted() {
	w.t.Helper()
	topic := victimID + "_orders"
	eventually(w.t, func() string {
		stable, err := w.admin().ListCommittedOffsets(testContext(w.t), topic)
		if err != nil {
			return err.Error()
		}
		ends, err := w.admin().ListEndOffsets(testContext(w.t), topic)
		if err != nil {
			return err.Error()
		}
		for p, end := range ends[topic] {
			if o := stable[topic][p]; o.Offset != end.Offset || o.Err != nil {
				return fmt.Sprintf("partition %d ends at %d, of which %d are committed (%v)", p, end.Offset, o.Offset, o.Err)
			}
		}
		return ""
	})
}

// covered fails unless every key and version was answered.
func covered(t testing.TB, all []keyVersion, total tally) {
	t.Helper()
	keys := map[int16]bool{}
	for _, kv := range all {
		keys[kv.key] = true
		if total.covered[kv] == 0 {
			t.Errorf("no %s version %d was answered", kmsg.NameForKey(kv.key), kv.version)
		}
	}
	t.Logf("%d requests of %d keys in %d versions: %d answered, %d closed the connection, %d were held", total.sent, len(keys), len(all), total.answered, total.closed, total.slow)
}

func keptSeeds(t testing.TB) (seeds []int64) {
	t.Helper()
	f, err := os.Open(filepath.FromSlash(seedsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		seed, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", seedsFile, err)
		}
		seeds = append(seeds, seed)
	}
	return seeds
}

// noGoroutineIsLeft waits until as many run as before a test.
func noGoroutineIsLeft(t *testing.T, before int) {
	t.Helper()
	eventually(t, func() string {
		now := runtime.NumGoroutine()
		if now <= before {
			return ""
		}
		stacks := make([]byte, 1<<20)
		return fmt.Sprintf("%d goroutines run, %d before\n%s", now, before, stacks[:runtime.Stack(stacks, true)])
	})
}
