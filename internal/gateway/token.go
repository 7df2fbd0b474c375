package gateway

import (
	"errors"
	"fmt"
	"time"

	"github.com/orrery-kafka/orrery/internal/identitypool"
	"github.com/orrery-kafka/orrery/internal/oauthbearer"
)

// mechanismToken is SASL/OAUTHBEARER (RFC 7628, KIP-255).
const mechanismToken = "OAUTHBEARER"

// leastLifetime is for a token that is taken although it has just expired, for clocks may be apart: its session must
// end at a time, and 0 is without end.
const leastLifetime = time.Second

// stepToken takes the messages of OAUTHBEARER: one, or where the token does not hold one more, in which the client
// says that it has read so.
func (g *Gateway) stepToken(x *exchange, message []byte) (answer []byte, a admission, done bool, err error) {
	if x.rejected != nil {
		return nil, admission{}, false, x.rejected
	}
	m, err := oauthbearer.ParseMessage(message)
	if err != nil {
		return nil, admission{}, false, refusedError{err.Error()}
	}
	if a, x.rejected = g.checkToken(m); x.rejected != nil {
		return []byte(oauthbearer.Rejection), admission{}, false, nil
	}
	return nil, a, true, nil
}

// errNoPool is one answer for what does not exist and what is another organization's.
func errNoPool(m oauthbearer.Message) error {
	return refusedError{fmt.Sprintf("the Kafka cluster %.40q has no identity pool %.40q; both come from the SASL extensions %s and %s",
		m.LogicalCluster, m.IdentityPoolID, oauthbearer.ExtensionLogicalCluster, oauthbearer.ExtensionIdentityPoolID)}
}

// checkToken returns what a token opens: the cluster that the client names, as the identity pool that it names. The
// error is a refusedError.
func (g *Gateway) checkToken(m oauthbearer.Message) (admission, error) {
	st := g.state.Load()
	pool, provider, hash, ok := st.logins.poolInForce(m.IdentityPoolID)
	tenant, known := st.tenant(m.LogicalCluster)
	if !ok || !known || tenant.OrganizationID != pool.OrganizationID {
		return admission{}, errNoPool(m)
	}
	keys, _ := st.logins.keySets.get(provider.IdentityProviderID)
	a, err := admitToken(m, pool, provider, keys, g.config.Now())
	if err != nil {
		return admission{}, ownedRefusalError{refusedError: refusedError{err.Error()}, logicalClusterID: tenant.LogicalClusterID}
	}
	a.identity.OrganizationID, a.identity.EnvironmentID, a.identity.LogicalClusterID = tenant.OrganizationID, tenant.EnvironmentID, tenant.LogicalClusterID
	a.tenant, a.hash = tenant, hash
	return a, nil
}

// admitToken returns as whom a token is admitted and for how long, if it is one of the pool's provider and the pool's
// filter lets it in. The error holds nothing of the token.
func admitToken(m oauthbearer.Message, pool identityPool, provider identityProvider, keys *oauthbearer.KeySet, now time.Time) (admission, error) {
	claims, err := oauthbearer.Provider{
		Issuer: provider.Issuer, Audiences: provider.Audiences, AnyAudience: len(provider.Audiences) == 0, Keys: keys,
	}.Validate(m.Token, now)
	if err != nil {
		return admission{}, err
	}
	if err := pool.filter.Check(claims.All); err != nil {
		return admission{}, err
	}
	subject, err := identitypool.Identity(claims.All, pool.IdentityClaim)
	if err != nil {
		return admission{}, err
	}
	if m.AuthorizationID != "" && m.AuthorizationID != subject && m.AuthorizationID != pool.IdentityPoolID {
		return admission{}, errors.New("the authorization id must be empty, the token's identity or the identity pool")
	}
	return admission{
		identity: Identity{PrincipalID: pool.IdentityPoolID, Subject: subject},
		lifetime: max(claims.ExpiresAt.Sub(now), leastLifetime),
	}, nil
}
