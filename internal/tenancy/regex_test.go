package tenancy_test

import (
	"math/rand"
	"regexp"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery/internal/tenancy"
)

const regexPrefix = tenancy.Prefix("lkc-abc123_")

func TestPhysicalRegex(t *testing.T) {
	for expression, want := range map[string]string{
		``:                        `(?:)`,
		`orders`:                  `orders`,
		`ck-.*`:                   `ck-.*`,
		`(^ck-.*)`:                `ck-.*`,
		`^ck-.*$`:                 `ck-.*\z`,
		`\Ack\z`:                  `ck\z`,
		`^(a|b)$`:                 `[ab]\z`,
		`a|.*`:                    `a|.*`,
		`^a|^b`:                   `a|b`,
		`^a|b`:                    `a|b`,
		`a^b`:                     `[^\x00-\x{10FFFF}]`,
		`a(^b|c)`:                 `ac`,
		`.*^foo`:                  `foo`,
		`.*\bfoo`:                 `..*\bfoo|\Bfoo`,
		`\bfoo\b`:                 `\Bfoo\b`,
		`(?i)orders`:              `(?i:ORDERS)`,
		`(?P<x>a)(?P<x2>b)?`:      `ab?`,
		`a)|(b`:                   ``,
		`(?:a`:                    ``,
		`\Qa.b`:                   `a\.b`,
		`\Qa)|(.*`:                `a\)\|\(\.\*`,
		`a{2,3}`:                  `a{2,3}`,
		`(?s).`:                   `(?s:.)`,
		`(?m)^a$`:                 `(?m:a$)`,
		`[^a]`:                    `[^a]`,
		`\d+`:                     `[0-9]+`,
		`(?:^a?){2}b`:             `a?b`,
		`\C`:                      ``,
		`a**`:                     ``,
		`a++`:                     ``,
		`x(?=y)`:                  ``,
		"\xff":                    ``,
		`.{1000}.{1000}.{100}`:    ``,
		strings.Repeat(`a`, 1025): ``,
		`(?:` + strings.Repeat(`(a?){300}`, 20) + `)\b`: ``,
	} {
		physical, err := regexPrefix.PhysicalRegex(expression)
		if (err != nil) != (want == "") {
			t.Errorf("%.60q: %q, %v", expression, physical, err)
			continue
		}
		if err != nil {
			continue
		}
		if full := `lkc-abc123_(?:` + want + `)`; physical != full {
			t.Errorf("%q became %q, want %q", expression, physical, full)
		}
		if inner, ok := regexPrefix.LogicalRegex(physical); !ok || inner != want {
			t.Errorf("%q is told as %q, %v", expression, inner, ok)
		}
	}
	for _, foreign := range []string{`lkc-other0_(?:a)`, `lkc-abc123_a`, `lkc-abc123_(?:a`, ``} {
		if inner, ok := regexPrefix.LogicalRegex(foreign); ok {
			t.Errorf("%q is told as %q", foreign, inner)
		}
	}
}

// What the expression matches of a name, what became of it matches of the physical name, and it never matches
// another tenant's.
func TestPhysicalRegexMatchesTheSame(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	tried, matched := 0, 0
	for range 60_000 {
		expression := randomRegex(random, 4)
		meant, err := regexp.Compile(`\A(?:` + expression + `)\z`)
		if err != nil {
			t.Fatalf("%q: %v", expression, err)
		}
		physical, err := regexPrefix.PhysicalRegex(expression)
		if err != nil {
			t.Fatalf("%q: %v", expression, err)
		}
		sent, err := regexp.Compile(`^(?:` + physical + `)$`) // as the embedded engine does
		if err != nil {
			t.Fatalf("%q became %q: %v", expression, physical, err)
		}
		for range 12 {
			name := randomName(random)
			tried++
			want := meant.MatchString(name)
			if want {
				matched++
			}
			if got := sent.MatchString(string(regexPrefix) + name); got != want {
				t.Fatalf("%q matches %q: %v; %q: %v", expression, name, want, physical, got)
			}
			checkForeign(t, sent, physical, name)
		}
	}
	if matched < tried/20 {
		t.Errorf("only %d of %d names matched: the test shows little", matched, tried)
	}
}

func checkForeign(t *testing.T, sent *regexp.Regexp, physical, name string) {
	t.Helper()
	for _, foreign := range []string{"lkc-abc124_" + name, "lkc-abc12_" + name, name, "_orrery_tenants", "lkc-other0_lkc-abc123_" + name} {
		if !strings.HasPrefix(foreign, string(regexPrefix)) && sent.MatchString(foreign) {
			t.Fatalf("%q matches %q", physical, foreign)
		}
	}
}

// randomRegex makes an expression of everything that looks at where it is.
func randomRegex(random *rand.Rand, depth int) string {
	if depth == 0 || random.Intn(4) == 0 {
		atoms := []string{`a`, `b`, `_`, `-`, `.`, `^`, `$`, `\b`, `\B`, `\A`, `\z`, `[ab]`, `[^a]`, `(?:)`, `\w`, `(?i:A)`, `(?m:^)`, `(?m:$)`, `(?s:.)`}
		return atoms[random.Intn(len(atoms))]
	}
	sub := func() string { return randomRegex(random, depth-1) }
	switch random.Intn(6) {
	case 0:
		return `(?:` + sub() + `|` + sub() + `)`
	case 1:
		return `(` + sub() + []string{`)*`, `)+`, `)?`, `){2}`, `){0,2}`, `){1,}`, `)*?`}[random.Intn(7)]
	case 2:
		return sub() + sub() + sub()
	default:
		return sub() + sub()
	}
}

func randomName(random *rand.Rand) string {
	name := make([]byte, random.Intn(5))
	for i := range name {
		name[i] = "ab_-\nA"[random.Intn(6)]
	}
	return string(name)
}

func FuzzPhysicalRegex(f *testing.F) {
	for _, seed := range []string{`(^ck-.*)`, `a|.*`, `\Qa)|(`, `(?i)\bx{2,3}$`, `[[:alpha:]]\pL`, `)|(?:`, `(?m)^$`, `.*^|a`, `(?U)a*`} {
		f.Add(seed, "ck-1")
	}
	f.Fuzz(func(t *testing.T, expression, name string) {
		physical, err := regexPrefix.PhysicalRegex(expression)
		if err != nil {
			return
		}
		sent, err := regexp.Compile(`^(?:` + physical + `)$`)
		if err != nil {
			t.Fatalf("%q became %q: %v", expression, physical, err)
		}
		checkForeign(t, sent, physical, name)
		meant, err := regexp.Compile(`\A(?:` + expression + `)\z`)
		if err != nil {
			return // an open \Q takes the parentheses too
		}
		if got, want := sent.MatchString(string(regexPrefix)+name), meant.MatchString(name); got != want && !strings.Contains(expression, `\Q`) {
			t.Errorf("%q matches %q: %v; %q: %v", expression, name, want, physical, got)
		}
		again, err := regexPrefix.PhysicalRegex(expression)
		if err != nil || again != physical {
			t.Errorf("%q became %q and %q (%v)", expression, physical, again, err)
		}
	})
}
