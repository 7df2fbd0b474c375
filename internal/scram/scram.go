// Package scram is the server's side of SASL/SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677, KIP-84) with
// API keys as users. The exchange itself is xdg-go/scram's; what is here keeps it bounded, and keeps it from telling
// which keys exist: an unknown one gets a salt that is the same each time, and fails as late as a wrong secret.
package scram

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"io"
	"unicode/utf8"

	"github.com/xdg-go/scram"

	"github.com/orrery-kafka/orrery"
)

// The mechanisms, by the names that SaslHandshake has.
const (
	SHA256 = "SCRAM-SHA-256"
	SHA512 = "SCRAM-SHA-512"
)

const (
	// MaxMessage bounds a client's message, in bytes. A real one has about 150.
	MaxMessage = 1024
	// minKey is the least length of a Server's key.
	minKey = 32
	// saltBytes and iterations are those of every real verifier (orrery.NewVerifiers), so that a made-up one looks
	// the same.
	saltBytes  = 16
	iterations = 4096
)

var (
	// ErrRefused is an unknown key or a wrong secret; which of them is not said.
	ErrRefused = errors.New("the API key is not known or was deleted, or its secret is wrong")
	// ErrMalformed is a message that breaks the protocol or its bounds, or asks for what is not offered: channel
	// binding, or to act as another user.
	ErrMalformed = errors.New("the SCRAM message is malformed")
)

// Server makes conversations. It is for concurrent use.
type Server struct {
	key   []byte
	nonce func() string // for tests; nil is random
}

// NewServer returns a server whose made-up salts come from key: at least 32 random bytes, which stay the same over
// restarts and are the same on every gateway of a cluster, or a client that compares two answers learns which users
// do not exist.
func NewServer(key []byte) (*Server, error) {
	if len(key) < minKey {
		return nil, fmt.Errorf("the key for made-up salts has %d bytes, and must have at least %d", len(key), minKey)
	}
	return &Server{key: append([]byte(nil), key...)}, nil
}

// Conversation is one authentication. It is not for concurrent use.
type Conversation struct {
	exchange *scram.ServerConversation
	known    bool
	user     string
	failed   error
}

// Start begins an authentication with SHA256 or SHA512. Lookup returns the verifiers of an API key; it is called
// once, with at most MaxMessage bytes, whatever the client says that its name is.
func (s *Server) Start(mechanism string, lookup func(keyID string) (orrery.Verifiers, bool)) (*Conversation, error) {
	c := &Conversation{}
	var hashes scram.HashGeneratorFcn
	switch mechanism {
	case SHA256:
		hashes = scram.SHA256
	case SHA512:
		hashes = scram.SHA512
	default:
		return nil, fmt.Errorf("%.50q is not a SCRAM mechanism that is offered", mechanism)
	}
	server, err := hashes.NewServer(func(user string) (scram.StoredCredentials, error) {
		verifiers, known := lookup(user)
		c.user = user
		verifier := s.madeUp(mechanism, user)
		if real := of(mechanism, verifiers); known && usable(real, len(verifier.StoredKey)) {
			c.known, verifier = true, real
		}
		return scram.StoredCredentials{
			KeyFactors: scram.KeyFactors{Salt: string(verifier.Salt), Iters: verifier.Iterations},
			StoredKey:  verifier.StoredKey, ServerKey: verifier.ServerKey,
		}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("starting a SCRAM server: %w", err)
	}
	if s.nonce != nil {
		server = server.WithNonceGenerator(s.nonce)
	}
	c.exchange = server.NewConversation()
	return c, nil
}

// of returns the verifier of a mechanism.
func of(mechanism string, verifiers orrery.Verifiers) orrery.SCRAMVerifier {
	if mechanism == SHA256 {
		return verifiers.SCRAMSHA256
	}
	return verifiers.SCRAMSHA512
}

// usable reports whether a verifier is whole. Kafka's clients refuse fewer iterations than 4,096.
func usable(v orrery.SCRAMVerifier, size int) bool {
	return v.Iterations >= iterations && len(v.Salt) > 0 && len(v.StoredKey) == size && len(v.ServerKey) == size
}

// madeUp returns a verifier that matches no secret, the same each time for a user.
func (s *Server) madeUp(mechanism, user string) orrery.SCRAMVerifier {
	hashes := sha256.New
	if mechanism == SHA512 {
		hashes = sha512.New
	}
	derive := func(hashes func() hash.Hash, use string) []byte {
		m := hmac.New(hashes, s.key)
		io.WriteString(m, use+"\x00"+mechanism+"\x00"+user)
		return m.Sum(nil)
	}
	return orrery.SCRAMVerifier{
		Salt: derive(sha256.New, "salt")[:saltBytes], Iterations: iterations,
		StoredKey: derive(hashes, "stored key"), ServerKey: derive(hashes, "server key"),
	}
}

// Step takes a message of the client and returns the answer. With done the client is who it says (User), once the
// answer is sent. An error, ErrRefused or ErrMalformed, ends the conversation; it holds nothing that the client
// sent.
func (c *Conversation) Step(message []byte) (answer []byte, done bool, err error) {
	if c.failed == nil && c.exchange.Done() {
		c.failed = fmt.Errorf("%w: the conversation is over", ErrMalformed)
	}
	if c.failed != nil {
		return nil, false, c.failed
	}
	text, err := c.step(message)
	if err != nil {
		c.failed = err
		return nil, false, err
	}
	return []byte(text), c.exchange.Valid(), nil
}

func (c *Conversation) step(message []byte) (string, error) {
	if len(message) > MaxMessage {
		return "", fmt.Errorf("%w: it has %d bytes, more than %d", ErrMalformed, len(message), MaxMessage)
	}
	if !printable(message) {
		return "", fmt.Errorf("%w: it is not printable UTF-8", ErrMalformed)
	}
	text, err := c.exchange.Step(string(message))
	switch {
	case text == scram.ErrInvalidProof:
		return "", ErrRefused
	case err != nil && text != "":
		return "", fmt.Errorf("%w (%s)", ErrMalformed, text)
	case err != nil:
		return "", ErrMalformed // the library's text quotes the message
	case c.exchange.AuthzID() != "" && c.exchange.AuthzID() != c.user:
		return "", fmt.Errorf("%w: it asks to act as another user", ErrMalformed)
	case c.exchange.Done() && !c.known: // nobody can have proved anything
		return "", ErrRefused
	}
	return text, nil
}

// printable reports whether a message is UTF-8 without control characters.
func printable(message []byte) bool {
	if !utf8.Valid(message) {
		return false
	}
	for _, b := range message {
		if b < ' ' || b == 0x7f {
			return false
		}
	}
	return true
}

// User returns the API key's id that the client gave: not authenticated before Step was done, "" before its first
// message.
func (c *Conversation) User() string { return c.user }
