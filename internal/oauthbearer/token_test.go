package oauthbearer_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/orrery-kafka/orrery/internal/oauthbearer"
)

const issuer, audience = "https://idp.example/", "orrery"

var now = time.Unix(1_800_000_000, 0)

// signers has one key for each algorithm family; made once, for RSA keys are slow.
var signers = sync.OnceValue(func() map[jose.SignatureAlgorithm]crypto.Signer {
	must := func(key crypto.Signer, err error) crypto.Signer {
		if err != nil {
			panic(err)
		}
		return key
	}
	generated := func(key *rsa.PrivateKey, err error) crypto.Signer { return must(key, err) }
	onCurve := func(curve elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		return must(key, err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	rsaKey := generated(rsa.GenerateKey(rand.Reader, 2048))
	return map[jose.SignatureAlgorithm]crypto.Signer{
		jose.RS256: rsaKey, jose.PS512: rsaKey,
		jose.ES256: onCurve(elliptic.P256()), jose.ES384: onCurve(elliptic.P384()), jose.EdDSA: must(edwards, err),
	}
})

// keyOf returns the name under which an algorithm's key is published.
func keyOf(algorithm jose.SignatureAlgorithm) string { return "key-" + string(algorithm) }

// document is the JWKS of all signers.
func document(t testing.TB) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for algorithm, key := range signers() {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: keyOf(algorithm), Algorithm: string(algorithm), Use: "sig"})
	}
	b, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func provider(t testing.TB) oauthbearer.Provider {
	t.Helper()
	keys, err := oauthbearer.ParseKeySet(document(t))
	if err != nil {
		t.Fatal(err)
	}
	return oauthbearer.Provider{Issuer: issuer, Audiences: []string{"other", audience}, Keys: keys}
}

func claims() map[string]any {
	return map[string]any{
		"iss": issuer, "aud": audience, "sub": "user-1", "exp": now.Unix() + 600, "nbf": now.Unix() - 10, "iat": now.Unix() - 10, "jti": "id-1", "groups": []string{"a"},
	}
}

