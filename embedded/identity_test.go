package embedded

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/wire"
)

// TestIdentityProvider: the keys of a real HTTPS server are seen in the API; one at an address that nobody allowed is
// not asked, and the API says so.
func TestIdentityProvider(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	idp := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(document) }))
	t.Cleanup(idp.Close)
	s, err := Open(t.Context(), Config{
		Dir: t.TempDir(), Listen: "127.0.0.1:0", Version: "test", Logger: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
		IdentityProviderNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		IdentityProviderCAs:      idp.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, s) })
	dedicated(t, s)
	c := s.testClient()
	for uri, want := range map[string]struct {
		status orrery.ConditionStatus
		keys   int
	}{idp.URL + "/keys": {orrery.True, 1}, "https://127.0.0.2:1/keys": {orrery.False, 0}} {
		provider, err := c.CreateIdentityProvider(t.Context(), wire.IdentityProvider{DisplayName: "idp of " + uri, Issuer: idp.URL, JWKSURI: uri})
		if err != nil {
			t.Fatal(err)
		}
		poll.Success(t, func() error {
			got, err := c.GetIdentityProvider(t.Context(), provider.ID)
			if err == nil && (len(got.Conditions) != 1 || got.Conditions[0].Status != want.status || len(got.Keys) != want.keys) {
				err = fmt.Errorf("%s: %+v, keys %+v", uri, got.Conditions, got.Keys)
			}
			return err
		})
	}
}
