// Command bench measures the built program from outside and writes what it found, with the machine and the
// commit, to a Markdown file. It asserts nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

func main() {
	binary := flag.String("binary", "bin/orrery", "the program to measure")
	out := flag.String("out", "docs/measured.md", "the file to write")
	rounds := flag.Int("rounds", 100, "rounds of create-to-first-record")
	flag.Parse()
	if err := run(*binary, *out, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(binary, out string, rounds int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	var r report
	for _, measure := range []func(context.Context, string, int, *report) error{measureStart, measureMemory, measureFirstRecord} {
		if err := measure(ctx, binary, rounds, &r); err != nil {
			return err
		}
	}
	gateway, err := goBench(ctx)
	if err != nil {
		return err
	}
	return os.WriteFile(out, []byte(r.markdown(gateway)), 0o644)
}

// report is the rows of the result, in order.
type report struct{ rows [][4]string }

func (r *report) add(what, value, goal, how string) {
	fmt.Printf("%s: %s\n", what, value)
	r.rows = append(r.rows, [4]string{what, value, goal, how})
}

func (r *report) markdown(gateway string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Measured\n\nWritten by `make bench`; do not edit. Machines are shared and noisy: compare runs on one machine, and ratios rather than times.\n\n")
	fmt.Fprintf(&b, "* Machine: %s\n* Commit: %s\n* Date: %s\n\n", machine(), commit(), time.Now().UTC().Format("2006-01-02"))
	fmt.Fprintf(&b, "| what | measured | goal | how |\n|---|---|---|---|\n")
	for _, row := range r.rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", row[0], row[1], row[2], row[3])
	}
	fmt.Fprintf(&b, "\n## Hot paths\n\nGo benchmarks, one core each unless the name says otherwise.\n\n```\n%s```\n", gateway)
	return b.String()
}

func machine() string {
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
			}
		}
	}
	cores := command("nproc")
	return fmt.Sprintf("%s cores, %s, %s, %s", cores, model, command("uname", "-sr"), command("go", "version"))
}

func commit() string { return command("git", "describe", "--always", "--dirty") }

func command(name string, arguments ...string) string {
	out, err := exec.Command(name, arguments...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// goBench runs the benchmarks beside the hot paths.
func goBench(ctx context.Context) (string, error) {
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
	return strings.Join(lines, ""), nil
}

// percentile returns the value below which the share p of the durations lies.
func percentile(durations []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(durations))
	return sorted[min(int(float64(len(sorted))*p), len(sorted)-1)]
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.0f ms", d.Seconds()*1000) }