// sign makes a token. Extra headers replace what the library writes.
func sign(t testing.TB, algorithm jose.SignatureAlgorithm, keyID string, key any, claims any, extra map[jose.HeaderKey]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	if keyID != "" {
		options = options.WithHeader("kid", keyID)
	}
	for name, value := range extra {
		options = options.WithHeader(name, value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestEveryAlgorithm(t *testing.T) {
	p := provider(t)
	for algorithm, key := range signers() {
		got, err := p.Validate(sign(t, algorithm, keyOf(algorithm), key, claims(), nil), now)
		if err != nil || got.Subject != "user-1" || got.ID != "id-1" || !got.ExpiresAt.Equal(now.Add(600*time.Second)) ||
			!got.IssuedAt.Equal(now.Add(-10*time.Second)) || string(got.All["groups"]) != `["a"]` {
			t.Errorf("%s: %+v, %v", algorithm, got, err)
		}
	}
	if _, err := p.Validate(sign(t, jose.ES256, "", signers()[jose.ES256], claims(), nil), now); err != nil {
		t.Errorf("a token that names no key: %v", err)
	}
}

func TestClaims(t *testing.T) {
	p, key := provider(t), signers()[jose.ES256]
	long := make([]string, 101)
	for i := range long {
		long[i] = audience
	}
	for _, test := range []struct {
		claim string
		value any // nil: left out
		want  string
	}{
		{"aud", []string{"x", audience}, ""},
		{"exp", now.Unix() - 29, ""},
		{"exp", float64(now.Unix()) + 0.5, ""},
		{"nbf", nil, ""}, {"iat", nil, ""}, {"jti", nil, ""}, {"nbf", now.Unix() + 29, ""},
		{"iss", nil, "issuer"}, {"iss", "https://idp.example", "issuer"}, {"iss", []string{issuer}, "issuer"}, {"ISS", "x", ""},
		{"aud", nil, "audiences"}, {"aud", "orrery2", "audiences"}, {"aud", []string{}, "audiences"}, {"aud", []any{audience, 1}, "audiences"},
		{"aud", map[string]string{"a": audience}, "audiences"}, {"aud", long, "audiences"}, {"aud", "", "audiences"},
		{"exp", nil, "no time of expiry"}, {"exp", "1800000600", "no time of expiry"}, {"exp", -1, "no time of expiry"}, {"exp", 1e300, "no time of expiry"},
		{"exp", now.Unix() - 30, "has expired"}, {"exp", 0, "has expired"},
		{"nbf", now.Unix() + 31, "not valid yet"}, {"nbf", "soon", "not valid yet"},
		{"iat", now.Unix() + 31, "issued in the future"}, {"iat", []int{1}, "issued in the future"},
		{"sub", nil, "subject"}, {"sub", "", "subject"}, {"sub", 5, "subject"}, {"sub", "a\nb", "subject"}, {"sub", strings.Repeat("s", 257), "subject"},
		{"pad", strings.Repeat("x", oauthbearer.MaxToken), "more than 16384"},
	} {
		changed := maps.Clone(claims())
		if changed[test.claim] = test.value; test.value == nil {
			delete(changed, test.claim)
		}
		_, err := p.Validate(sign(t, jose.ES256, keyOf(jose.ES256), key, changed, nil), now)
		if (err == nil) != (test.want == "") || err != nil && (!errors.Is(err, oauthbearer.ErrToken) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s = %.40v: %v, want %q", test.claim, test.value, err, test.want)
		}
	}
	for _, payload := range []any{nil, []int{1}, "text", 5} {
		if _, err := p.Validate(sign(t, jose.ES256, keyOf(jose.ES256), key, payload, nil), now); !errors.Is(err, oauthbearer.ErrToken) {
			t.Errorf("claims %v: %v", payload, err)
		}
	}
}

// TestPayloads signs what no encoder makes of claims.
func TestPayloads(t *testing.T) {
	p, key := provider(t), signers()[jose.ES256]
	b, err := json.Marshal(claims())
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for name, test := range map[string]struct{ payload, want string }{
		"as it is":                {good, ""},
		"with spaces":             {"\n" + strings.Replace(good, ":", " : ", 1) + "\t", ""},
		"a deep claim":            {strings.Replace(good, "{", `{"x":`+deep(1000)+`,`, 1), ""},
		"nothing but depth":       {strings.Repeat("[", 10_000), "not a JSON object"},
		"an expiry twice":         {strings.Replace(good, "{", `{"exp":1,`, 1), "a claim twice"},
		"a subject twice, hidden": {strings.Replace(good, "{", `{"\u0073ub":"admin",`, 1), "a claim twice"},
		"not JSON":                {"sub=svc", "not a JSON object"},
		"nothing":                 {"", "not a JSON object"},
		"cut off":                 {good[:len(good)-1], "not a JSON object"},
		"an object and more":      {good + good, "not a JSON object"},
		"a list of it":            {"[" + good + "]", "not a JSON object"},
		"zeros":                   {strings.Repeat("\x00", 100), "not a JSON object"},
	} {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: keyOf(jose.ES256)}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign([]byte(test.payload))
		if err != nil {
			t.Fatal(err)
		}
		token, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Validate(token, now)
		if (err == nil) != (test.want == "") || err != nil && (!errors.Is(err, oauthbearer.ErrToken) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// part is a part of a hand-made token.
func part(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func TestSignatures(t *testing.T) {
	p, key := provider(t), signers()[jose.ES256]
	good := sign(t, jose.ES256, keyOf(jose.ES256), key, claims(), nil)
	parts := strings.Split(good, ".")
	admin := claims()
	admin["sub"] = "admin"
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"empty":                        "",
		"alg none":                     part(map[string]string{"alg": "none", "kid": keyOf(jose.ES256)}) + "." + parts[1] + ".",
		"alg None with a signature":    part(map[string]string{"alg": "None", "kid": keyOf(jose.ES256)}) + "." + parts[1] + "." + parts[2],
		"no alg":                       part(map[string]string{"kid": keyOf(jose.ES256)}) + "." + parts[1] + "." + parts[2],
		"HMAC with the public keys":    sign(t, jose.HS256, keyOf(jose.ES256), document(t), claims(), nil),
		"a stranger's key":             sign(t, jose.ES256, keyOf(jose.ES256), stranger, claims(), nil),
		"a stranger's key, embedded":   sign(t, jose.ES256, "", jose.JSONWebKey{Key: stranger}, claims(), map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: stranger.Public()}}),
		"a key that is not published":  sign(t, jose.ES256, "key-2", key, claims(), nil),
		"another key's name":           sign(t, jose.ES256, keyOf(jose.ES384), key, claims(), nil),
		"an algorithm of another key":  sign(t, jose.RS512, keyOf(jose.RS256), signers()[jose.RS256], claims(), nil),
		"critical extension":           sign(t, jose.ES256, keyOf(jose.ES256), key, claims(), map[jose.HeaderKey]any{"crit": []string{"exp"}, "exp": 1}),
		"unencoded payload":            sign(t, jose.ES256, keyOf(jose.ES256), key, claims(), map[jose.HeaderKey]any{"b64": true}),
		"other claims":                 parts[0] + "." + part(admin) + "." + parts[2],
		"no signature":                 parts[0] + "." + parts[1] + ".",
		"two parts":                    parts[0] + "." + parts[1],
		"five parts, as if encrypted":  good + ".a.b",
		"JSON serialization":           fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2]),
		"a signature of zeros (P-256)": parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
	} {
		if got, err := p.Validate(token, now); !errors.Is(err, oauthbearer.ErrToken) || got.Subject != "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		} else if len(token) > 40 && strings.Contains(err.Error(), token[:40]) {
			t.Errorf("%s: the error holds the token: %v", name, err)
		}
	}
	for name, change := range map[string]func(*oauthbearer.Provider){
		"no keys":                func(p *oauthbearer.Provider) { p.Keys = nil },
		"no issuer":              func(p *oauthbearer.Provider) { p.Issuer = "" },
		"no audience":            func(p *oauthbearer.Provider) { p.Audiences = nil },
		"an empty audience only": func(p *oauthbearer.Provider) { p.Audiences = []string{""} },
	} {
		changed := p
		change(&changed)
		if _, err := changed.Validate(good, now); !errors.Is(err, oauthbearer.ErrToken) {
			t.Errorf("a provider with %s: %v", name, err)
		}
	}
	open := p
	open.AnyAudience, open.Audiences = true, nil
	if _, err := open.Validate(good, now); err != nil {
		t.Errorf("a provider that looks at no audience: %v", err)
	}
}

