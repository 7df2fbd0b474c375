package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// SaslAuthenticate: v0-2
//
// Behavior:
// * Ends in the gateway. With PLAIN (RFC 4616) and SCRAM (RFC 5802) the user is the id of an API key of a cluster, and
//   the password its secret. SCRAM takes two requests.
// * With OAUTHBEARER (RFC 7628) the token is one of an identity provider, and the SASL extensions logicalCluster and
//   identityPoolId (KIP-342) say for which cluster and as whom. A token that does not hold is answered with JSON and no
//   error first, and once the client has said that it read it with the reason.
// * The API key decides the tenant, and binds the connection to it. It ends when the key, or the identity
//   pool or provider, or the cluster is deleted.
// * A failure is answered SASL_AUTHENTICATION_FAILED with a text, and the connection ends.
// * SessionLifetimeMillis is when the client must have authenticated again (KIP-368), 0 where it need not: see
//   Limits.SessionLifetime; with a token at its expiry. Another request after that ends the connection.
// * Authenticating again must keep mechanism, principal and cluster; the key may be another one.
//
// Version notes:
// * v1: SessionLifetimeMillis
// * v2: flexible versions

func saslAuthenticate(_ context.Context, s *session, request *kmsg.SASLAuthenticateRequest) (step, error) {
	response := request.ResponseKind().(*kmsg.SASLAuthenticateResponse)
	c := s.connection
	if c.exchange == nil {
		response.ErrorCode = kerr.IllegalSaslState.Code
		response.ErrorMessage = kmsg.StringPtr("SaslHandshake must come before SaslAuthenticate")
		c.closing = protocolErrorf("SaslAuthenticate without SaslHandshake")
		return answered(response), nil
	}
	answer, lifetime, err := c.authenticate(request.SASLAuthBytes)
	if err != nil {
		response.ErrorCode = kerr.SaslAuthenticationFailed.Code
		response.ErrorMessage = kmsg.StringPtr("Authentication failed: " + err.Error())
		c.closing = err
		return answered(response), nil
	}
	response.SASLAuthBytes = append([]byte{}, answer...)
	response.SessionLifetimeMillis = lifetime.Milliseconds()
	return answered(response), nil
}
