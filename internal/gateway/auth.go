package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// keyForm is the form of every API key's id.
var keyForm = regexp.MustCompile(`^[A-Z0-9]{16}$`)

// noVerifier matches no secret, with as much work as one that does.
var noVerifier = orrery.PlainVerifier{Salt: make([]byte, 16), Hash: make([]byte, sha256.Size)}

var errNotReady = orrery.Errorf(orrery.Unavailable, "The cluster's gateway is still reading its state; try again in a moment.")

// refusedError is an authentication that failed, with what the client may know.
type refusedError struct{ text string }

func (e refusedError) Error() string { return e.text }

// ownedRefusalError is a refusedError that a tenant wants to know of: about what has the form of an API key's id, or a
// token for one of its identity pools.
type ownedRefusalError struct {
	refusedError
	keyID            string // "" with a token
	logicalClusterID string // "": the key's
}

// Unwrap returns the refusedError.
func (e ownedRefusalError) Unwrap() error { return e.refusedError }

// refused is what Kafka REST answers where a connection is not admitted any more.
func refused(err error) error {
	return &orrery.Error{Code: orrery.Unauthenticated, Message: "The API key or its cluster is gone: " + err.Error() + "."}
}

// unknownKey quotes only what has the form of an API key's id: who mixes up id and secret would find the secret in
// the log.
func unknownKey(keyID string) error {
	if !keyForm.MatchString(keyID) {
		return refusedError{"the user name is not the id of an API key (16 capital letters and digits)"}
	}
	return refusedKey(keyID, fmt.Sprintf("the API key %q is not known or was deleted, or its secret is wrong", keyID))
}

// refusedKey is a refusal of who says that it has a key.
func refusedKey(keyID, why string) error {
	if !keyForm.MatchString(keyID) {
		return refusedError{why}
	}
	return ownedRefusalError{refusedError: refusedError{why}, keyID: keyID}
}

// checkSecret returns the credential of a key whose secret is right. It does the same work for an unknown key.
func (g *Gateway) checkSecret(st *state, keyID, secret string) (credential, error) {
	key, known := st.credential(keyID)
	verifier := key.Verifiers.Plain
	if !known {
		verifier = noVerifier
	}
	if !verifier.Matches(secret) || !known {
		return credential{}, unknownKey(keyID)
	}
	return key, nil
}

func identityOf(key credential, tenant tenancy.Tenant) Identity {
	return Identity{
		OrganizationID: tenant.OrganizationID, EnvironmentID: tenant.EnvironmentID,
		LogicalClusterID: tenant.LogicalClusterID, PrincipalID: key.OwnerID, APIKeyID: key.APIKeyID,
	}
}

// Authenticate checks an API key for Kafka REST of a logical cluster: a key of that cluster, or a Cloud API key of
// its organization. Without a logical cluster (""), it is the one that the key is for. Wrong keys count as failed
// logins of the address, as with the Kafka protocol; the zero Addr is this process. The error is an *orrery.Error:
// Unauthenticated for a wrong key, TooManyRequests for an address that had too many of them, Forbidden for a key of
// another cluster, NotFound for a cluster that does not exist or is another organization's and for a Cloud API key
// without one, Unavailable before Ready.
func (g *Gateway) Authenticate(address netip.Addr, keyID, secret, logicalClusterID string) (Identity, error) {
	select {
	case <-g.ready:
	default:
		return Identity{}, errNotReady
	}
	if err := g.doorway.admits(address); err != nil {
		return Identity{}, orrery.Errorf(orrery.TooManyRequests, "Authentication is not tried: %s. Try again in a while.", err)
	}
	st := g.state.Load()
	key, err := g.checkSecret(st, keyID, secret)
	if err != nil {
		g.doorway.failed(address)
		return Identity{}, orrery.Errorf(orrery.Unauthenticated, "Authentication failed: %s.", err)
	}
	if logicalClusterID == "" {
		logicalClusterID = key.LogicalClusterID
	}
	if key.LogicalClusterID != "" && key.LogicalClusterID != logicalClusterID {
		return Identity{}, orrery.Errorf(orrery.Forbidden, "The API key %s is for the Kafka cluster %s, not for %s.", keyID, key.LogicalClusterID, logicalClusterID)
	}
	tenant, known := st.tenant(logicalClusterID)
	if !known || tenant.OrganizationID != key.OrganizationID {
		return Identity{}, orrery.Errorf(orrery.NotFound, "There is no Kafka cluster %s here.", logicalClusterID)
	}
	return identityOf(key, tenant), nil
}

