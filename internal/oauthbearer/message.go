// Package oauthbearer is the server's side of SASL/OAUTHBEARER (RFC 7628, KIP-255, KIP-342): it reads the client's
// message and validates its token, a JWT of an identity provider, with keys that are given as data. It computes
// only: it fetches nothing and has no clock.
package oauthbearer

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// MaxMessage bounds the client's message, and MaxToken the token in it, in bytes. Tokens of large identity
	// providers have 1 to 8 KiB.
	MaxMessage = 20 << 10
	MaxToken   = 16 << 10
	// maxExtensions bounds how many SASL extensions a message has.
	maxExtensions = 20
)

// Extensions that Confluent Cloud's clients send (KIP-342).
const (
	ExtensionLogicalCluster = "logicalCluster" // lkc-…: the tenant
	ExtensionIdentityPoolID = "identityPoolId" // pool-…: whose rights
)

// ErrMalformed is a message that breaks RFC 7628 or a bound. Its text holds nothing of the message.
var ErrMalformed = errors.New("the OAUTHBEARER message is malformed")

// Rejection is what a client is answered when its token does not hold (RFC 7628, section 3.2.2). It answers with one
// byte, 0x01, which ends the exchange with an error.
const Rejection = `{"status":"invalid_token"}`

// Message is a client's message. Nothing in it is validated but its form.
type Message struct {
	Token string
	// AuthorizationID is who the client asks to act as; "" for who it is.
	AuthorizationID string
	// LogicalCluster and IdentityPoolID are extensions; "" where they are missing. Other extensions are ignored.
	LogicalCluster, IdentityPoolID string
}

// separator is between the parts of a message.
const separator = "\x01"

// ParseMessage reads a client's message. The error is ErrMalformed.
func ParseMessage(b []byte) (Message, error) {
	if len(b) > MaxMessage {
		return Message{}, fmt.Errorf("%w: it has %d bytes, more than %d", ErrMalformed, len(b), MaxMessage)
	}
	header, rest, ok := strings.Cut(string(b), separator)
	authorization, plain := strings.CutPrefix(header, "n,")
	authorization, closed := strings.CutSuffix(authorization, ",")
	if !ok || !plain || !closed || len(header) < 3 {
		return Message{}, fmt.Errorf("%w: it does not begin with a GS2 header without channel binding", ErrMalformed)
	}
	var m Message
	if authorization != "" {
		name, found := strings.CutPrefix(authorization, "a=")
		name, valid := saslName(name)
		if !found || !valid {
			return Message{}, fmt.Errorf("%w: its authorization id is not valid", ErrMalformed)
		}
		m.AuthorizationID = name
	}
	pairs, ended := strings.CutSuffix(rest, separator+separator)
	if !ended {
		return Message{}, fmt.Errorf("%w: it does not end with two separators", ErrMalformed)
	}
	if err := m.pairs(pairs); err != nil {
		return Message{}, err
	}
	return m, nil
}

// pairs reads the token and the extensions.
func (m *Message) pairs(text string) error {
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(text, separator) {
		key, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok || !all(key, letter) || !all(value, visible):
			return fmt.Errorf("%w: one of its key and value pairs is not valid", ErrMalformed)
		case seen[key]:
			return fmt.Errorf("%w: it has a key twice", ErrMalformed)
		case len(seen) > maxExtensions:
			return fmt.Errorf("%w: it has more than %d extensions", ErrMalformed, maxExtensions)
		}
		seen[key] = true
		switch key {
		case "auth":
			token, err := bearer(value)
			if err != nil {
				return err
			}
			m.Token = token
		case ExtensionLogicalCluster:
			m.LogicalCluster = value
		case ExtensionIdentityPoolID:
			m.IdentityPoolID = value
		}
	}
	if m.Token == "" {
		return fmt.Errorf("%w: it has no token", ErrMalformed)
	}
	return nil
}

// bearer takes the token out of "Bearer TOKEN".
func bearer(value string) (string, error) {
	scheme, token, ok := strings.Cut(value, " ")
	token = strings.TrimLeft(token, " ")
	if !ok || !strings.EqualFold(scheme, "bearer") || !all(token, tokenByte) {
		return "", fmt.Errorf("%w: its authorization is not a bearer token", ErrMalformed)
	}
	if len(token) > MaxToken {
		return "", fmt.Errorf("%w: its token has %d bytes, more than %d", ErrMalformed, len(token), MaxToken)
	}
	return token, nil
}

// saslName decodes a saslname of RFC 5801: "=2C" is a comma, "=3D" an equals sign.
func saslName(s string) (string, bool) {
	var name strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == ',' || s[i] < ' ' || s[i] > '~':
			return "", false
		case s[i] != '=':
			name.WriteByte(s[i])
		case strings.HasPrefix(s[i:], "=2C"):
			name.WriteByte(',')
			i += 2
		case strings.HasPrefix(s[i:], "=3D"):
			name.WriteByte('=')
			i += 2
		default:
			return "", false
		}
	}
	return name.String(), name.Len() > 0
}

// all reports whether s has bytes and each is allowed.
func all(s string, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return s != ""
}

func letter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

func visible(b byte) bool {
	return ' ' <= b && b <= '~' || b == '\t' || b == '\r' || b == '\n'
}

func tokenByte(b byte) bool {
	return letter(b) || '0' <= b && b <= '9' || b == '-' || b == '_' || b == '.'
}
