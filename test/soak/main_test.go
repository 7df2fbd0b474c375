package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A part that fails is told, with what it said in its log, and the parts behind it are run.
func TestRun(t *testing.T) {
	before := parts
	t.Cleanup(func() { parts = before })
	parts = []part{{"bad", "fails", "go no-such-command"}, {"good", "passes", "go env GOOS"}}
	dir := t.TempDir()
	out, logs := filepath.Join(dir, "measured.md"), filepath.Join(dir, "logs")
	err := run(t.Context(), out, "", logs, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "bad: ") || strings.Contains(err.Error(), "good: ") {
		t.Errorf("error %v", err)
	}
	written, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(written), "| bad | fails | failed |") || !strings.Contains(string(written), "| good | passes | passed |") {
		t.Errorf("%v; it wrote\n%s", err, written)
	}
	log, err := os.ReadFile(filepath.Join(logs, "bad.log"))
	if err != nil || !strings.Contains(string(log), "no-such-command") {
		t.Errorf("%v; the log is %q", err, log)
	}
	if err := run(t.Context(), out, "good,worse", logs, io.Discard); err == nil || !strings.Contains(err.Error(), "worse") {
		t.Errorf("a part that does not exist: %v", err)
	}
}

// Every part names packages that exist, so that none passes because it ran nothing.
func TestParts(t *testing.T) {
	names := map[string]bool{}
	for _, p := range parts {
		if names[p.name] || p.what == "" {
			t.Errorf("the part %+v", p)
		}
		names[p.name] = true
		for argument := range strings.FieldsSeq(p.command) {
			if directory, ok := strings.CutPrefix(argument, "./"); ok {
				if found, err := filepath.Glob(filepath.Join("..", "..", directory, "*.go")); err != nil || len(found) == 0 {
					t.Errorf("%s: no Go files in %s, %v", p.name, directory, err)
				}
			}
		}
	}
}
