package jwks

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/orrery-kafka/orrery/internal/oauthbearer"
)

const patience = time.Minute

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// issuer is an HTTPS server with a key set that a test changes.
type issuer struct {
	*testing.T
	*httptest.Server
	handler atomic.Pointer[http.HandlerFunc]
	served  atomic.Int64
	ended   chan struct{}
	cache   *Cache
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{T: t, ended: make(chan struct{}, 1000)}
	i.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.served.Add(1)
		(*i.handler.Load())(w, r)
	}))
	i.Server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that have to fail
	i.Server.StartTLS()
	t.Cleanup(i.Server.Close)
	i.cache = i.newCache(Config{Networks: loopback})
	return i
}

func (i *issuer) newCache(config Config) *Cache {
	if config.RootCAs == nil {
		config.RootCAs = i.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	}
	config.Changed = func() { i.ended <- struct{}{} }
	c := New(config)
	i.Cleanup(c.Close)
	return c
}

func (i *issuer) serve(handler http.HandlerFunc) { i.handler.Store(&handler) }

// publish serves a key set with some Cache-Control.
func (i *issuer) publish(cacheControl string, keys ...jose.JSONWebKey) {
	i.Helper()
	document, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		i.Fatal(err)
	}
	i.serve(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", cacheControl)
		w.Write(document)
	})
}

// fetched looks and waits for the end of the fetch that begins.
func (i *issuer) fetched(c *Cache, uri string, at time.Time) (Answer, time.Time) {
	i.Helper()
	c.Look(uri, at)
	select {
	case <-i.ended:
	case <-time.After(patience):
		i.Fatal("no fetch ended")
	}
	return c.Look(uri, at)
}

func ecKey(t *testing.T, id string) jose.JSONWebKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: private.Public(), KeyID: id, Algorithm: "ES256", Use: "sig"}
}

func rsaKey(t *testing.T, id string, bits int) jose.JSONWebKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: private.Public(), KeyID: id, Algorithm: "RS256", Use: "sig"}
}

// TestRotation: keys are fetched when Cache-Control says so and not before, and are kept while the server fails.
func TestRotation(t *testing.T) {
	i := newIssuer(t)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	first, second := ecKey(t, "first"), rsaKey(t, "second", 2048)
	i.publish("public, max-age=300", first)
	a, next := i.fetched(i.cache, i.URL, now)
	if a.Err != nil || len(a.Keys) != 1 || a.Keys[0].KeyID != "first" || a.Keys[0].Algorithm != "ES256" || next != now.Add(5*time.Minute) {
		t.Fatalf("%+v, next %s", a, next)
	}
	set, err := oauthbearer.ParseKeySet(a.Document)
	if err != nil || set.Len() != 1 {
		t.Fatalf("%s: %v", a.Document, err)
	}

	i.publish("max-age=1", first, second)
	if a, _ := i.cache.Look(i.URL, next.Add(-time.Second)); len(a.Keys) != 1 || i.served.Load() != 1 {
		t.Fatalf("fetched %d times before it was due", i.served.Load())
	}
	a, due := i.fetched(i.cache, i.URL, next)
	if len(a.Keys) != 2 || due != next.Add(leastRefresh) {
		t.Fatalf("%+v, next in %s", a, due.Sub(next))
	}

	good := string(a.Document)
	i.serve(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "down", http.StatusInternalServerError) })
	pause := firstPause
	for range 9 {
		at := due
		if a, due = i.fetched(i.cache, i.URL, at); string(a.Document) != good || a.Err == nil || !strings.Contains(a.Err.Error(), "500") || due.Sub(at) != pause {
			t.Fatalf("%+v, next in %s, want %s", a, due.Sub(at), pause)
		}
		pause = min(2*pause, lastPause)
	}
	i.publish("", second)
	a, again := i.fetched(i.cache, i.URL, due)
	if a.Err != nil || len(a.Keys) != 1 || a.Keys[0].KeyID != "second" || again.Sub(due) != usualRefresh {
		t.Fatalf("%+v, next in %s", a, again.Sub(due))
	}
}

// TestHostileServers: whatever a server does, the fetch ends, says what is wrong and keeps nothing of it.
func TestHostileServers(t *testing.T) {
	i := newIssuer(t)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Error("plain HTTP was asked") }))
	t.Cleanup(plain.Close)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaked, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private, KeyID: "leaked"}}})
	if err != nil {
		t.Fatal(err)
	}
	text := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, s) }
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	now := time.Now()
	for says, handler := range map[string]http.HandlerFunc{
		"more than 262144 bytes":    func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, oauthbearer.MaxKeySet+1)) },
		"not JSON":                  text("<html>"),
		"can check a signature":     text(`{"keys":[{"kty":"oct","k":"AAAA","kid":"x"}]}`),
		"none of the 0 keys":        text(`{}`),
		"a private key":             text(string(leaked)),
		"status 404":                http.NotFound,
		"status 204":                func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"redirects more than 3":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) },
		"only https":                redirect(plain.URL),
		"not at a public":           redirect("https://169.254.169.254/latest/meta-data"),
		"cannot be reached":         func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
		"cannot be reached over":    func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X", strings.Repeat("x", maxHeader+1)) },
		"more than 100, keys: many": nil,
	} {
		if handler == nil {
			says, handler = "more than 100", text(`{"keys":[`+strings.TrimSuffix(strings.Repeat(`{},`, 101), ",")+`]}`)
		}
		i.serve(handler)
		a, _ := i.fetched(i.cache, i.URL+"/"+strings.ReplaceAll(says, " ", "-"), now)
		if a.Err == nil || !strings.Contains(a.Err.Error(), says) || a.Document != nil || strings.Contains(a.Err.Error(), "127.0.0.1") {
			t.Errorf("%+v, want %q", a.Err, says)
		}
	}
}

