// Command bench measures the built program and writes what it found to a Markdown file, each part to its own section.
// It asserts nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/orrery-kafka/orrery/test/bench/coldstart"
	"github.com/orrery-kafka/orrery/test/bench/measured"
	"github.com/orrery-kafka/orrery/test/bench/speed"
)

// patience bounds all of it.
const patience = time.Hour

// settings are the flags.
type settings struct {
	binary string
	rounds int
	starts int
	speed  speed.Options
}

// part is what has a section of its own.
type part struct {
	name, heading string
	measure       func(context.Context, settings) (string, error)
}

var parts = []part{
	{"service", "Start, memory and the first record", measureService},
	{"start", coldstart.Heading, measureClusterStart},
	{"speed", speed.Heading, func(ctx context.Context, s settings) (string, error) { return speed.Measure(ctx, s.speed) }},
	{"policy", "What the policy costs a request", measurePolicy},
	{"hot", "Hot paths", goBench},
}

func main() {
	s := settings{speed: speed.Options{Progress: os.Stdout, Bytes: 1 << 30}}
	flag.StringVar(&s.binary, "binary", "bin/orrery", "the program to measure")
	out := flag.String("out", "docs/measured.md", "the file to write")
	only := flag.String("only", "", "the parts to measure, separated by commas: service, start, speed, policy, hot; default: all")
	flag.IntVar(&s.rounds, "rounds", 100, "rounds of create-to-first-record")
	flag.IntVar(&s.starts, "starts", 5, "runs of start")
	flag.IntVar(&s.speed.Runs, "runs", 5, "runs of speed that count")
	flag.IntVar(&s.speed.WarmRuns, "warm", 2, "runs of speed before those")
	flag.Var((*size)(&s.speed.Bytes), "bytes", "what a run of speed with large batches moves, such as 256MiB; default: 1GiB")
	flag.DurationVar(&s.speed.Duration, "duration", 5*time.Second, "how long a run of speed with small requests takes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings, out, only string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it took longer than %v", patience))
	defer cancel()
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	if s.speed.Runs < 1 || s.speed.WarmRuns < 0 || s.speed.Bytes < 1<<20 || s.speed.Duration < time.Second {
		return errors.New("speed needs at least one run, 1MiB and one second")
	}
	for _, p := range chosen {
		began := time.Now()
		body, err := p.measure(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if err := measured.Write(out, p.heading, body); err != nil {
			return err
		}
		fmt.Printf("%s: %q of %s is new, after %v\n", p.name, p.heading, out, time.Since(began).Round(time.Second))
	}
	return nil
}

func measureClusterStart(ctx context.Context, s settings) (string, error) {
	return coldstart.Measure(ctx, coldstart.Options{Binary: s.binary, Runs: s.starts, Progress: os.Stdout})
}

// choose returns the parts with these names, all for the empty string.
func choose(only string) ([]part, error) {
	if only == "" {
		return parts, nil
	}
	var chosen []part
	for name := range strings.SplitSeq(only, ",") {
		n := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
		if n < 0 {
			return nil, fmt.Errorf("there is no part %q; the parts are service, start, speed, policy and hot", name)
		}
		chosen = append(chosen, parts[n])
	}
	return chosen, nil
}

// size is a number of bytes on the command line: a number with B, KiB, MiB or GiB.
type size int64

func (s *size) String() string { return strconv.FormatInt(int64(*s), 10) + "B" }

func (s *size) Set(text string) error {
	for shift, unit := range []string{"KiB", "MiB", "GiB", "B"} {
		number, ok := strings.CutSuffix(text, unit)
		if !ok {
			continue
		}
		if unit == "B" {
			shift = -1
		}
		n, err := strconv.ParseInt(number, 10, 32)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is not a positive number", number)
		}
		*s = size(n << (10 * (shift + 1)))
		return nil
	}
	return errors.New("it is not a number with B, KiB, MiB or GiB")
}

// measureService measures the whole service in one process.
func measureService(ctx context.Context, s settings) (string, error) {
	var r report
	for _, measure := range []func(context.Context, string, int, *report) error{measureStart, measureMemory, measureFirstRecord} {
		if err := measure(ctx, s.binary, s.rounds, &r); err != nil {
			return "", err
		}
	}
	return "\n" + measured.Table([]string{"what", "measured", "goal", "how"}, r.rows), nil
}

// report is the rows of the result, in order.
type report struct{ rows [][]string }

func (r *report) add(what, value, goal, how string) {
	fmt.Printf("%s: %s\n", what, value)
	r.rows = append(r.rows, []string{what, value, goal, how})
}

// goBench runs the benchmarks beside the hot paths.
func goBench(ctx context.Context, _ settings) (string, error) {
	c := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", "300ms", "./internal/...")
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go test -bench: %w\n%s", err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "Benchmark") || strings.HasPrefix(line, "pkg:") {
			lines = append(lines, line)
		}
	}
	return fmt.Sprintf("\nGo benchmarks, one core each unless the name says otherwise.\n\n```\n%s```\n", strings.Join(lines, "")), nil
}

// percentile returns the value below which the share p of the durations lies.
func percentile(durations []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(durations))
	return sorted[min(int(float64(len(sorted))*p), len(sorted)-1)]
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.0f ms", d.Seconds()*1000) }
