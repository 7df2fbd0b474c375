package satellite_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/oauthbearer"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// issuer is an identity provider on loopback: HTTPS, with a key that a test replaces. "" is a server that fails.
type issuer struct {
	*httptest.Server
	key atomic.Pointer[string]
}

func newIssuer(t *testing.T, w *world) *issuer {
	i := &issuer{}
	documents := map[string][]byte{}
	for _, id := range []string{"k1", "k2", "k3"} {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		documents[id], err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: id, Algorithm: "ES256", Use: "sig"}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	i.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		document, ok := documents[*i.key.Load()]
		if !ok {
			http.Error(w, "down", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Cache-Control", "max-age=600")
		w.Write(document)
	}))
	t.Cleanup(i.Close)
	w.keys.RootCAs = i.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	w.keys.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	return i
}

func (i *issuer) publish(key string) { i.key.Store(&key) }

// inForce returns the key ids that gateways find in the state topic.
func (w *world) inForce(providerID string) string {
	w.Helper()
	record, found := w.state("pkc-a")[tenancy.StateKey(tenancy.StateKeySet, providerID)]
	if !found {
		return "none"
	}
	var set tenancy.KeySet
	var document struct {
		Keys []orrery.PublicKey `json:"keys"`
	}
	if err := json.Unmarshal(record.Content, &set); err != nil || set.IdentityProviderID != providerID || orrery.Hash(record.Content) != record.Hash {
		w.Fatalf("%+v: %v", record, err)
	}
	if _, err := oauthbearer.ParseKeySet(set.JWKS); err != nil {
		w.Fatal(err)
	}
	if err := json.Unmarshal(set.JWKS, &document); err != nil || len(document.Keys) != 1 {
		w.Fatalf("%s: %v", set.JWKS, err)
	}
	return document.Keys[0].KeyID
}

// TestKeySets: the keys of an identity provider come into the state topic, rotate there, stay while the issuer fails,
// rotate while the mothership is away, and go with the provider.
func TestKeySets(t *testing.T) {
	w := newWorld(t)
	idp := newIssuer(t, w)
	idp.publish("k1")
	w.start(true)
	provider := message(orrery.DesiredIdentityProvider, "pkc-a/op-1", 1, tenancy.IdentityProvider{
		PhysicalClusterID: "pkc-a", IdentityProviderID: "op-1", OrganizationID: "o", Issuer: idp.URL, JWKSURI: idp.URL + "/keys",
	})
	pool := message(orrery.DesiredIdentityPool, "pkc-a/pool-1", 1, tenancy.IdentityPool{
		PhysicalClusterID: "pkc-a", IdentityPoolID: "pool-1", IdentityProviderID: "op-1", OrganizationID: "o", IdentityClaim: "sub", Filter: "true",
	})
	w.send(psc("pkc-a"), provider, pool)
	said := func(status orrery.ConditionStatus, key string) func() bool {
		return func() bool {
			set := w.statuses[provider.Key()].KeySet
			return set != nil && set.Fetched.Status == status && len(set.Keys) == 1 && set.Keys[0].KeyID == key
		}
	}
	w.until("provider and pool are applied", func() bool { return w.statuses[provider.Key()].Applied && w.statuses[pool.Key()].Applied })
	w.until("the first keys are there", said(orrery.True, "k1"))
	if got := w.inForce("op-1"); got != "k1" {
		t.Fatalf("in force: %s", got)
	}
	w.converge()
	before := w.end("pkc-a", brokers.TopicTenants)
	w.converge()
	if after := w.end("pkc-a", brokers.TopicTenants); after != before {
		t.Errorf("%d records were written without a change", after-before)
	}

	idp.publish("k2")
	w.ahead = 11 * time.Minute
	w.until("the keys rotate", said(orrery.True, "k2"))
	if got := w.inForce("op-1"); got != "k2" {
		t.Fatalf("in force: %s", got)
	}
	idp.publish("")
	w.ahead = 22 * time.Minute
	w.until("the failure is told", said(orrery.False, "k2"))
	if reason := w.statuses[provider.Key()].KeySet.Fetched.Message; !contains(reason, "status 500") || !contains(reason, "stay") {
		t.Errorf("it says %q", reason)
	}
	if got := w.inForce("op-1"); got != "k2" {
		t.Fatalf("a failure changed the keys: %s", got)
	}

	w.stop()
	w.ahead = 0
	w.start(false)
	w.until("the cluster runs without a mothership", func() bool {
		status, _ := w.satellite.Status("pkc-a")
		return status.Ready(orrery.Generation{Term: 1, Number: 1})
	})
	w.converge()
	if got := w.inForce("op-1"); got != "k2" {
		t.Fatalf("a restart while the issuer fails changed the keys: %s", got)
	}
	idp.publish("k3")
	w.ahead = 11 * time.Minute
	w.until("the keys rotate without a mothership", func() bool { return w.inForce("op-1") == "k3" })

	w.ahead = 0
	w.connect()
	w.send(deleted(provider))
	w.until("the provider is gone", w.gone(provider.Key()))
	w.until("its keys are gone", func() bool { return w.inForce("op-1") == "none" })
}