// TestOnlyWhatIsNeededIsKept: weak keys, keys for encryption and what else is in a key are left out.
func TestOnlyWhatIsNeededIsKept(t *testing.T) {
	i := newIssuer(t)
	good, encryption := rsaKey(t, "good", 2048), rsaKey(t, "enc", 2048)
	encryption.Use = "enc"
	encoded, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	other, err := json.Marshal(encryption)
	if err != nil {
		t.Fatal(err)
	}
	i.serve(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"x":[1],"keys":[%s,%s,{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"weak"}]}`, strings.TrimSuffix(string(encoded), "}")+`,"note":"a note"}`, other)
	})
	a, _ := i.fetched(i.cache, i.URL, time.Now())
	if a.Err != nil || len(a.Keys) != 1 || a.Keys[0].KeyID != "good" || strings.Contains(string(a.Document), "note") {
		t.Fatalf("%+v: %s", a, a.Document)
	}
}

// TestWhereKeysMayBe: by default public addresses only, whatever the name; and no certificate of just anybody.
func TestWhereKeysMayBe(t *testing.T) {
	i := newIssuer(t)
	i.publish("", ecKey(t, "k"))
	strict := i.newCache(Config{})
	for _, uri := range []string{i.URL, strings.Replace(i.URL, "127.0.0.1", "localhost", 1)} {
		a, _ := i.fetched(strict, uri, time.Now())
		if a.Err == nil || !strings.Contains(a.Err.Error(), "public address") {
			t.Errorf("%s: %+v", uri, a)
		}
	}
	if i.served.Load() != 0 {
		t.Error("the server was reached")
	}
	untrusting := New(Config{Networks: loopback, Changed: func() { i.ended <- struct{}{} }})
	t.Cleanup(untrusting.Close)
	if a, _ := i.fetched(untrusting, i.URL, time.Now()); a.Err == nil || !strings.Contains(a.Err.Error(), "unknown authority") {
		t.Errorf("%+v", a)
	}
	for address, public := range map[string]bool{
		"8.8.8.8:443": true, "[2606:4700::1111]:443": true, "10.0.0.1:443": false, "192.168.1.1:443": false, "172.16.0.1:443": false, "127.0.0.1:443": false,
		"169.254.169.254:80": false, "100.64.0.1:443": false, "0.0.0.0:443": false, "224.0.0.1:443": false, "255.255.255.255:443": false, "[::1]:443": false,
		"[::ffff:10.0.0.1]:443": false, "[fe80::1%eth0]:443": false, "[fd00::1]:443": false, "[64:ff9b::a00:1]:443": false, "[::]:443": false, "nonsense": false,
	} {
		if err := guard(nil)("tcp", address, nil); (err == nil) != public {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestSlowServersAreBounded: fetches that hang take no more than their number, and Close ends them.
func TestSlowServersAreBounded(t *testing.T) {
	i := newIssuer(t)
	release := make(chan struct{})
	i.serve(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	now := time.Now()
	started := 0
	for n := range fetches + 5 {
		if _, next := i.cache.Look(fmt.Sprintf("%s/%d", i.URL, n), now); next.Equal(now.Add(fetchTimeout)) {
			started++
		} else if !next.Equal(now.Add(busyPause)) {
			t.Errorf("asked again in %s", next.Sub(now))
		}
	}
	if started != fetches {
		t.Errorf("%d fetches at once, want %d", started, fetches)
	}
	closed := make(chan struct{})
	go func() { i.cache.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatal("Close does not return")
	}
	if a, _ := i.cache.Look(i.URL+"/0", now); a.Err == nil {
		t.Error("what was cut off did not fail")
	}
}

// TestForgotten: what nobody asks for is forgotten.
func TestForgotten(t *testing.T) {
	i := newIssuer(t)
	i.publish("", ecKey(t, "k"))
	now := time.Now()
	i.fetched(i.cache, i.URL, now)
	i.fetched(i.cache, i.URL+"/other", now.Add(idle+time.Minute))
	i.cache.mu.Lock()
	defer i.cache.mu.Unlock()
	if len(i.cache.entries) != 1 {
		t.Errorf("%d URIs are known", len(i.cache.entries))
	}
}

func FuzzReduce(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"1"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		document, keys, err := reduce(body)
		if err != nil {
			return
		}
		set, err := oauthbearer.ParseKeySet(document)
		if err != nil || set.Len() != len(keys) || len(keys) == 0 {
			t.Fatalf("%s became %s: %v", body, document, err)
		}
	})
}
