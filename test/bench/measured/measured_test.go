package measured

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRewriteReplacesOneSectionOnly(t *testing.T) {
	document := preamble + "\n## One\n\nfirst\n\n### Part\n\n```\n## no heading\n```\n\n## Two\n\nsecond\n"
	got, err := rewrite(document, "Two", "new\n\n### Detail\n\ntext\n")
	if err != nil {
		t.Fatal(err)
	}
	want := preamble + "\n## One\n\nfirst\n\n### Part\n\n```\n## no heading\n```\n\n## Two\n\nnew\n\n### Detail\n\ntext\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	again, err := rewrite(got, "Two", "new\n\n### Detail\n\ntext\n")
	if err != nil || again != got {
		t.Errorf("writing the same once more changed it (%v):\n%s", err, again)
	}
}

func TestRewriteAppendsWhatIsNew(t *testing.T) {
	got, err := rewrite("# Old title\n\nold text\n\n## One\n\nfirst\n", "Two", "second")
	if err != nil {
		t.Fatal(err)
	}
	if want := preamble + "\n## One\n\nfirst\n\n## Two\n\nsecond\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRewriteRefusesAHeadingInASection(t *testing.T) {
	if got, err := rewrite("", "One", "text\n## Other\n"); err == nil {
		t.Errorf("a section that would become two was written:\n%s", got)
	}
}

func TestWriteKeepsTheOthersAndSaysWhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "measured.md")
	for _, s := range [][2]string{{"One", "first"}, {"Two", "second"}, {"One", "third"}} {
		if err := Write(path, s[0], s[1]); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sections := split(string(content))
	if len(sections) != 3 || sections[1].heading != "One" || sections[2].heading != "Two" {
		t.Fatalf("sections are %q", sections)
	}
	for n, want := range []string{"third", "second"} {
		for _, part := range []string{want, "* Machine: ", "* Commit: ", "* Date: "} {
			if !strings.Contains(sections[n+1].body, part) {
				t.Errorf("section %d has no %q: %q", n+1, part, sections[n+1].body)
			}
		}
	}
}

func TestTable(t *testing.T) {
	got := Table([]string{"a", "b"}, [][]string{{"1", "2"}, {"3", ""}})
	if want := "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 |  |\n"; got != want {
		t.Errorf("got %q", got)
	}
}
