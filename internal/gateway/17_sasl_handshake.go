package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// SaslHandshake: v0-1
//
// Behavior:
// * Ends in the gateway; PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are offered, and OAUTHBEARER where there is an identity
//   pool.
// * Another mechanism is answered UNSUPPORTED_SASL_MECHANISM with the list of mechanisms, and the connection ends.
// * Version 0, after which SASL travels outside of Kafka's framing, is offered because clients take its absence for
//   the absence of SASL, and answered UNSUPPORTED_VERSION.
// * On an authenticated connection it begins a re-authentication (KIP-368). Whether the mechanism is the same one is
//   said in SaslAuthenticate, as a broker does.
//
// * On a connection that logged in with a client certificate it is ILLEGAL_SASL_STATE, as on a broker's SSL listener.
//
// Version notes:
// * v1: SaslAuthenticate carries the SASL exchange

func saslHandshake(_ context.Context, s *session, request *kmsg.SASLHandshakeRequest) (step, error) {
	response := request.ResponseKind().(*kmsg.SASLHandshakeResponse)
	c := s.connection
	st := s.gateway.state.Load()
	mechanisms := st.mechanisms()
	response.SupportedMechanisms = mechanisms
	switch {
	case c.authenticated && c.mechanism == "":
		response.ErrorCode, response.SupportedMechanisms = kerr.IllegalSaslState.Code, nil
	case request.Version == 0:
		response.ErrorCode = kerr.UnsupportedVersion.Code
		c.closing = refusedError{"SaslHandshake version 0 is not served; the client must send version 1"}
	case !slices.Contains(mechanisms, request.Mechanism):
		response.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		c.closing = refusedError{fmt.Sprintf("the SASL mechanism %.32q is not offered, only %s", request.Mechanism, strings.Join(mechanisms, ", "))}
	default:
		var err error
		if c.exchange, err = st.begin(request.Mechanism); err != nil {
			return step{}, err
		}
		c.mechanism = cmp.Or(c.mechanism, request.Mechanism)
	}
	return answered(response), nil
}
