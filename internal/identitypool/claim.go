package identitypool

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/orrery-kafka/orrery"
)

const (
	maxClaim    = 255 // bytes of a claim's path
	maxIdentity = 256 // bytes of what a claim says who somebody is
	claimsRoot  = "claims."
)

// ErrIdentity is a token whose identity claim is missing or no name. Its text holds nothing of the token.
var ErrIdentity = errors.New("the token does not say who it is for")

// CheckClaim returns an Invalid error, about the field /identity_claim, unless claim names one: sub, claims.sub, or,
// in an object, claims.user.name.
func CheckClaim(claim string) error {
	path := strings.TrimPrefix(claim, claimsRoot)
	if path == "" || len(claim) > maxClaim || !utf8.ValidString(claim) || strings.ContainsFunc(claim, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return orrery.InvalidField("/identity_claim", "the identity claim must be a claim's name, such as claims.sub, of at most %d bytes without spaces", maxClaim)
	}
	for part := range strings.SplitSeq(path, ".") {
		if part == "" {
			return orrery.InvalidField("/identity_claim", "the identity claim has an empty name between two dots")
		}
	}
	return nil
}

// Identity returns what a claim says: a string of printable characters. The whole name is looked up first, for names
// that have dots in them (https://example.com/user), and then its parts, one in the other. The error is ErrIdentity.
func Identity(claims map[string]json.RawMessage, claim string) (string, error) {
	path := strings.TrimPrefix(claim, claimsRoot)
	document, found := claims[path]
	if !found {
		first, rest, nested := strings.Cut(path, ".")
		document, found = claims[first]
		for found && nested {
			var object map[string]json.RawMessage
			if json.Unmarshal(document, &object) != nil {
				return "", fmt.Errorf("%w: it has no claim %s", ErrIdentity, claim)
			}
			first, rest, nested = strings.Cut(rest, ".")
			document, found = object[first]
		}
	}
	if !found {
		return "", fmt.Errorf("%w: it has no claim %s", ErrIdentity, claim)
	}
	var identity string
	if json.Unmarshal(document, &identity) != nil || !printable(identity) {
		return "", fmt.Errorf("%w: its claim %s is not a name of at most %d printable bytes", ErrIdentity, claim, maxIdentity)
	}
	return identity, nil
}

// printable reports whether a name is fit for logs.
func printable(name string) bool {
	return name != "" && len(name) <= maxIdentity && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError })
}
