package oauthbearer

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

const (
	// MaxKeySet bounds a JWKS document in bytes, and MaxKeys its keys.
	MaxKeySet = 256 << 10
	MaxKeys   = 100
	// minRSA is the least size of an RSA key in bits (RFC 7518, section 3.3), and maxRSA bounds the work.
	minRSA, maxRSA = 2048, 8192
	maxKeyID       = 256
)

// algorithms are the signatures that are taken: public keys only, so that nobody signs with what everybody can read.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// curves are the curves that belong to the algorithms (RFC 7518, section 3.4).
var curves = map[jose.SignatureAlgorithm]elliptic.Curve{jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521()}

// KeySet is the public keys of an identity provider.
type KeySet struct {
	keys []jose.JSONWebKey
}

// ParseKeySet reads a JWKS document (RFC 7517). Keys that cannot check a signature are skipped, as the RFC asks:
// other uses, symmetric and unknown ones, RSA under 2,048 bits. A private key and a document without any usable key
// are errors.
func ParseKeySet(document []byte) (*KeySet, error) {
	if len(document) > MaxKeySet {
		return nil, fmt.Errorf("the JWKS document has %d bytes, more than %d", len(document), MaxKeySet)
	}
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &raw); err != nil {
		return nil, fmt.Errorf("the JWKS document is not JSON: %w", err)
	}
	if len(raw.Keys) > MaxKeys {
		return nil, fmt.Errorf("the JWKS document has %d keys, more than %d", len(raw.Keys), MaxKeys)
	}
	set := &KeySet{}
	for _, k := range raw.Keys {
		var key jose.JSONWebKey
		if err := json.Unmarshal(k, &key); err != nil {
			continue
		}
		if private(key.Key) {
			return nil, errors.New("the JWKS document has a private key in it; it must be replaced at the identity provider")
		}
		if key.Use != "" && key.Use != "sig" || len(key.KeyID) > maxKeyID || !usable(key.Key) {
			continue
		}
		set.keys = append(set.keys, key)
	}
	if len(set.keys) == 0 {
		return nil, fmt.Errorf("none of the %d keys of the JWKS document can check a signature", len(raw.Keys))
	}
	return set, nil
}

func private(key any) bool {
	switch key.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		return true
	}
	return false
}

// usable reports whether a key is a public one of a kind and size that is taken.
func usable(key any) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= minRSA && key.N.BitLen() <= maxRSA && key.E >= 3 && key.E%2 == 1
	case *ecdsa.PublicKey:
		for _, curve := range curves {
			if curve == key.Curve {
				return true
			}
		}
	case ed25519.PublicKey:
		return len(key) == ed25519.PublicKeySize
	}
	return false
}

// Len returns how many keys can check a signature.
func (s *KeySet) Len() int { return len(s.keys) }

// maxTries bounds the keys that one token is tried with.
const maxTries = 4

// candidates returns the keys that a token may be signed with: those with its key id, or, where it names none, all
// that fit the algorithm.
func (s *KeySet) candidates(keyID string, algorithm jose.SignatureAlgorithm) (keys []jose.JSONWebKey) {
	for _, k := range s.keys {
		if (keyID == "" || k.KeyID == keyID) && (k.Algorithm == "" || k.Algorithm == string(algorithm)) && fits(k.Key, algorithm) && len(keys) < maxTries {
			keys = append(keys, k)
		}
	}
	return keys
}

// fits reports whether a kind of key makes an algorithm's signatures.
func fits(key any, algorithm jose.SignatureAlgorithm) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return algorithm[0] == 'R' || algorithm[0] == 'P'
	case *ecdsa.PublicKey:
		return curves[algorithm] == key.Curve
	case ed25519.PublicKey:
		return algorithm == jose.EdDSA
	}
	return false
}
