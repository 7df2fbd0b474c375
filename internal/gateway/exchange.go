package gateway

import (
	"errors"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/scram"
)

// mechanismPlain is SASL/PLAIN (RFC 4616).
const mechanismPlain = "PLAIN"

// mechanisms returns the SASL mechanisms that are offered. SCRAM is one once the state has what an unknown key's salt
// is made from, and OAUTHBEARER once a token can be for somebody.
func (s *state) mechanisms() []string {
	offered := []string{mechanismPlain}
	if s.logins.scram != nil {
		offered = append(offered, scram.SHA256, scram.SHA512)
	}
	if s.logins.providers.size > 0 {
		offered = append(offered, mechanismToken)
	}
	return offered
}

// exchange is a SASL authentication that the client has begun. Each mechanism bounds its messages.
type exchange struct {
	mechanism string
	// For SCRAM: the conversation, and the key that it is about.
	conversation *scram.Conversation
	key          credential
	// rejected is why a token does not hold; the client was told that it does not.
	rejected error
}

// begin starts an exchange with one of the mechanisms that are offered.
func (s *state) begin(mechanism string) (*exchange, error) {
	x := &exchange{mechanism: mechanism}
	if mechanism == mechanismPlain || mechanism == mechanismToken {
		return x, nil
	}
	var err error
	x.conversation, err = s.logins.scram.Start(mechanism, func(keyID string) (orrery.Verifiers, bool) {
		var known bool
		x.key, known = s.credential(keyID)
		return x.key.Verifiers, known
	})
	return x, err
}

// step takes a message of the client and returns the answer; with done the client is admitted once it has that.
func (g *Gateway) step(x *exchange, message []byte) (answer []byte, a admission, done bool, err error) {
	switch x.mechanism {
	case mechanismPlain:
		a, err = g.stepPlain(message)
		done = err == nil
	case mechanismToken:
		answer, a, done, err = g.stepToken(x, message)
	default:
		answer, a, done, err = g.stepSCRAM(x, message)
	}
	a.lifetime = g.sessionLifetime(a.lifetime)
	return answer, a, done, err
}

// stepPlain takes the only message of PLAIN.
func (g *Gateway) stepPlain(message []byte) (admission, error) {
	parts := strings.Split(string(message), "\x00")
	if len(parts) != 3 {
		return admission{}, refusedError{"the SASL/PLAIN message is malformed"}
	}
	authorizeAs, user, password := parts[0], parts[1], parts[2]
	if authorizeAs != "" && authorizeAs != user {
		return admission{}, refusedError{"the SASL/PLAIN authorization id must be empty or the API key's id"}
	}
	st := g.state.Load()
	key, err := g.checkSecret(st, user, password)
	if err != nil {
		return admission{}, err
	}
	return st.open(key)
}

// stepSCRAM takes one of the two messages of SCRAM.
func (g *Gateway) stepSCRAM(x *exchange, message []byte) (answer []byte, a admission, done bool, err error) {
	answer, done, err = x.conversation.Step(message)
	switch {
	case errors.Is(err, scram.ErrRefused):
		return nil, admission{}, false, unknownKey(x.conversation.User())
	case err != nil:
		return nil, admission{}, false, refusedKey(x.conversation.User(), err.Error())
	case done:
		a, err = g.state.Load().open(x.key)
	}
	return answer, a, done, err
}