// admission is what an authentication that succeeded gives a connection.
type admission struct {
	identity Identity
	tenant   tenancy.Tenant
	hash     string // of what the connection was opened with, for state.admits
	// certificate is the client's, where it was what opened the connection.
	certificate *x509.Certificate
	// lifetime is how long it is good for; 0 is for as long as the state admits it.
	lifetime time.Duration
}

// open returns what a key whose secret was proved opens by the Kafka protocol.
func (st *state) open(key credential) (admission, error) {
	if key.LogicalClusterID == "" {
		return admission{}, refusedError{fmt.Sprintf(
			"the API key %s is a Cloud API key, which opens no Kafka connection; create one for the Kafka cluster", key.APIKeyID)}
	}
	tenant, known := st.tenant(key.LogicalClusterID)
	if !known {
		return admission{}, refusedError{fmt.Sprintf(
			"the API key %s is for the Kafka cluster %s, which was deleted or is not ready yet", key.APIKeyID, key.LogicalClusterID)}
	}
	return admission{identity: identityOf(key, tenant), tenant: tenant, hash: key.hash}, nil
}

// authenticate takes a message of the exchange that is under way. It returns the answer, and with the last one how
// long the login lasts.
func (c *connection) authenticate(message []byte) (answer []byte, lifetime time.Duration, err error) {
	if c.exchange.mechanism != c.mechanism {
		return nil, 0, refusedError{fmt.Sprintf("a connection that authenticated with %s cannot do so again with %s", c.mechanism, c.exchange.mechanism)}
	}
	answer, a, done, err := c.gateway.step(c.exchange, message)
	if err != nil || !done {
		return answer, 0, err
	}
	if err := c.admit(a); err != nil {
		return nil, 0, err
	}
	c.exchange = nil
	return answer, a.lifetime, nil
}

// admit gives the connection the session of an authentication. Authenticating again keeps principal and cluster
// (KIP-368), for what the connection holds at its broker is theirs; the API key may be another one.
func (c *connection) admit(a admission) error {
	if old := c.session.Identity; c.authenticated && (old.PrincipalID != a.identity.PrincipalID || old.LogicalClusterID != a.identity.LogicalClusterID) {
		return refusedError{"a connection cannot change its principal or cluster by authenticating again"}
	}
	if err := c.gateway.register(c, a); err != nil {
		return refusedError{err.Error()}
	}
	c.admitted(a.identity, a.tenant)
	c.gateway.doorway.leave(c.visit)
	c.expires = time.Time{}
	if a.lifetime > 0 {
		c.expires = time.Now().Add(a.lifetime)
	}
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	return nil
}

// admitted gives the connection the session of an identity that was registered.
func (c *connection) admitted(identity Identity, tenant tenancy.Tenant) {
	next := *c.session
	next.Identity, next.tenant, next.prefix = identity, tenant, tenancy.PrefixOf(identity.LogicalClusterID)
	next.principal = "User:" + identity.PrincipalID
	if c.session, c.authenticated = &next, true; c.use == c.gateway.uses.nobody {
		c.use, c.opened = c.gateway.uses.open(identity.LogicalClusterID)
	}
}

// sessionLifetime returns how long a login lasts that would last for lifetime by itself (0: without end). A longest
// one, where it is configured, is for every mechanism.
func (g *Gateway) sessionLifetime(lifetime time.Duration) time.Duration {
	longest := g.config.Limits.SessionLifetime
	if lifetime == 0 || longest > 0 && longest < lifetime {
		return longest
	}
	return lifetime
}

// errSessionOver is a request after the session's end. A broker closes the connection then too, without an answer:
// the client connects and authenticates anew.
var errSessionOver = errors.New("the session is over, and the client did not authenticate again (KIP-368)")

// checkSession says whether a request may come now: after the session's end only one that authenticates again, and
// between the messages of a SASL exchange nothing else.
func (c *connection) checkSession(key int16) error {
	switch {
	case c.exchange != nil && key != kmsg.SASLAuthenticate.Int16():
		return protocolErrorf("%s in the middle of a SASL exchange", kmsg.NameForKey(key))
	case c.expires.IsZero() || c.exchange != nil || key == kmsg.SASLHandshake.Int16() || time.Now().Before(c.expires):
		return nil
	}
	return errSessionOver
}
