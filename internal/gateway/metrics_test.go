package gateway

import (
	"bytes"
	"crypto/tls"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var metricDescription = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: "([^"]+)", unit: "[^"]*", constLabels: \{\}, variableLabels: \{([^}]*)\}\}$`)

// TestGoldenMetrics compares the names, labels and meanings of the gateway's metrics with the page about them: who has
// alerts on one must be told that it changes. make golden writes the table.
func TestGoldenMetrics(t *testing.T) {
	m, err := newMetrics(&Config{TLS: new(tls.Config)}, newTenantUses(time.Now, newBudget(1), newBudget(1)))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range m.collectors() {
		descriptions := make(chan *prometheus.Desc, 32)
		c.Describe(descriptions)
		close(descriptions)
		for d := range descriptions {
			parts := metricDescription.FindStringSubmatch(d.String())
			if parts == nil {
				t.Fatalf("%s cannot be read", d)
			}
			kind := "gauge"
			switch {
			case strings.HasSuffix(parts[1], "_total"):
				kind = "counter"
			case strings.HasSuffix(parts[1], "_duration_seconds"):
				kind = "histogram"
			}
			lines = append(lines, fmt.Sprintf("| `%s` | %s | %s | %s |", parts[1], kind, strings.ReplaceAll(parts[3], ",", ", "), parts[2]))
		}
	}
	slices.Sort(lines)
	page := filepath.Join("..", "..", "docs", "reference", "metrics.md")
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "| metric | type | labels | |\n|---|---|---|---|\n", "\n\n## "
	head, rest, ok := strings.Cut(string(have), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no table with the head %q and a section behind it", page, begin)
	}
	want := []byte(head + begin + strings.Join(lines, "\n") + end + tail)
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s does not have the metrics as they are: `make golden` writes them, and who uses them must be told. They are:\n%s", page, strings.Join(lines, "\n"))
	}
}

func TestLatencyHistogram(t *testing.T) {
	uses := newTenantUses(time.Now, newBudget(1), newBudget(1))
	registry := prometheus.NewRegistry()
	if _, err := newMetrics(&Config{Registerer: registry, TLS: new(tls.Config)}, uses); err != nil {
		t.Fatal(err)
	}
	use, _ := uses.open("lkc-a")
	for _, took := range []time.Duration{0, 500 * time.Microsecond, 3 * time.Millisecond, time.Minute} {
		use.latency[latencyProduce].add(took)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != metricPrefix+"tenant_request_duration_seconds" {
			continue
		}
		if len(family.GetMetric()) != 1 {
			t.Fatalf("%d series where one class of one tenant was used", len(family.GetMetric()))
		}
		h := family.GetMetric()[0].GetHistogram()
		var below []uint64
		for _, b := range h.GetBucket() {
			below = append(below, b.GetCumulativeCount())
		}
		if h.GetSampleCount() != 4 || !slices.Equal(below, []uint64{2, 2, 3, 3, 3, 3, 3, 3}) || h.GetSampleSum() < 60 || h.GetSampleSum() > 60.01 {
			t.Errorf("%d samples, %v, %v s", h.GetSampleCount(), below, h.GetSampleSum())
		}
		return
	}
	t.Error("there is no histogram")
}
