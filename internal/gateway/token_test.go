package gateway_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/oauth"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

const tokenIssuer = "https://idp.example.com/"

// issuer is an identity provider that a tenant's organization trusts, with one pool.
type issuer struct {
	t   testing.TB
	c   *gatewaytest.Cluster
	key *ecdsa.PrivateKey
	// suffix of op-… and pool-…
	id string
}

// trust makes an identity provider and a pool of a tenant's organization, and gives the pool all rights there.
func trust(t testing.TB, c *gatewaytest.Cluster, tenant tenancy.Tenant, id string) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{t, c, key, id}
	c.Put(tenancy.StateIdentityProvider, "op-"+id, tenancy.IdentityProvider{
		PhysicalClusterID: gatewaytest.PhysicalClusterID, IdentityProviderID: "op-" + id, OrganizationID: tenant.OrganizationID,
		Issuer: tokenIssuer, JWKSURI: tokenIssuer + "keys", Audiences: []string{"kafka"},
	})
	c.Put(tenancy.StateIdentityPool, "pool-"+id, i.pool(tenant, `claims.sub.startsWith("svc-")`))
	i.publish(key, "k1")
	c.Put(tenancy.StateBinding, "rb-"+id, tenancy.Binding{
		PhysicalClusterID: gatewaytest.PhysicalClusterID, RoleBindingID: "rb-" + id, Principal: "User:pool-" + id, RoleName: orrery.RoleCloudClusterAdmin,
		CRNPattern: orrery.CloudClusterCRN(tenant.OrganizationID, tenant.EnvironmentID, tenant.LogicalClusterID).String(),
	})
	return i
}

func (i *issuer) pool(tenant tenancy.Tenant, filter string) tenancy.IdentityPool {
	return tenancy.IdentityPool{
		PhysicalClusterID: gatewaytest.PhysicalClusterID, IdentityPoolID: "pool-" + i.id, IdentityProviderID: "op-" + i.id,
		OrganizationID: tenant.OrganizationID, IdentityClaim: "claims.sub", Filter: filter,
	}
}

// publish delivers the issuer's public key as a satellite does.
func (i *issuer) publish(key *ecdsa.PrivateKey, keyID string) {
	i.t.Helper()
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: keyID, Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		i.t.Fatal(err)
	}
	i.c.Put(tenancy.StateKeySet, "op-"+i.id, tenancy.KeySet{IdentityProviderID: "op-" + i.id, JWKS: jwks})
}