func TestParseKeySet(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	public := signers()[jose.ES256].Public()
	set := func(keys ...jose.JSONWebKey) string {
		b, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if keys, err := oauthbearer.ParseKeySet([]byte(set(
		jose.JSONWebKey{Key: public, KeyID: "a"}, jose.JSONWebKey{Key: public, KeyID: "b", Use: "enc"},
		jose.JSONWebKey{Key: small.Public(), KeyID: "c"}, jose.JSONWebKey{Key: []byte("symmetric"), KeyID: "d"},
	))); err != nil || keys.Len() != 1 {
		t.Errorf("of one good key and three others: %+v, %v", keys, err)
	}
	for want, document := range map[string]string{
		"private key":     set(jose.JSONWebKey{Key: signers()[jose.ES256], KeyID: "a"}),
		"none of the 1":   `{"keys":[{"kty":"new","kid":"a"}]}`,
		"none of the 0":   `{}`,
		"not JSON":        `<html>`,
		"101 keys":        `{"keys":[` + strings.Repeat(`{},`, 100) + `{}]}`,
		"more than 26214": `{"keys":[]}` + strings.Repeat(" ", oauthbearer.MaxKeySet),
	} {
		if _, err := oauthbearer.ParseKeySet([]byte(document)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", document, err, want)
		}
	}
}

// FuzzValidate changes a good token in one place: it is refused, unless it decodes to the same bytes.
func FuzzValidate(f *testing.F) {
	p := provider(f)
	var good []string
	for _, algorithm := range []jose.SignatureAlgorithm{jose.ES256, jose.PS512, jose.EdDSA} {
		good = append(good, sign(f, algorithm, keyOf(algorithm), signers()[algorithm], claims(), nil))
	}
	f.Add(uint8(0), uint16(5), []byte("x"), true)
	f.Add(uint8(1), uint16(200), []byte{1}, false)
	f.Add(uint8(2), uint16(300), []byte("eyJhbGciOiJub25lIn0"), true)
	f.Fuzz(func(t *testing.T, which uint8, at uint16, change []byte, insert bool) {
		token := []byte(good[int(which)%len(good)])
		i := int(at) % len(token)
		changed := bytes.Clone(token)
		if insert {
			changed = append(append(bytes.Clone(token[:i]), change...), token[i:]...)
		} else {
			copy(changed[i:], change)
		}
		got, err := p.Validate(string(changed), now)
		if err == nil && !same(token, changed) {
			t.Fatalf("%q is valid: %+v", changed, got)
		}
		if err != nil && !errors.Is(err, oauthbearer.ErrToken) {
			t.Fatalf("the error is %v", err)
		}
	})
}

// same reports whether two tokens decode to the same bytes.
func same(a, b []byte) bool {
	left, right := bytes.Split(a, []byte(".")), bytes.Split(b, []byte("."))
	if len(left) != len(right) {
		return false
	}
	for i := range left {
		x, err := base64.RawURLEncoding.DecodeString(string(left[i]))
		y, err2 := base64.RawURLEncoding.DecodeString(string(right[i]))
		if err != nil || err2 != nil || !bytes.Equal(x, y) {
			return false
		}
	}
	return true
}

func FuzzParseKeySet(f *testing.F) {
	f.Add(document(f))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		keys, err := oauthbearer.ParseKeySet(document)
		if err == nil && (keys.Len() == 0 || keys.Len() > oauthbearer.MaxKeys) {
			t.Fatalf("%d keys", keys.Len())
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	p := provider(b)
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256} {
		token := sign(b, algorithm, keyOf(algorithm), signers()[algorithm], claims(), nil)
		b.Run(string(algorithm), func(b *testing.B) {
			for b.Loop() {
				if _, err := p.Validate(token, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
