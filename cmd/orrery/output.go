package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"sigs.k8s.io/yaml"
)

// The output formats of every command.
const (
	outputHuman = "human"
	outputJSON  = "json"
	outputYAML  = "yaml"
)

func checkOutput(format string) error {
	if slices.Contains([]string{outputHuman, outputJSON, outputYAML}, format) {
		return nil
	}
	return usageError("choose one of human, json, yaml", "--output %q is not a format", format)
}

// show writes a value on stdout: for a person with human, else as the document that the API returned.
func (p *program) show(value any, human func(io.Writer)) error {
	var out bytes.Buffer
	switch p.global.output {
	case outputJSON:
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(value); err != nil {
			return err
		}
	case outputYAML:
		document, err := yaml.Marshal(value)
		if err != nil {
			return err
		}
		out.Write(document)
	default:
		human(&out)
	}
	_, err := p.stdout.Write(out.Bytes())
	return err
}

// tell writes a line for a person on stdout; a machine gets none.
func (p *program) tell(format string, args ...any) {
	if p.global.output == outputHuman && !p.global.quiet {
		fmt.Fprintf(p.stdout, format+"\n", args...)
	}
}

// note writes a line for a person on stderr, unless --quiet.
func (p *program) note(format string, args ...any) {
	if !p.global.quiet {
		fmt.Fprintf(p.stderr, format+"\n", args...)
	}
}

// table writes rows under a header, in columns. An empty cell shows as "-".
func table(w io.Writer, header []string, rows [][]string) {
	columns := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = cellText(cell)
		}
		fmt.Fprintln(columns, strings.Join(cells, "\t"))
	}
	columns.Flush()
}

// detail is one line of a description.
type detail struct{ name, value string }

// details writes names and values in two columns, without those that have no value.
func details(w io.Writer, list []detail) {
	columns := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, d := range list {
		if d.value != "" {
			fmt.Fprintf(columns, "%s:\t%s\n", d.name, cellText(d.value))
		}
	}
	columns.Flush()
}

// cellText makes a value safe for a cell and for a terminal: no control characters, never empty.
func cellText(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// plural returns "1 topic", "2 topics".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
