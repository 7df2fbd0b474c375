package oauthbearer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// DefaultLeeway is how far clocks may be apart.
const DefaultLeeway = 30 * time.Second

const (
	maxSubject   = 256
	maxAudiences = 100
	// lastSecond bounds times, in seconds since 1970: the year 9999.
	lastSecond = 253_402_300_799
)

// ErrToken is a token that does not hold. Its text says why, for the journal and the client, and holds nothing of
// the token.
var ErrToken = errors.New("the token is not valid")

// Provider is an identity provider whose tokens are taken.
type Provider struct {
	// Issuer must be the token's iss, to the byte; Audiences must have one of its aud.
	Issuer    string
	Audiences []string
	// AnyAudience takes tokens for anybody, with or without an aud: whoever asks sees to that himself.
	AnyAudience bool
	Keys        *KeySet
	// Leeway is how far clocks may be apart; 0 is DefaultLeeway.
	Leeway time.Duration
}

// Claims are what a valid token says.
type Claims struct {
	Subject string
	// ExpiresAt ends the session (KIP-368), without leeway.
	ExpiresAt time.Time
	// IssuedAt and ID are the zero value where the token has none.
	IssuedAt time.Time
	ID       string
	// All has every claim, as JSON, for the filters of identity pools.
	All map[string]json.RawMessage
}

// Validate checks a token (RFC 7519) at a time: form, algorithm, signature, issuer, audience, times and subject. The
// error is ErrToken.
func (p Provider) Validate(token string, now time.Time) (Claims, error) {
	payload, err := p.verified(token)
	if err != nil {
		return Claims{}, err
	}
	var c Claims
	if c.All, err = members(payload); err != nil {
		return Claims{}, err
	}
	if issuer, ok := text(c.All["iss"]); !ok || issuer != p.Issuer || p.Issuer == "" {
		return Claims{}, refuse("its issuer is not the identity provider's, " + p.Issuer)
	}
	if !p.AnyAudience && !p.forUs(c.All["aud"]) {
		return Claims{}, refuse("none of its audiences is one that the identity provider is configured with")
	}
	if err := c.times(now, cmp.Or(max(p.Leeway, 0), DefaultLeeway)); err != nil {
		return Claims{}, err
	}
	subject, ok := text(c.All["sub"])
	if !ok || subject == "" || len(subject) > maxSubject || !all(subject, func(b byte) bool { return b >= ' ' && b != 0x7f }) {
		return Claims{}, refuse(fmt.Sprintf("its subject is missing, longer than %d bytes or not printable", maxSubject))
	}
	c.Subject = subject
	c.ID, _ = text(c.All["jti"])
	return c, nil
}

func refuse(why string) error { return fmt.Errorf("%w: %s", ErrToken, why) }

// verified returns the payload of a token whose signature is right.
func (p Provider) verified(token string) ([]byte, error) {
	if len(token) > MaxToken {
		return nil, refuse(fmt.Sprintf("it has %d bytes, more than %d", len(token), MaxToken))
	}
	if p.Keys == nil {
		return nil, refuse("the identity provider's keys are not known yet")
	}
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, refuse("it is not a signed JWT, or its algorithm is not one of RS, PS, ES (256, 384, 512) and EdDSA")
	}
	protected := signed.Signatures[0].Protected
	for _, name := range []jose.HeaderKey{"crit", "b64"} {
		if _, there := protected.ExtraHeaders[name]; there {
			return nil, refuse("its header asks for an extension of JWS")
		}
	}
	algorithm := jose.SignatureAlgorithm(protected.Algorithm)
	candidates := p.Keys.candidates(protected.KeyID, algorithm)
	if len(candidates) == 0 {
		return nil, refuse("it is signed with a key that the identity provider does not publish, or has not for long")
	}
	for _, key := range candidates {
		if payload, err := signed.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, refuse("its signature is wrong")
}

// members reads a JSON object. It refuses one that has a member twice, which others may read as the first (RFC 7519,
// section 4), and tells "EXP" from exp, which encoding/json does not where there are fields.
func members(payload []byte) (map[string]json.RawMessage, error) {
	errNoObject := refuse("its claims are not a JSON object")
	if !json.Valid(payload) {
		return nil, errNoObject
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errNoObject
	}
	all := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, errNoObject
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, errNoObject
		}
		text, _ := name.(string)
		if _, twice := all[text]; twice {
			return nil, refuse("it has a claim twice")
		}
		all[text] = value
	}
	return all, nil
}

// text reads a JSON string.
func text(raw json.RawMessage) (string, bool) {
	var s *string
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

// forUs reports whether one of a token's audiences, a string or a list of them, is ours.
func (p Provider) forUs(raw json.RawMessage) bool {
	var list []string
	if bytes.HasPrefix(raw, []byte("[")) {
		if json.Unmarshal(raw, &list) != nil || len(list) > maxAudiences {
			return false
		}
	} else if one, ok := text(raw); ok {
		list = []string{one}
	}
	return slices.ContainsFunc(list, func(audience string) bool {
		return audience != "" && slices.Contains(p.Audiences, audience)
	})
}

// times checks exp, which must be there, nbf and iat.
func (c *Claims) times(now time.Time, leeway time.Duration) error {
	expires, there, valid := date(c.All["exp"])
	switch {
	case !there || !valid:
		return refuse("it has no time of expiry, or not a valid one")
	case !now.Before(expires.Add(leeway)):
		return refuse("it has expired")
	}
	c.ExpiresAt = expires
	notBefore, there, valid := date(c.All["nbf"])
	if there && (!valid || notBefore.After(now.Add(leeway))) {
		return refuse("it is not valid yet")
	}
	issued, there, valid := date(c.All["iat"])
	if there && (!valid || issued.After(now.Add(leeway))) {
		return refuse("it was issued in the future")
	}
	c.IssuedAt = issued
	return nil
}

// date reads a NumericDate: seconds since 1970, which may have a fraction.
func date(raw json.RawMessage) (at time.Time, there, valid bool) {
	if len(raw) == 0 {
		return time.Time{}, false, true
	}
	var seconds *float64
	if json.Unmarshal(raw, &seconds) != nil || seconds == nil || *seconds < 0 || *seconds > lastSecond {
		return time.Time{}, true, false
	}
	whole, fraction := math.Modf(*seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), true, true
}
