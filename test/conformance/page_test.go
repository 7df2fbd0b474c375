package conformance

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/kafkatest"
)

// result is what the suite did on one engine.
type result struct {
	engine          kafkatest.Engine
	name            string // of the engine, with its version
	brokers         int
	direct, through attempt
	unsteady        []string // tests that had to be run again directly, and what they said
}

// String is the result on one line.
func (r result) String() string {
	return fmt.Sprintf("%s, %d brokers: directly %s; through the gateway %s", r.name, r.brokers, r.direct, r.through)
}

func (a attempt) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped in %.0f s", a.outcomes.count("pass"), a.outcomes.count("fail"), a.outcomes.count("skip"), a.took.Seconds())
}

// page is the page of the documentation about the whole suite.
func page(t *testing.T, s suite, f form, results []result) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `# Conformance

Written by %s; do not edit. franz-go's own integration tests, the tests of its kgo package as they are, run directly
on an engine and through gateways in front of it, as one tenant. Every test and subtest has to end the same way.

* Tests: %s %s, %d records through each chain, replication factor as many as there are brokers
* Commit: %s
* Date: %s
* Machine: %d cores, %s/%s; it may have done other work, so the times are no measurements

| engine | brokers | way | passed | failed | skipped | s |
|---|---|---|---|---|---|---|
`, "`make conformance`", kgoTests, s.version, f.records, command(t, "git", "describe", "--always", "--dirty"), time.Now().UTC().Format(time.DateOnly),
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	for _, r := range results {
		for _, way := range []struct {
			name string
			attempt
		}{{"direct", r.direct}, {"gateway", r.through}} {
			fmt.Fprintf(&b, "| %s | %d | %s | %d | %d | %d | %.0f |\n", r.name, r.brokers, way.name,
				way.outcomes.count("pass"), way.outcomes.count("fail"), way.outcomes.count("skip"), way.took.Seconds())
		}
	}
	b.WriteString("\n## Differences\n\n")
	different := 0
	for _, r := range results {
		for _, d := range expectedDifferences[r.engine] {
			fmt.Fprintf(&b, "* %s: %s: %s directly, %s through the gateway. %s\n", r.name, d.test, d.direct, d.through, d.why)
			different++
		}
		for _, problem := range compare(r.direct.outcomes, r.through.outcomes, expectedDifferences[r.engine]) {
			first, _, _ := strings.Cut(problem, "\n")
			fmt.Fprintf(&b, "* %s: %s **unexpected**\n", r.name, first)
			different++
		}
	}
	if different == 0 {
		b.WriteString("None.\n")
	}
	for _, r := range results {
		for _, test := range r.unsteady {
			name, _, _ := strings.Cut(test, ":")
			fmt.Fprintf(&b, "* %s: %s failed directly at first, and was run again.\n", r.name, name)
		}
	}
	b.WriteString("\n## Skipped\n\nBy the tests themselves, on both ways:\n\n")
	for _, r := range results {
		for _, name := range slices.Sorted(maps.Keys(r.direct.outcomes)) {
			if o := r.direct.outcomes[name]; o.result == "skip" {
				fmt.Fprintf(&b, "* %s: %s: %s\n", r.name, name, reason(o.output))
			}
		}
	}
	b.WriteString(`
## How

* Clients reach the gateways with a client certificate and no login (KGO_TEST_TLS). The listener is the test kit's: it
  checks the certificate, and joins the bytes to a connection of the gateway that belongs to the tenant.
* TestIssue769 brings a dialer of its own, which kgo refuses together with TLS, against any broker. It goes through the
  gateway without TLS.
* The tenant is of type Dedicated, for records of 10 MiB, and has a topic named __consumer_offsets: three tests want to
  see one, and a tenant sees nothing of the broker's own.
`)
	return b.String()
}

// reason is why a test says that it was skipped.
func reason(output string) string {
	for line := range strings.SplitSeq(output, "\n") {
		if _, why, ok := strings.Cut(line, "_test.go:"); ok && strings.HasPrefix(line, "    ") {
			if _, why, ok = strings.Cut(why, ": "); ok {
				return why
			}
		}
	}
	return "no reason given"
}
