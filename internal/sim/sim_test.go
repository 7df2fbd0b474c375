package sim_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/sim"
)

// small is a simulation that takes a fraction of a second and has everything in it.
func small(seed uint64) sim.Config {
	return sim.Config{Seed: seed, Satellites: 4, Physical: 8, Logical: 40, Days: 3, Events: 120}
}

// run runs a simulation in which nothing must be found.
func run(t *testing.T, c sim.Config) sim.Report {
	t.Helper()
	began := time.Now()
	report, err := sim.Run(t.Context(), c)
	var failure *sim.Failure
	if errors.As(err, &failure) {
		t.Fatalf("seed %d: %v\n%s", c.Seed, failure, failure.Trace)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d in %v: %+v", c.Seed, time.Since(began).Round(time.Millisecond), report)
	return report
}

// A fleet through a month of faults; with ORRERY_SOAK=1 one that is ten times as large, through a month and a year. How
// long it took is in the log.
func TestFleet(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // most of what there is stays
	fleet(t, sim.Config{Seed: 1, Satellites: 10, Physical: 100, Logical: 1000, Days: 30})
	if os.Getenv("ORRERY_SOAK") != "" {
		large := sim.Config{Seed: 1, Satellites: 100, Physical: 1000, Logical: 10_000, Days: 30}
		fleet(t, large)
		large.Days, large.Events = 365, 120_000
		fleet(t, large)
	}
}

func fleet(t *testing.T, c sim.Config) {
	t.Helper()
	report := run(t, c)
	if report.Logical < c.Logical*9/10 || report.Physical < c.Physical*9/10 {
		t.Errorf("the fleet is smaller than it should be: %+v", report)
	}
}

// Whatever goes wrong, the platform gets to what was asked for. ORRERY_SOAK=1 runs a thousand seeds.
func TestSeeds(t *testing.T) {
	seeds := uint64(50)
	if os.Getenv("ORRERY_SOAK") != "" {
		seeds = 1000
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed+1), func(t *testing.T) {
			t.Parallel()
			report := run(t, small(seed+1))
			// Without these the run would prove nothing.
			if report.Logical == 0 || report.Physical == 0 || report.Counts.StateWrites == 0 || report.Counts.Actions == 0 || report.Counts.LedgerWrites == 0 {
				t.Errorf("it did %+v", report)
			}
		})
	}
}

// The same seed does the same, line by line, and another one something else.
func TestSameSeedSameTrace(t *testing.T) {
	traced := func(seed uint64) (string, string) {
		var trace bytes.Buffer
		c := small(seed)
		c.Trace = &trace
		return run(t, c).Hash, trace.String()
	}
	hash, trace := traced(1)
	again, traceAgain := traced(1)
	if hash != again || trace != traceAgain || strings.Count(trace, "\n") < 1000 {
		t.Errorf("the same seed gave the hashes %s and %s, with traces of %d and %d bytes", hash, again, len(trace), len(traceAgain))
	}
	if other, _ := traced(2); other == hash {
		t.Error("another seed changes nothing")
	}
}

func TestWrongInput(t *testing.T) {
	for text, change := range map[string]func(*sim.Config){
		"0 satellites":                 func(c *sim.Config) { c.Satellites = 0 },
		"41 physical clusters for 40":  func(c *sim.Config) { c.Physical = 41 },
		"0 logical clusters; 1 to":     func(c *sim.Config) { c.Logical, c.Physical = 0, 0 },
		"-1 days; 1 to 3660 are":       func(c *sim.Config) { c.Days = -1 },
		"10000001 events; 0 to 100000": func(c *sim.Config) { c.Events = 10_000_001 },
	} {
		c := small(1)
		change(&c)
		if _, err := sim.Run(t.Context(), c); orrery.ErrorCode(err) != orrery.Invalid || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v; want %q in it", err, text)
		}
	}
	for script, text := range map[string]string{
		"fly orders":                         "there is no command",
		"create orders":                      "usage: create NAME TYPE",
		"create a Basic\ncreate a Basic":     "there is a cluster \"a\" already",
		"create a Dedicated region-1 many":   "is not a number of CKU",
		"run soon":                           "is not a time span",
		"crash sat-9":                        "there are sat-1 to sat-1",
		"crash mothership never":             "is not a number of writes",
		"substrate sat-1 sleep 1m":           "is not a fault of a substrate",
		"world satellites=0":                 "is not seed=N",
		"run 1s\nworld seed=2":               "the world is there already",
		"create a Basic\nstop-broker a last": "is not the number of a node",
	} {
		if _, err := sim.RunScript(t.Context(), script, nil); orrery.ErrorCode(err) != orrery.Invalid || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: error %v; want %q in it", script, err, text)
		}
	}
}
