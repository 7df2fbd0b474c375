package orrery

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"hash"
	"io"
	"time"
)

// Kinds of resource that an API key can be for.
const (
	APIKeyCloud   = "Cloud"   // the control plane's API, and Kafka REST of every cluster of the organization
	APIKeyCluster = "Cluster" // the Kafka protocol and Kafka REST of one logical cluster
)

// APIKey lets its owner log in. The secret is shown once, at creation; only verifiers are kept.
type APIKey struct {
	ID             string `json:"id"`
	OrganizationID string `json:"organization_id"`
	OwnerID        string `json:"owner_id"` // u-… or sa-…
	// ResourceKind is APIKeyCloud or APIKeyCluster; LogicalClusterID and EnvironmentID are set for the latter.
	ResourceKind     string    `json:"resource_kind"`
	LogicalClusterID string    `json:"logical_cluster_id,omitempty"`
	EnvironmentID    string    `json:"environment_id,omitempty"`
	DisplayName      string    `json:"display_name,omitempty"`
	Description      string    `json:"description,omitempty"`
	Verifiers        Verifiers `json:"verifiers"`
	State            Lifecycle `json:"state"`
	CreatedAt        time.Time `json:"created_at"`
	UpdatedAt        time.Time `json:"updated_at"`
}

// CRN names the key.
func (k APIKey) CRN() CRN { return OrganizationCRN(k.OrganizationID).With(CRNAPIKey, k.ID) }

// Verifiers is all that is kept of a secret: enough to check it with SASL/PLAIN, SCRAM-SHA-256 and
// SCRAM-SHA-512, and not enough to log in with. Secrets have 256 random bits, so a plain salted hash is as good
// as a slow one.
type Verifiers struct {
	Plain       PlainVerifier `json:"plain"`
	SCRAMSHA256 SCRAMVerifier `json:"scram_sha_256"`
	SCRAMSHA512 SCRAMVerifier `json:"scram_sha_512"`
}

// PlainVerifier is SHA-256(salt ‖ secret).
type PlainVerifier struct {
	Salt []byte `json:"salt"`
	Hash []byte `json:"hash"`
}

// SCRAMVerifier is what RFC 5802 has a server keep.
type SCRAMVerifier struct {
	Salt       []byte `json:"salt"`
	Iterations int    `json:"iterations"`
	StoredKey  []byte `json:"stored_key"`
	ServerKey  []byte `json:"server_key"`
}

const (
	saltBytes       = 16
	scramIterations = 4096 // Kafka's minimum (RFC 7677); the secret itself has 256 bits
)

// NewVerifiers computes the verifiers of a secret with salts from random.
func NewVerifiers(random io.Reader, secret string) (Verifiers, error) {
	salts := make([]byte, 3*saltBytes)
	if _, err := io.ReadFull(random, salts); err != nil {
		return Verifiers{}, fmt.Errorf("reading random bytes for salts: %w", err)
	}
	plainSalt := salts[:saltBytes:saltBytes]
	sha256Verifier, err := newSCRAM(sha256.New, salts[saltBytes:2*saltBytes:2*saltBytes], secret)
	if err != nil {
		return Verifiers{}, err
	}
	sha512Verifier, err := newSCRAM(sha512.New, salts[2*saltBytes:], secret)
	if err != nil {
		return Verifiers{}, err
	}
	return Verifiers{
		Plain:       PlainVerifier{Salt: plainSalt, Hash: plainHash(plainSalt, secret)},
		SCRAMSHA256: sha256Verifier,
		SCRAMSHA512: sha512Verifier,
	}, nil
}

// Matches reports in constant time whether secret is the one that the verifier was made from. The zero
// verifier matches nothing.
func (v PlainVerifier) Matches(secret string) bool {
	return len(v.Hash) == sha256.Size && subtle.ConstantTimeCompare(v.Hash, plainHash(v.Salt, secret)) == 1
}

func plainHash(salt []byte, secret string) []byte {
	h := sha256.New()
	h.Write(salt)
	io.WriteString(h, secret)
	return h.Sum(nil)
}

func newSCRAM(h func() hash.Hash, salt []byte, secret string) (SCRAMVerifier, error) {
	salted, err := pbkdf2.Key(h, secret, salt, scramIterations, h().Size())
	if err != nil {
		return SCRAMVerifier{}, fmt.Errorf("deriving a SCRAM verifier: %w", err)
	}
	stored := h()
	stored.Write(mac(h, salted, "Client Key"))
	return SCRAMVerifier{
		Salt: salt, Iterations: scramIterations,
		StoredKey: stored.Sum(nil),
		ServerKey: mac(h, salted, "Server Key"),
	}, nil
}

func mac(h func() hash.Hash, key []byte, text string) []byte {
	m := hmac.New(h, key)
	io.WriteString(m, text)
	return m.Sum(nil)
}
