package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery/internal/kafkatest"
)

// difference is how a test ends on both ways, where that cannot be the same.
type difference struct{ test, direct, through, why string }

// expectedDifferences are those that have to be.
var expectedDifferences = map[kafkatest.Engine][]difference{
	kafkatest.Embedded: {{
		"TestIssueProduceBrokerTooOldFailsRecords", "pass", "skip",
		"The gateway announces Produce from version 0, as Apache Kafka does for the sake of librdkafka, and the embedded engine from version 3. The test skips itself where version 0 is announced.",
	}},
}

// compare returns what is wrong with two runs: what ended differently, in each test's own words, and what passed in
// neither, which would show nothing. An expected difference that is none any more is wrong too.
func compare(direct, through outcomes, expected []difference) (problems []string) {
	names := maps.Clone(direct)
	maps.Copy(names, through)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, b := direct[name], through[name]
		want := difference{direct: a.result, through: a.result}
		if i := slices.IndexFunc(expected, func(d difference) bool { return d.test == name }); i >= 0 {
			want = expected[i]
		}
		if a.result == want.direct && b.result == want.through && (a.result == "pass" || a.result == "skip") {
			continue
		}
		problem := fmt.Sprintf("%s: %s directly, %s through the gateway", name, ended(direct, name), ended(through, name))
		for _, o := range []outcome{a, b} {
			if o.result == "fail" || o.result == "" && o.output != "" {
				problem += "\n" + said(o.output)
			}
		}
		problems = append(problems, problem)
	}
	return problems
}

func ended(all outcomes, name string) string {
	o, ran := all[name]
	switch {
	case !ran:
		return "absent"
	case o.result == "":
		return "not ended"
	default:
		return o.result
	}
}

// said is what a test said itself, without the log of its clients; the last of it if it is much.
func said(output string) string {
	const most = 4 << 10
	var b strings.Builder
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "    ") {
			b.WriteString(line)
		}
	}
	text := strings.TrimRight(b.String(), "\n")
	return text[max(0, len(text)-most):]
}

func TestCompare(t *testing.T) {
	direct := outcomes{"A": {result: "pass"}, "A/sub": {result: "pass"}, "B": {result: "skip"}}
	if problems := compare(direct, outcomes{"A": {result: "pass"}, "A/sub": {result: "pass"}, "B": {result: "skip"}}, nil); problems != nil {
		t.Errorf("the same outcomes: %q", problems)
	}
	for name, c := range map[string]struct {
		through outcomes
		want    string
	}{
		"a failure":       {outcomes{"A": {result: "pass"}, "A/sub": {"fail", "    why"}, "B": {result: "skip"}}, "A/sub: pass directly, fail through the gateway\n    why"},
		"a skip":          {outcomes{"A": {result: "pass"}, "A/sub": {result: "skip"}, "B": {result: "skip"}}, "A/sub: pass directly, skip through the gateway"},
		"no skip":         {outcomes{"A": {result: "pass"}, "A/sub": {result: "pass"}, "B": {result: "pass"}}, "B: skip directly, pass through the gateway"},
		"an absent test":  {outcomes{"A": {result: "pass"}, "B": {result: "skip"}}, "A/sub: pass directly, absent through the gateway"},
		"one that hangs":  {outcomes{"A": {result: "pass"}, "A/sub": {"", "    so far"}, "B": {result: "skip"}}, "A/sub: pass directly, not ended through the gateway\n    so far"},
		"one test more":   {outcomes{"A": {result: "pass"}, "A/sub": {result: "pass"}, "B": {result: "skip"}, "C": {result: "pass"}}, "C: absent directly, pass through the gateway"},
		"a long failure":  {outcomes{"A": {result: "pass"}, "A/sub": {"fail", "[INFO] log\n    " + strings.Repeat("x", 9000) + "why\n"}, "B": {result: "skip"}}, "xxwhy"},
		"nothing at all":  {outcomes{}, "absent"},
		"a failed parent": {outcomes{"A": {"fail", ""}, "A/sub": {result: "pass"}, "B": {result: "skip"}}, "A: pass directly, fail through the gateway"},
	} {
		problems := compare(direct, c.through, nil)
		if len(problems) == 0 || !strings.HasSuffix(problems[0], c.want) && !strings.Contains(problems[0], c.want) || len(problems[0]) > 8<<10 {
			t.Errorf("%s: %q, want %q", name, problems, c.want)
		}
	}
	both := outcomes{"A": {"fail", "    why"}}
	if problems := compare(both, both, nil); !slices.Equal(problems, []string{"A: fail directly, fail through the gateway\n    why\n    why"}) {
		t.Errorf("a failure of both: %q", problems)
	}
}

func TestCompareExpected(t *testing.T) {
	expected := []difference{{"A", "pass", "skip", "so it is"}, {"not chosen", "pass", "skip", "so it is"}}
	passed, skipped, failed := outcomes{"A": {result: "pass"}}, outcomes{"A": {result: "skip"}}, outcomes{"A": {result: "fail"}}
	if problems := compare(passed, skipped, expected); problems != nil {
		t.Errorf("an expected difference: %q", problems)
	}
	for _, through := range []outcomes{passed, failed, {}} {
		if problems := compare(passed, through, expected); len(problems) != 1 {
			t.Errorf("%v instead of the expected difference: %q", through, problems)
		}
	}
	if problems := compare(skipped, skipped, expected); len(problems) != 1 {
		t.Errorf("skipped directly too: %q", problems)
	}
	for engine, all := range expectedDifferences {
		for _, d := range all {
			if d.test == "" || d.why == "" || d.direct == d.through {
				t.Errorf("%s: the difference %+v is none, or has no reason", engine, d)
			}
		}
	}
}

func TestRead(t *testing.T) {
	all := outcomes{}
	err := all.read(strings.NewReader(`{"Action":"start"}
{"Action":"run","Test":"A"}
{"Action":"output","Test":"A","Output":"one "}
{"Action":"run","Test":"A/sub"}
{"Action":"output","Test":"A","Output":"two"}
{"Action":"pass","Test":"A/sub","Elapsed":1}
{"Action":"fail","Test":"A","Elapsed":1}
{"Action":"run","Test":"B"}
{"Action":"fail"}
`))
	if err != nil {
		t.Fatal(err)
	}
	if failed := all.failed(); !slices.Equal(failed, []string{"A", "B"}) {
		t.Errorf("failed: %q", failed)
	}
	want := outcomes{"A": {"fail", "one two"}, "A/sub": {result: "pass"}, "B": {}}
	if len(all) != len(want) || all["A"] != want["A"] || all["A/sub"] != want["A/sub"] || all["B"] != want["B"] {
		t.Errorf("got %+v", all)
	}
	for _, bad := range []string{"panic: so", `{"Action":"run"`} {
		if err := (outcomes{}).read(strings.NewReader(bad + "\n")); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
