package orrery

import (
	"crypto/rand"
	"regexp"
	"strings"
	"testing"
)

func TestIDs(t *testing.T) {
	shapes := map[string]*regexp.Regexp{}
	draw := func(name, pattern string, f func() (string, error)) {
		shapes[name] = regexp.MustCompile("^" + pattern + "$")
		seen := map[string]bool{}
		for range 200 {
			id, err := f()
			if err != nil {
				t.Fatal(err)
			}
			if !shapes[name].MatchString(id) {
				t.Errorf("%s %q does not look like %s", name, id, pattern)
			}
			seen[id] = true
		}
		if len(seen) < 199 { // 30 bits: a repetition among 200 is a one in 50,000 chance
			t.Errorf("%s: %d different of 200", name, len(seen))
		}
	}
	draw("cluster", "lkc-[0-9b-z]{6}", func() (string, error) { return NewID(rand.Reader, PrefixLogicalKafka) })
	draw("key", "[A-Z2-7]{16}", func() (string, error) { return NewAPIKeyID(rand.Reader) })
	draw("secret", "[A-Za-z0-9_-]{43}", func() (string, error) { return NewSecret(rand.Reader) })
	draw("organization", "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", func() (string, error) { return NewOrganizationID(rand.Reader) })
	if _, err := NewID(strings.NewReader("x"), "lkc"); err == nil {
		t.Error("an id without randomness")
	}
	if !HasPrefix("lkc-1", "lkc") || HasPrefix("lkc-", "lkc") || HasPrefix("lkcx-1", "lkc") {
		t.Error("HasPrefix")
	}
}

func TestGenerations(t *testing.T) {
	order := []Generation{{}, {1, 1}, {1, 2}, {1, 10}, {2, 1}, {2, 3}}
	for i, a := range order {
		for j, b := range order {
			if got, want := a.Compare(b), sign(int64(i-j)); got != want {
				t.Errorf("%s to %s: %d, want %d", a, b, got, want)
			}
		}
	}
	if got := (Generation{1, 7}).Next(1); got != (Generation{1, 8}) {
		t.Errorf("next of 1.7 is %s", got)
	}
	if got := (Generation{1, 7}).Next(2); got != (Generation{2, 8}) {
		t.Errorf("next of 1.7 after a restore is %s", got)
	}
	if got := (Generation{3, 7}).Next(2); got.Compare(Generation{3, 7}) <= 0 {
		t.Errorf("a term went back: %s", got)
	}
}

func TestCanonicalJSON(t *testing.T) {
	a, err := CanonicalJSON([]byte(`{"b":1.50,"a":{"y":[1,2],"x":12345678901234567890}}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":{"x":12345678901234567890,"y":[1,2]},"b":1.50}`; string(a) != want {
		t.Errorf("got %s, want %s", a, want)
	}
	if _, err := CanonicalJSON([]byte(`{`)); err == nil {
		t.Error("half a document has a canonical form")
	}
}
