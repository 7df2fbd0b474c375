package gateway

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// mechanisms are the SASL mechanisms that are offered.
var mechanisms = []string{"PLAIN"}

// keyForm is the form of every API key's id.
var keyForm = regexp.MustCompile(`^[A-Z0-9]{16}$`)

// noVerifier matches no secret, with as much work as one that does.
var noVerifier = orrery.PlainVerifier{Salt: make([]byte, 16), Hash: make([]byte, sha256.Size)}

var errNotReady = orrery.Errorf(orrery.Unavailable, "The cluster's gateway is still reading its state; try again in a moment.")

// refusedError is an authentication that failed, with what the client may know.
type refusedError struct{ text string }

func (e refusedError) Error() string { return e.text }

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
	return refusedError{fmt.Sprintf("the API key %q is not known or was deleted, or its secret is wrong", keyID)}
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

// logIn checks an API key for the Kafka protocol, which only a cluster's key opens.
func (g *Gateway) logIn(keyID, secret string) (Identity, credential, tenancy.Tenant, error) {
	st := g.state.Load()
	key, err := g.checkSecret(st, keyID, secret)
	if err != nil {
		return Identity{}, credential{}, tenancy.Tenant{}, err
	}
	if key.LogicalClusterID == "" {
		return Identity{}, credential{}, tenancy.Tenant{}, refusedError{fmt.Sprintf(
			"the API key %s is a Cloud API key, which opens no Kafka connection; create one for the Kafka cluster", keyID)}
	}
	tenant, known := st.tenant(key.LogicalClusterID)
	if !known {
		return Identity{}, credential{}, tenancy.Tenant{}, refusedError{fmt.Sprintf(
			"the API key %s is for the Kafka cluster %s, which was deleted or is not ready yet", keyID, key.LogicalClusterID)}
	}
	return identityOf(key, tenant), key, tenant, nil
}

func identityOf(key credential, tenant tenancy.Tenant) Identity {
	return Identity{
		OrganizationID: tenant.OrganizationID, EnvironmentID: tenant.EnvironmentID,
		LogicalClusterID: tenant.LogicalClusterID, PrincipalID: key.OwnerID, APIKeyID: key.APIKeyID,
	}
}

// Authenticate checks an API key for Kafka REST of a logical cluster: a key of that cluster, or a Cloud API key of
// its organization. Without a logical cluster (""), it is the one that the key is for. The error is an
// *orrery.Error: Unauthenticated for a wrong key, Forbidden for a key of another cluster, NotFound for a cluster
// that does not exist or is another organization's and for a Cloud API key without one, Unavailable before Ready.
func (g *Gateway) Authenticate(keyID, secret, logicalClusterID string) (Identity, error) {
	select {
	case <-g.ready:
	default:
		return Identity{}, errNotReady
	}
	st := g.state.Load()
	key, err := g.checkSecret(st, keyID, secret)
	if err != nil {
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

// admitted gives the connection the session of an identity that was registered.
func (c *connection) admitted(identity Identity, tenant tenancy.Tenant) {
	next := *c.session
	next.Identity, next.tenant, next.prefix = identity, tenant, tenancy.PrefixOf(identity.LogicalClusterID)
	next.principal = "User:" + identity.PrincipalID
	c.session, c.authenticated = &next, true
}

// errPrincipalChanged is a re-authentication as somebody else (KIP-368).
var errPrincipalChanged = errors.New("a connection cannot change its principal or cluster by authenticating again")
