package identitypool_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/identitypool"
)

func claims(t testing.TB, document string) map[string]json.RawMessage {
	t.Helper()
	var c map[string]json.RawMessage
	if err := json.Unmarshal([]byte(document), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

const token = `{"iss":"https://idp.example.com","sub":"svc-orders","aud":["kafka","other"],"groups":["eng","ops"],"level":3,"big":9007199254740993,
	"email_verified":true,"user":{"name":"ada","id":7},"https://example.com/id":"x.1","empty":"","nothing":null}`

func TestFilter(t *testing.T) {
	for filter, want := range map[string]bool{
		`true`:                       true,
		`false`:                      false,
		`claims.sub == "svc-orders"`: true,
		`claims.sub=="svc-orders" && claims.iss!="https://evil"`:      true,
		`"kafka" in claims.aud`:                                       true,
		`"nobody" in claims.aud`:                                      false,
		`claims.aud == "kafka"`:                                       false, // it is a list
		`claims.groups.exists(g, g == "ops")`:                         true,
		`claims.groups.all(g, g.startsWith("e"))`:                     false,
		`claims.sub.startsWith("svc-") && claims.sub.endsWith("ers")`: true,
		`claims.sub.matches("^svc-[a-z]+$")`:                          true,
		`claims.sub.contains("nope")`:                                 false,
		`claims.level >= 3 && claims.level < 4.5`:                     true,
		`claims.email_verified`:                                       true,
		`claims.user.name == "ada"`:                                   true,
		`claims["https://example.com/id"] == "x.1"`:                   true,
		`has(claims.missing) && claims.missing == "x"`:                false,
		`!has(claims.missing)`:                                        true,
		`claims.missing != "x"`:                                       false, // what is not there is not let in
		`claims.sub`:                                                  false, // not a bool
		`size(claims.groups) == 2`:                                    true,
		`claims.nothing == null`:                                      true,
	} {
		f, err := identitypool.Compile(filter)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		err = f.Check(claims(t, token))
		if (err == nil) != want || err != nil && !errors.Is(err, identitypool.ErrFilter) {
			t.Errorf("%s: %v, want %v", filter, err, want)
		}
	}
}

func TestBadFilters(t *testing.T) {
	for filter, says := range map[string]string{
		"":                              "1 to 300",
		strings.Repeat("x", 301):        "1 to 300",
		"\xff":                          "UTF-8",
		"claims.sub ==":                 "line 1, column",
		"sub == 'x'":                    "undeclared",
		"1 + 1":                         "true or false",
		`"text"`:                        "true or false",
		"claims.a.map(x, x) == []":      "not a CEL expression",
		"system('rm')":                  "undeclared",
		strings.Repeat("(", 150) + "1":  "not a CEL expression",
		`claims.sub.matches("(")`:       "evaluated",
		`claims.sub == "` + "\n" + `x"`: "not a CEL expression",
	} {
		_, err := identitypool.Compile(filter)
		if orrery.ErrorCode(err) != orrery.Invalid || !strings.Contains(err.Error(), says) || len(err.Error()) > 400 {
			t.Errorf("%q: %v, want %q", filter, err, says)
		}
	}
}

// TestCostIsBounded: nested loops over what the token brings end.
func TestCostIsBounded(t *testing.T) {
	f, err := identitypool.Compile(`claims.l.all(a, claims.l.all(b, claims.l.all(c, claims.l.all(d, a + b + c + d >= 0))))`)
	if err != nil {
		t.Fatal(err)
	}
	list := "[" + strings.TrimSuffix(strings.Repeat("1,", 5000), ",") + "]"
	if err := f.Check(claims(t, `{"l":`+list+`}`)); !errors.Is(err, identitypool.ErrFilter) {
		t.Errorf("625 million million steps: %v", err)
	}
	if err := f.Check(claims(t, `{"l":[1,2]}`)); err != nil {
		t.Errorf("16 steps: %v", err)
	}
}

func TestIdentity(t *testing.T) {
	for claim, want := range map[string]string{
		"sub": "svc-orders", "claims.sub": "svc-orders", "claims.user.name": "ada", "https://example.com/id": "x.1", "claims.https://example.com/id": "x.1",
		"claims.missing": "", "claims.user": "", "claims.user.id": "", "claims.user.name.first": "", "claims.level": "", "claims.empty": "", "claims.nothing": "", "SUB": "",
	} {
		if err := identitypool.CheckClaim(claim); err != nil {
			t.Errorf("%s: %v", claim, err)
		}
		got, err := identitypool.Identity(claims(t, token), claim)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, identitypool.ErrIdentity) {
			t.Errorf("%s: %q, %v; want %q", claim, got, err, want)
		}
	}
	for _, bad := range []string{"", "claims.", "a b", "a..b", ".a", "a.", strings.Repeat("x", 256), "\x00", "\xff"} {
		if err := identitypool.CheckClaim(bad); orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []string{`"a\nb"`, `"` + strings.Repeat("x", 257) + `"`, `["a"]`} {
		if got, err := identitypool.Identity(claims(t, `{"sub":`+bad+`}`), "sub"); err == nil {
			t.Errorf("%s is taken as %q", bad, got)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{`claims.sub == "x"`, `"a" in claims.aud`, `has(claims.a) && claims.a > 3`, `claims.groups.exists(g, g.matches("a+"))`} {
		f.Add(seed)
	}
	c := claims(f, token)
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := identitypool.Compile(text)
		if err != nil {
			if orrery.ErrorCode(err) != orrery.Invalid {
				t.Fatal(err)
			}
			return
		}
		if err := filter.Check(c); err != nil && !errors.Is(err, identitypool.ErrFilter) {
			t.Fatal(err)
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	f, err := identitypool.Compile(`"kafka" in claims.aud && claims.sub.startsWith("svc-")`)
	if err != nil {
		b.Fatal(err)
	}
	c := claims(b, token)
	for b.Loop() {
		if err := f.Check(c); err != nil {
			b.Fatal(err)
		}
	}
}
