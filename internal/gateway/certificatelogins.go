package gateway

import (
	"fmt"
	"maps"
	"slices"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/clientcertificate"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// certificateLogins finds those that may have signed a client's certificate, and the identity pools of them, however
// many there are of all tenants.
type certificateLogins struct {
	authorities registry[certificateAuthority] // by op-…
	signers     index                          // of authorities, by the name with which they sign
	pools       index                          // of identity pools, by the op-… of their authority
}

// certificateAuthority is a certificate authority, ready to be asked, and the hash of its record.
type certificateAuthority struct {
	tenancy.CertificateAuthority
	authority *clientcertificate.Authority
	hash      string
}

// index has sets of ids by a key.
type index struct{ registry[map[string]struct{}] }

func (x *index) set(key, id string, there bool) {
	old, _ := x.get(key)
	next := copied(old)
	set(next, id, struct{}{}, there)
	if len(next) == 0 {
		x.remove(key)
		return
	}
	x.put(key, next)
}

// of returns the ids of a key, sorted.
func (x *index) of(key string) []string {
	ids, _ := x.get(key)
	return slices.Sorted(maps.Keys(ids))
}

func (l *certificateLogins) edition() certificateLogins {
	return certificateLogins{authorities: l.authorities.edition(), signers: index{l.signers.edition()}, pools: index{l.pools.edition()}}
}

func (l *logins) applyAuthority(id string, deleted bool, record tenancy.StateRecord) error {
	all := &l.certificates
	before, _ := all.authorities.get(id)
	if err := put(&all.authorities, id, deleted, record, parseCertificateAuthority); err != nil {
		return err
	}
	if before.authority != nil {
		for _, name := range before.authority.Subjects() {
			all.signers.set(name, id, false)
		}
	}
	if now, ok := all.authorities.get(id); ok {
		for _, name := range now.authority.Subjects() {
			all.signers.set(name, id, true)
		}
	}
	return nil
}

// movePool takes note of an identity pool that may have come, gone or changed.
func (l *logins) movePool(id string, before identityPool) {
	if before.Certificates {
		l.certificates.pools.set(before.IdentityProviderID, id, false)
	}
	if now, ok := l.pools.get(id); ok && now.Certificates {
		l.certificates.pools.set(now.IdentityProviderID, id, true)
	}
}

func parseCertificateAuthority(id string, record tenancy.StateRecord) (certificateAuthority, error) {
	a, err := parse[tenancy.CertificateAuthority](record)
	if err != nil {
		return certificateAuthority{}, err
	}
	if a.CertificateAuthorityID != id || a.OrganizationID == "" {
		return certificateAuthority{}, fmt.Errorf("the certificate authority %q of organization %q is not complete", a.CertificateAuthorityID, a.OrganizationID)
	}
	authority, err := clientcertificate.Parse(a.CertificateChain, a.RevocationLists)
	a.CertificateChain, a.RevocationLists = "", "" // they are in authority
	return certificateAuthority{a, authority, orrery.Hash(record.Content)}, err
}
