package main

import (
	"cmp"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// cell is the result of a step.
type cell struct {
	Result string `json:"result"` // ok, n/a, failed
	Detail string `json:"detail"` // why it is not ok, or a remark
}

// row is a line of the table: what a client did for both tenants.
type row struct {
	client string
	name   string // with its version, as the client says
	cells  map[string]cell
}

// add takes in what the client did for one tenant; of two results the worse one counts.
func (r *row) add(from report) {
	r.name = from.Client
	for _, step := range steps {
		got, ok := from.Steps[step]
		if !ok {
			got = cell{"failed", "not reported"}
		}
		if have := r.cells[step]; have.Result != "failed" {
			r.cells[step] = got
		}
	}
}

// String is the row on one line, for the terminal.
func (r row) String() string {
	counts := map[string][]string{}
	for _, step := range steps {
		result := cmp.Or(r.cells[step].Result, "failed")
		counts[result] = append(counts[result], step)
	}
	line := fmt.Sprintf("%s: %d ok, %d n/a, %d failed", cmp.Or(r.name, r.client), len(counts["ok"]), len(counts["n/a"]), len(counts["failed"]))
	if failed := counts["failed"]; len(failed) > 0 {
		line += ": " + strings.Join(failed, " ")
	}
	return line
}

// markdown is the page with a table for each engine.
func markdown(results []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Clients

Written by %s; do not edit. Every client is the unmodified one that people use. Each runs the scenario of
[test/clients](../../test/clients/README.md) through the gateways, for two tenants with the same names at once.

* Commit: %s
* Date: %s

ok: it did what it has to. n/a: the client has no means for it.
`, "`make matrix`", output("git", "describe", "--always", "--dirty"), time.Now().UTC().Format(time.DateOnly))
	var remarks []string // one for each footnote
	for _, r := range results {
		fmt.Fprintf(&b, "\n## Engine: %s\n\n| client | %s |\n|---|%s\n", r.engine, strings.Join(steps, " | "), strings.Repeat("---|", len(steps)))
		for _, line := range r.rows {
			b.WriteString(line.markdown(&remarks))
		}
	}
	b.WriteString("\n## Notes\n\n")
	for i, remark := range remarks {
		fmt.Fprintf(&b, "%d. %s\n", i+1, remark)
	}
	return b.String()
}

// markdown is the row of a table; what it remarks goes into the footnotes.
func (r row) markdown(remarks *[]string) string {
	line := "| " + cmp.Or(r.name, r.client) + " |"
	for _, step := range steps {
		c := r.cells[step]
		text := cmp.Or(c.Result, "failed")
		if text == "failed" {
			text = "**failed**"
		}
		if strings.TrimSpace(c.Detail) != "" {
			remark := cmp.Or(r.name, r.client) + ": " + strings.Join(strings.Fields(strings.ReplaceAll(c.Detail, "|", "\\|")), " ")
			if !slices.Contains(*remarks, remark) {
				*remarks = append(*remarks, remark)
			}
			text += fmt.Sprintf(" [%d](#notes)", slices.Index(*remarks, remark)+1)
		}
		line += " " + text + " |"
	}
	return line + "\n"
}

func output(name string, arguments ...string) string {
	out, err := exec.Command(name, arguments...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