// claims are those of a good token, with some changed; nil takes one out.
func claims(changes map[string]any) map[string]any {
	now := time.Now().Unix()
	all := map[string]any{"iss": tokenIssuer, "aud": "kafka", "sub": "svc-orders", "iat": now, "nbf": now, "exp": now + 600}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

func (i *issuer) token(changes map[string]any) string {
	return i.sign(jose.ES256, i.key, "k1", claims(changes))
}

func (i *issuer) sign(algorithm jose.SignatureAlgorithm, key any, keyID string, claims map[string]any) string {
	i.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", keyID))
	if err != nil {
		i.t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		i.t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		i.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return token
}

// tokenMessage is what a client sends.
func tokenMessage(token string, extensions ...string) string {
	m := "n,,\x01auth=Bearer " + token + "\x01"
	for j := 0; j < len(extensions); j += 2 {
		m += extensions[j] + "=" + extensions[j+1] + "\x01"
	}
	return m + "\x01"
}

// forPool are the extensions of a client of a tenant as a pool.
func forPool(cluster, pool string) []string {
	return []string{"logicalCluster", cluster, "identityPoolId", pool}
}

func TestTokens(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	a, b := c.Tenant("lkc-aaaaaa"), c.Tenant("lkc-bbbbbb")
	if r := dialRaw(t, c); r.handshake("OAUTHBEARER").ErrorCode != kerr.UnsupportedSaslMechanism.Code {
		t.Error("tokens are taken where nobody can have one")
	}
	mine := trust(t, c, a, "aaaaaa")
	trust(t, c, b, "bbbbbb")
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	client := with(t, c, oauth.Auth{Token: mine.token(nil), Extensions: map[string]string{"logicalCluster": "lkc-aaaaaa", "identityPoolId": "pool-aaaaaa"}}.AsMechanism())
	produceOne(t, client, "orders", "by token")

	r := dialRaw(t, c)
	if response := r.logInWithToken(mine.token(map[string]any{"exp": time.Now().Unix() + 100})); response.ErrorCode != 0 || response.SessionLifetimeMillis < 90_000 || response.SessionLifetimeMillis > 100_000 {
		t.Errorf("a token of 100 s: %+v", response)
	}
	if response := r.logInWithToken(mine.token(map[string]any{"sub": "svc-other"})); response.ErrorCode != 0 { // the pool is the principal
		t.Errorf("another identity of the pool: %+v", response)
	}
	rotated, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mine.publish(rotated, "k2")
	r.ask(kmsg.NewPtrMetadataRequest()) // a session outlives the key that its token was signed with
	if response := dialRaw(t, c).logInWithToken(mine.token(nil)); !strings.Contains(reason(response), "a key that the identity provider does not publish") {
		t.Errorf("a token of the key before: %+v", response)
	}
	if response := dialRaw(t, c).logInWithToken(mine.sign(jose.ES256, rotated, "k2", claims(nil))); response.ErrorCode != 0 {
		t.Errorf("a token of the new key: %+v", response)
	}
	c.Put(tenancy.StateIdentityPool, "pool-aaaaaa", mine.pool(a, `claims.sub == "svc-nobody"`))
	r.expectClosed()
	if response := dialRaw(t, c).logInWithToken(mine.sign(jose.ES256, rotated, "k2", claims(nil))); !strings.Contains(reason(response), "filter") {
		t.Errorf("with another filter: %+v", response)
	}
}

// TestTokenSessionsEnd: with the deletion of the pool, and of the provider.
func TestTokenSessionsEnd(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	tenant := c.Tenant("lkc-aaaaaa")
	mine := trust(t, c, tenant, "aaaaaa")
	for _, doomed := range [][2]string{{tenancy.StateIdentityPool, "pool-aaaaaa"}, {tenancy.StateIdentityProvider, "op-aaaaaa"}} {
		c.Put(tenancy.StateIdentityPool, "pool-aaaaaa", mine.pool(tenant, "true"))
		r := dialRaw(t, c)
		if response := r.logInWithToken(mine.token(nil)); response.ErrorCode != 0 {
			t.Fatal(reason(response))
		}
		c.Delete(doomed[0], doomed[1])
		r.expectClosed()
	}
}

func (r *rawClient) logInWithToken(token string) *kmsg.SASLAuthenticateResponse {
	r.t.Helper()
	return r.logInWithMessage(tokenMessage(token, forPool("lkc-aaaaaa", "pool-aaaaaa")...))
}

// logInWithMessage sends a message, and where the token does not hold what RFC 7628 has a client say to that.
func (r *rawClient) logInWithMessage(message string) *kmsg.SASLAuthenticateResponse {
	r.t.Helper()
	if response := r.handshake("OAUTHBEARER"); response.ErrorCode != 0 {
		r.t.Fatalf("SaslHandshake: error %d", response.ErrorCode)
	}
	response := r.authenticate(message)
	if response.ErrorCode == 0 && len(response.SASLAuthBytes) > 0 {
		var rejection struct{ Status string }
		if err := json.Unmarshal(response.SASLAuthBytes, &rejection); err != nil || rejection.Status != "invalid_token" {
			r.t.Fatalf("the rejection is %q", response.SASLAuthBytes)
		}
		response = r.authenticate("\x01")
		if response.ErrorCode == 0 {
			r.t.Fatal("a rejected token logs in")
		}
	}
	return response
}

// reason is why a login failed.
func reason(response *kmsg.SASLAuthenticateResponse) string {
	if response.ErrorCode != kerr.SaslAuthenticationFailed.Code || response.ErrorMessage == nil {
		return ""
	}
	return *response.ErrorMessage
}

// TestHostileTokens changes one thing after another of a good login; each is refused, none is logged.
func TestHostileTokens(t *testing.T) {
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger})
	a, b := c.Tenant("lkc-aaaaaa"), c.Tenant("lkc-bbbbbb")
	mine, theirs := trust(t, c, a, "aaaaaa"), trust(t, c, b, "bbbbbb")
	now := time.Now().Unix()
	good := mine.token(nil)
	parts := strings.Split(good, ".")
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	payload, err := json.Marshal(claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	pool := forPool("lkc-aaaaaa", "pool-aaaaaa")
	messages := map[string]string{
		"alg none":                               tokenMessage(encode(`{"alg":"none"}`)+"."+encode(string(payload))+".", pool...),
		"alg none with a signature":              tokenMessage(encode(`{"alg":"none"}`)+"."+encode(string(payload))+"."+parts[2], pool...),
		"signed with the public key as a secret": tokenMessage(mine.sign(jose.HS256, publicBytes(t, mine), "k1", claims(nil)), pool...),
		"another provider's key":                 tokenMessage(theirs.sign(jose.ES256, theirs.key, "k1", claims(nil)), pool...),
		"an unknown key":                         tokenMessage(mine.sign(jose.ES256, mine.key, "k9", claims(nil)), pool...),
		"another signature":                      tokenMessage(parts[0]+"."+parts[1]+"."+encode(strings.Repeat("x", 64)), pool...),
		"another payload":                        tokenMessage(parts[0]+"."+encode(`{"sub":"svc-root"}`)+"."+parts[2], pool...),
		"no signature":                           tokenMessage(parts[0]+"."+parts[1], pool...),
		"no token":                               tokenMessage("", pool...),
		"huge":                                   tokenMessage(strings.Repeat("x", 17<<10), pool...),
		"a huge claim":                           tokenMessage(mine.token(map[string]any{"x": strings.Repeat("y", 14<<10)}), pool...),
		"no extensions":                          tokenMessage(good),
		"no pool":                                tokenMessage(good, "logicalCluster", "lkc-aaaaaa"),
		"no cluster":                             tokenMessage(good, "identityPoolId", "pool-aaaaaa"),
		"another organization's cluster":         tokenMessage(good, forPool("lkc-bbbbbb", "pool-aaaaaa")...),
		"another organization's pool":            tokenMessage(good, forPool("lkc-aaaaaa", "pool-bbbbbb")...),
		"another organization's both":            tokenMessage(good, forPool("lkc-bbbbbb", "pool-bbbbbb")...),
		"an unknown pool":                        tokenMessage(good, forPool("lkc-aaaaaa", "pool-cccccc")...),
		"as somebody else":                       strings.Replace(tokenMessage(good, pool...), "n,,", "n,a=root,", 1),
		"an extension twice":                     tokenMessage(good, append(slices.Clone(pool), "logicalCluster", "lkc-bbbbbb")...),
		"channel binding":                        strings.Replace(tokenMessage(good, pool...), "n,,", "y,,", 1),
		"cut off":                                strings.TrimSuffix(tokenMessage(good, pool...), "\x01"),
		"nothing":                                "",
	}
	for name, change := range map[string]map[string]any{
		"another issuer": {"iss": "https://idp.example.com"}, "no issuer": {"iss": nil}, "an issuer twice": {"iss": []string{tokenIssuer}},
		"another audience": {"aud": "other"}, "no audience": {"aud": nil}, "an audience within": {"aud": "kafka2"},
		"expired": {"exp": now - 60}, "no expiry": {"exp": nil}, "an expiry as text": {"exp": "2999"}, "an expiry without end": {"exp": 1e18},
		"not valid yet": {"nbf": now + 600}, "issued in the future": {"iat": now + 600},
		"no subject": {"sub": nil}, "a subject that the filter leaves out": {"sub": "root"}, "a subject of another type": {"sub": 7}, "a huge subject": {"sub": "svc-" + strings.Repeat("x", 300)},
	} {
		messages[name] = tokenMessage(mine.token(change), pool...)
	}
	for name, message := range messages {
		t.Run(name, func(t *testing.T) {
			r := dialRaw(t, c)
			response := r.logInWithMessage(message)
			why := reason(response)
			if why == "" || len(why) > 400 || len(parts[2]) > 0 && strings.Contains(why, parts[2]) {
				t.Errorf("error %d, %q", response.ErrorCode, why)
			}
			r.expectClosed()
		})
	}
	if response := dialRaw(t, c).logInWithToken(good); response.ErrorCode != 0 {
		t.Errorf("afterwards the good token is refused: %q", reason(response))
	}
	for _, part := range parts[1:] {
		if strings.Contains(log.String(), part) {
			t.Error("a token was logged")
		}
	}
}

func publicBytes(t *testing.T, i *issuer) []byte {
	t.Helper()
	b, err := i.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestClientsLogInWithTokens has librdkafka and the Java client log in with a good token and with one that has expired.
func TestClientsLogInWithTokens(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs the clients that make clients fetches")
	}
	gatewaytest.EmbeddedOnly(t, "logins end in the gateway")
	c := gatewaytest.Start(t, gatewaytest.Options{})
	mine := trust(t, c, c.Tenant("lkc-aaaaaa"), "aaaaaa")
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	good, bad := mine.token(nil), mine.token(map[string]any{"exp": time.Now().Unix() - 60})
	for program := range clientPrograms {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			got := logInWith(t, c, program, "0", login{"OAUTHBEARER", "lkc-aaaaaa/pool-aaaaaa", good}, login{"OAUTHBEARER", "lkc-aaaaaa/pool-aaaaaa", bad})
			if got[0] != "OAUTHBEARER ok 1" || !strings.HasPrefix(got[1], "OAUTHBEARER refused") {
				t.Errorf("%q", got)
			}
		})
	}
}
