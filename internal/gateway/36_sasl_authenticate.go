package gateway

import (
	"context"
	"errors"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// SaslAuthenticate: v0-2
//
// Behavior:
// * Ends in the gateway. PLAIN (RFC 4616): the user is the id of an API key of a cluster, the password its secret.
// * The API key decides the tenant, and binds the connection to it. It ends when the key or the cluster is deleted,
//   so a session has no lifetime of its own and SessionLifetimeMillis is 0.
// * A failure is answered SASL_AUTHENTICATION_FAILED with a text, and the connection ends.
// * Authenticating again must keep principal and cluster (KIP-368); the key may be another one.
//
// Version notes:
// * v1: SessionLifetimeMillis
// * v2: flexible versions

func saslAuthenticate(_ context.Context, s *session, request *kmsg.SASLAuthenticateRequest) (step, error) {
	response := request.ResponseKind().(*kmsg.SASLAuthenticateResponse)
	c := s.connection
	if c.mechanism == "" {
		response.ErrorCode = kerr.IllegalSaslState.Code
		response.ErrorMessage = kmsg.StringPtr("SaslHandshake must come before SaslAuthenticate")
		c.closing = protocolErrorf("SaslAuthenticate without SaslHandshake")
		return answered(response), nil
	}
	c.mechanism = ""
	if err := c.authenticatePlain(request.SASLAuthBytes); err != nil {
		response.ErrorCode = kerr.SaslAuthenticationFailed.Code
		response.ErrorMessage = kmsg.StringPtr("Authentication failed: " + err.Error())
		c.closing = err
		return answered(response), nil
	}
	response.SASLAuthBytes = []byte{}
	return answered(response), nil
}

// authenticatePlain checks a PLAIN message, and gives the connection its session.
func (c *connection) authenticatePlain(message []byte) error {
	parts := strings.Split(string(message), "\x00")
	if len(parts) != 3 {
		return refusedError{"the SASL/PLAIN message is malformed"}
	}
	authorizeAs, user, password := parts[0], parts[1], parts[2]
	if authorizeAs != "" && authorizeAs != user {
		return refusedError{"the SASL/PLAIN authorization id must be empty or the API key's id"}
	}
	identity, key, tenant, err := c.gateway.logIn(user, password)
	if err != nil {
		return err
	}
	if old := c.session.Identity; c.authenticated && (old.PrincipalID != identity.PrincipalID || old.LogicalClusterID != identity.LogicalClusterID) {
		return refusedError{errPrincipalChanged.Error()}
	}
	if err := c.gateway.register(c, identity, key.hash); err != nil {
		return refusedError{err.Error()}
	}
	c.admitted(identity, tenant)
	if c.ctx.Err() != nil {
		return errors.New("the connection has ended")
	}
	return nil
}
