package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/orrery-kafka/orrery/test/bench/measured"
)

// policyRuns is how often the cost of a request is measured.
const policyRuns = 5

// policyRows are the benchmarks of a request, by their names, in the order of the table.
var policyRows = []struct{ name, what, goal string }{
	{"Produce_policy", "Produce of one batch: session, quotas, right, metrics", "2000 ns, 0"},
	{"Fetch_policy", "Fetch of one partition: the same", "2000 ns, 0"},
	{"Produce_all", "Produce: all that the gateway does but for TLS and sockets", ""},
	{"Fetch_all", "Fetch: the same", ""},
}

// measurePolicy measures what the gateway's policy adds to a request.
func measurePolicy(ctx context.Context, _ settings) (string, error) {
	c := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkRequest$", "-benchmem", "-cpu", "1", "-count", strconv.Itoa(policyRuns), "./internal/gateway")
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go test -bench: %w\n%s", err, out)
	}
	results := requestResults(string(out))
	var rows [][]string
	for _, row := range policyRows {
		runs := results[row.name]
		if len(runs) != policyRuns {
			return "", fmt.Errorf("%d runs of %s, not %d:\n%s", len(runs), row.name, policyRuns, out)
		}
		processor, allocations := median(runs, "cpu-ns/op"), median(runs, "allocs/op")
		fmt.Printf("%s: %.0f ns, %.0f allocations\n", row.what, processor, allocations)
		rows = append(rows, []string{row.what, fmt.Sprintf("%.0f ns", processor), fmt.Sprintf("%.0f", allocations), row.goal})
	}
	return "\nOne tenant with 10,000 ACLs, 1,000 principals and every quota; each principal asks in its turn, on a connection of its own. The right is looked up each time, where a connection remembers it. " +
		fmt.Sprintf("Time of one core, median of %d runs (`BenchmarkRequest`).\n\n", policyRuns) +
		measured.Table([]string{"what", "time of the processor", "allocations", "goal"}, rows), nil
}

// requestResults reads what go test says of BenchmarkRequest: for each benchmark and run its values by their units.
func requestResults(output string) map[string][]map[string]float64 {
	results := map[string][]map[string]float64{}
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "BenchmarkRequest/") {
			continue
		}
		values := map[string]float64{}
		for i := 2; i+1 < len(fields); i += 2 {
			if value, err := strconv.ParseFloat(fields[i], 64); err == nil {
				values[fields[i+1]] = value
			}
		}
		name := strings.TrimPrefix(fields[0], "BenchmarkRequest/")
		results[name] = append(results[name], values)
	}
	return results
}

// median returns that of one unit's values.
func median(runs []map[string]float64, unit string) float64 {
	var values []float64
	for _, run := range runs {
		values = append(values, run[unit])
	}
	slices.Sort(values)
	return values[len(values)/2]
}
