package gateway

import (
	"encoding/json"
	"fmt"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/identitypool"
	"github.com/orrery-kafka/orrery/internal/oauthbearer"
	"github.com/orrery-kafka/orrery/internal/scram"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// logins is what the state has for other mechanisms than PLAIN.
type logins struct {
	scram     *scram.Server                 // nil: there is no key for made-up salts
	providers registry[identityProvider]    // by op-…
	pools     registry[identityPool]        // by pool-…
	keySets   registry[*oauthbearer.KeySet] // by op-…
	// certificates is what client certificates are looked up in.
	certificates certificateLogins
}

// identityProvider is an identity provider and the hash of its record.
type identityProvider struct {
	tenancy.IdentityProvider
	hash string
}

// identityPool is an identity pool, ready to be asked, and the hash of its record. It has one of the filters.
type identityPool struct {
	tenancy.IdentityPool
	filter       *identitypool.Filter
	certificates *identitypool.CertificateFilter
	hash         string
}

// edition returns logins that may be changed.
func (l *logins) edition() logins {
	return logins{
		scram: l.scram, providers: l.providers.edition(), pools: l.pools.edition(), keySets: l.keySets.edition(),
		certificates: l.certificates.edition(),
	}
}

// apply takes a record of one of the kinds for logins, and leaves others, of a newer version.
func (l *logins) apply(kind, id string, deleted bool, record tenancy.StateRecord) error {
	switch kind {
	case tenancy.StateSaltKey:
		return l.applySaltKey(deleted, record)
	case tenancy.StateIdentityProvider:
		return put(&l.providers, id, deleted, record, parseIdentityProvider)
	case tenancy.StateIdentityPool:
		before, _ := l.pools.get(id)
		err := put(&l.pools, id, deleted, record, parseIdentityPool)
		l.movePool(id, before)
		return err
	case tenancy.StateCertificateAuthority:
		return l.applyAuthority(id, deleted, record)
	case tenancy.StateKeySet:
		return put(&l.keySets, id, deleted, record, parseKeySet)
	}
	return nil
}

func (l *logins) applySaltKey(deleted bool, record tenancy.StateRecord) error {
	if deleted {
		l.scram = nil
		return nil
	}
	var key tenancy.SaltKey
	if err := json.Unmarshal(record.Content, &key); err != nil {
		return fmt.Errorf("the key for made-up salts cannot be read: %w", err)
	}
	server, err := scram.NewServer(key.Key)
	if err == nil {
		l.scram = server
	}
	return err
}

func parseIdentityProvider(id string, record tenancy.StateRecord) (identityProvider, error) {
	p, err := parse[tenancy.IdentityProvider](record)
	if err == nil && (p.IdentityProviderID != id || p.OrganizationID == "" || p.Issuer == "") {
		err = fmt.Errorf("the identity provider %q of organization %q with the issuer %q is not complete", p.IdentityProviderID, p.OrganizationID, p.Issuer)
	}
	return identityProvider{p, orrery.Hash(record.Content)}, err
}

func parseIdentityPool(id string, record tenancy.StateRecord) (identityPool, error) {
	p, err := parse[tenancy.IdentityPool](record)
	if err != nil {
		return identityPool{}, err
	}
	if p.IdentityPoolID != id || p.IdentityProviderID == "" || p.OrganizationID == "" {
		return identityPool{}, fmt.Errorf("the identity pool %q of identity provider %q and organization %q is not complete", p.IdentityPoolID, p.IdentityProviderID, p.OrganizationID)
	}
	pool := identityPool{IdentityPool: p, hash: orrery.Hash(record.Content)}
	if p.Certificates {
		if err := identitypool.CheckIdentifier(p.IdentityClaim); err != nil {
			return identityPool{}, err
		}
		pool.certificates, err = identitypool.CompileCertificate(p.Filter)
		return pool, err
	}
	if err := identitypool.CheckClaim(p.IdentityClaim); err != nil {
		return identityPool{}, err
	}
	pool.filter, err = identitypool.Compile(p.Filter)
	return pool, err
}

func parseKeySet(id string, record tenancy.StateRecord) (*oauthbearer.KeySet, error) {
	keys, err := parse[tenancy.KeySet](record)
	if err != nil {
		return nil, err
	}
	if keys.IdentityProviderID != id {
		return nil, fmt.Errorf("the keys are those of %q", keys.IdentityProviderID)
	}
	return oauthbearer.ParseKeySet(keys.JWKS)
}

// poolInForce returns an identity pool for tokens with its provider, both of one organization, and the hash of the two.
func (l *logins) poolInForce(id string) (pool identityPool, provider identityProvider, hash string, ok bool) {
	pool, ok = l.pools.get(id)
	if !ok || pool.Certificates {
		return identityPool{}, identityProvider{}, "", false
	}
	provider, ok = l.providers.get(pool.IdentityProviderID)
	return pool, provider, pool.hash + provider.hash, ok && provider.OrganizationID == pool.OrganizationID
}

// poolHash returns the hash of an identity pool in force and what it belongs to; it tells whether that is still what a
// connection was opened with.
func (l *logins) poolHash(id string) (hash string, ok bool) {
	pool, _ := l.pools.get(id)
	if !pool.Certificates {
		_, _, hash, ok = l.poolInForce(id)
		return hash, ok
	}
	a, ok := l.certificates.authorities.get(pool.IdentityProviderID)
	return pool.hash + a.hash, ok && a.OrganizationID == pool.OrganizationID
}
