package main

import (
	"slices"
	"strings"
	"testing"
)

// TestThreeClients is the short form of the matrix: a client of each family, in Go, on librdkafka and in Java.
func TestThreeClients(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs the clients that make clients fetches")
	}
	if _, err := matrix(t.Context(), options{root: "../..", binary: build(t), only: "franz-go,confluent-kafka-python,java", records: 200}); err != nil {
		t.Error(err)
	}
}

// TestCheck expects a report to be refused for each thing that a client or a gateway may get wrong.
func TestCheck(t *testing.T) {
	c := client{name: "some", lacks: []string{"kip848-group"}}
	good := func() report {
		r := report{Client: "some 1", Cluster: "lkc-1", Steps: map[string]cell{}}
		for _, step := range steps {
			r.Steps[step] = cell{Result: "ok"}
		}
		r.Steps["kip848-group"] = cell{"n/a", "it is old"}
		return r
	}
	if problems := c.check(good(), target{Cluster: "lkc-1"}, "first"); problems != nil {
		t.Errorf("a good report is refused: %v", problems)
	}
	for name, spoil := range map[string]func(*report){
		"a failed step":        func(r *report) { r.Steps["topics"] = cell{"failed", "why"} },
		"a missing step":       func(r *report) { delete(r.Steps, "topics") },
		"a skipped step":       func(r *report) { r.Steps["topics"] = cell{"n/a", "no wish to"} },
		"a step it should not": func(r *report) { r.Steps["kip848-group"] = cell{Result: "ok"} },
		"n/a without a reason": func(r *report) { r.Steps["kip848-group"] = cell{Result: "n/a"} },
		"another cluster id":   func(r *report) { r.Cluster = "lkc-2" },
		"no cluster id":        func(r *report) { r.Cluster = "" },
	} {
		r := good()
		spoil(&r)
		if problems := c.check(r, target{Cluster: "lkc-1"}, "first"); len(problems) != 1 {
			t.Errorf("%s: %v, want one problem", name, problems)
		}
	}
}

func TestMarkdown(t *testing.T) {
	r := row{client: "some", cells: map[string]cell{}}
	bad, ok := report{Client: "some 1", Steps: map[string]cell{"topics": {"failed", "a|b"}}}, report{Client: "some 1", Steps: map[string]cell{"topics": {Result: "ok"}}}
	r.add(bad)
	r.add(ok) // the other tenant's success hides nothing
	lines := strings.Split(markdown([]result{{engine: "engine 1", rows: []row{r}}}), "\n")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "| some 1 |") })
	if i < 0 || !strings.HasPrefix(lines[i], "| some 1 | **failed** [1](#notes) |") || strings.Count(lines[i], " | ") != len(steps) {
		t.Errorf("the table is\n%s", strings.Join(lines, "\n"))
	}
	if !slices.Contains(lines, `1. some 1: a\|b`) {
		t.Errorf("the notes lack the reason:\n%s", strings.Join(lines, "\n"))
	}
}

// TestMissing expects a client that is not installed to say what to do.
func TestMissing(t *testing.T) {
	for _, c := range clients {
		if c.name == "kcat" {
			continue // it comes with the system
		}
		if err := c.installed(t.TempDir()); err == nil || !strings.Contains(err.Error(), c.install) {
			t.Errorf("%s: %v, want %q", c.name, err, c.install)
		}
	}
}
