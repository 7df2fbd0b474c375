package orrery

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// Prefixes of identifiers, as users of Confluent Cloud know them.
const (
	PrefixEnvironment      = "env"
	PrefixLogicalKafka     = "lkc"
	PrefixPhysicalKafka    = "pkc"
	PrefixServiceAccount   = "sa"
	PrefixUser             = "u"
	PrefixRoleBinding      = "rb"
	PrefixSatellite        = "sat"
	PrefixIdentityProvider = "op"
	PrefixIdentityPool     = "pool"
	idLength               = 6
	apiKeyIDLength         = 16
	secretBytes            = 32
	idAlphabet             = "0123456789bcdfghjkmnpqrstvwxyz" // no vowels, no l: no words, no look-alikes
	apiKeyAlphabet         = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// NewID returns PREFIX-XXXXXX with random characters read from random (30 bits; the caller checks that it is
// free in the store's transaction and draws again where it is not).
func NewID(random io.Reader, prefix string) (string, error) {
	suffix, err := draw(random, idAlphabet, idLength)
	if err != nil {
		return "", err
	}
	return prefix + "-" + suffix, nil
}

// NewAPIKeyID returns the public half of an API key: 16 characters of base 32 (80 bits), upper case.
func NewAPIKeyID(random io.Reader) (string, error) {
	return draw(random, apiKeyAlphabet, apiKeyIDLength)
}

// NewSecret returns the secret half of an API key: 256 random bits in URL-safe base 64 (43 characters).
func NewSecret(random io.Reader) (string, error) {
	b := make([]byte, secretBytes)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("reading random bytes for a secret: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// NewOrganizationID returns a random (version 4) UUID, which is what names an organization.
func NewOrganizationID(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("reading random bytes for an organization id: %w", err)
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16]), nil
}

// HasPrefix reports whether id is PREFIX-something.
func HasPrefix(id, prefix string) bool {
	rest, ok := strings.CutPrefix(id, prefix+"-")
	return ok && rest != ""
}

// draw reads length characters of alphabet from random without bias: bytes beyond the largest multiple of the
// alphabet's size are thrown away.
func draw(random io.Reader, alphabet string, length int) (string, error) {
	limit := 256 - 256%len(alphabet)
	out, b := make([]byte, 0, length), make([]byte, length)
	for len(out) < length {
		if _, err := io.ReadFull(random, b); err != nil {
			return "", fmt.Errorf("reading random bytes for an id: %w", err)
		}
		for _, c := range b {
			if int(c) < limit && len(out) < length {
				out = append(out, alphabet[int(c)%len(alphabet)])
			}
		}
	}
	return string(out), nil
}
