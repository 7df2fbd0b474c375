// Package measured writes sections of a Markdown file of measurements, docs/measured.md. A section is a heading of the
// second level and what follows up to the next one; each has its own machine, commit and date, and is rewritten without
// the others, so that several tools and parts of runs share the file.
package measured

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"
)

// preamble is what the file begins with.
const preamble = "# Measured\n\nWritten by `make bench` and `make soak`, each section alone; do not edit. Machines are shared and noisy: compare what was\n" +
	"measured on one machine at one time, and ratios rather than times.\n"

// Write puts a section into the file, in place of the one with the same heading or else at the end. The section is
// headed by the machine, the commit and the date of now; body is Markdown without headings of the first two levels.
// The other sections stay as they are.
func Write(path, heading, body string) error {
	document, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	origin := fmt.Sprintf("* Machine: %s\n* Commit: %s\n* Date: %s\n", machine(), commit(), time.Now().UTC().Format(time.DateOnly))
	rewritten, err := rewrite(string(document), heading, origin+body)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(rewritten), 0o644)
}

// section is a heading's text and everything up to the next heading.
type section struct{ heading, body string }

// rewrite returns the document with a section's body replaced, or appended where it has none with that heading.
func rewrite(document, heading, body string) (string, error) {
	for _, s := range split(body) {
		if s.heading != "" {
			return "", fmt.Errorf("the section %q has a heading of the second level in it, %q", heading, s.heading)
		}
	}
	fresh := section{heading, "\n" + strings.Trim(body, "\n") + "\n"}
	sections := split(document)[1:] // what comes before the first heading is the preamble
	found := false
	for n, s := range sections {
		if s.heading == heading {
			sections[n], found = fresh, true
		}
	}
	if !found {
		sections = append(sections, fresh)
	}
	var b strings.Builder
	b.WriteString(preamble)
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", s.heading, strings.Trim(s.body, "\n"))
	}
	return b.String(), nil
}

// split takes a document apart at its headings of the second level. The first section is what comes before them; it has
// no heading. A line inside a block of code is no heading.
func split(document string) []section {
	sections := []section{{}}
	code := false
	for line := range strings.Lines(document) {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if heading, ok := strings.CutPrefix(line, "## "); ok && !code {
			sections = append(sections, section{heading: strings.TrimSpace(heading)})
			continue
		}
		sections[len(sections)-1].body += line
	}
	return sections
}

// Table is a Markdown table.
func Table(head []string, rows [][]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
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
	return fmt.Sprintf("%s cores, %s, %s, %s", command("nproc"), model, command("uname", "-sr"), command("go", "version"))
}

func commit() string { return command("git", "describe", "--always", "--dirty") }

func command(name string, arguments ...string) string {
	out, err := exec.Command(name, arguments...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
