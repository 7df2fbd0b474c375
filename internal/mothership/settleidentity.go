package mothership

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

func (t *transaction) settleIdentityProvider(id string) error {
	p, ok, err := find(t.IdentityProviders(), id)
	if err != nil || !ok {
		return err
	}
	w := wait{
		state: p.State, queueKey: settleIdentityProvider + id, organizationID: p.OrganizationID, onlyUsable: true,
		put: func(state orrery.Lifecycle) error {
			p.State, p.UpdatedAt = state, t.now
			return t.IdentityProviders().Put(p)
		},
		withdraw: func() error { return t.deleteProvider(p, true) },
		remove:   func() error { return t.IdentityProviders().Delete(id) },
	}
	if w.records, err = t.sharedRecords(orrery.DesiredIdentityProvider, id, p.OrganizationID); err != nil {
		return err
	}
	return t.settleWait(w)
}

func (t *transaction) settleIdentityPool(id string) error {
	p, ok, err := find(t.IdentityPools(), id)
	if err != nil || !ok {
		return err
	}
	w := wait{
		state: p.State, queueKey: settleIdentityPool + id, organizationID: p.OrganizationID, onlyUsable: true,
		put: func(state orrery.Lifecycle) error {
			p.State, p.UpdatedAt = state, t.now
			return t.IdentityPools().Put(p)
		},
		withdraw: func() error { return t.deletePool(p, true) },
		remove:   func() error { return t.IdentityPools().Delete(id) },
	}
	if w.records, err = t.sharedRecords(orrery.DesiredIdentityPool, id, p.OrganizationID); err != nil {
		return err
	}
	return t.settleWait(w)
}

func (t *transaction) settleCertificateAuthority(id string) error {
	a, ok, err := find(t.CertificateAuthorities(), id)
	if err != nil || !ok {
		return err
	}
	w := wait{
		state: a.State, queueKey: settleCertificateAuthority + id, organizationID: a.OrganizationID, onlyUsable: true,
		put: func(state orrery.Lifecycle) error {
			a.State, a.UpdatedAt = state, t.now
			return t.CertificateAuthorities().Put(a)
		},
		withdraw: func() error { return t.deleteAuthority(a, true) },
		remove:   func() error { return t.CertificateAuthorities().Delete(id) },
	}
	if w.records, err = t.sharedRecords(orrery.DesiredCertificateAuthority, id, a.OrganizationID); err != nil {
		return err
	}
	return t.settleWait(w)
}

// sharedRecords returns the keys of the desired records that something of an organization may have: one for each
// physical cluster on which the organization has a cluster.
func (t *transaction) sharedRecords(kind, id, organizationID string) (keys []string, err error) {
	places, err := t.placesOf(organizationID)
	for _, pscID := range places {
		keys = append(keys, kind+"/"+pscID+"/"+id)
	}
	return keys, err
}

// IdentityPoolAwaits says what the last change of an identity pool waits for; "" where it is in force on every cluster.
// It authorizes nobody and is for the request that made the change.
func (m *Mothership) IdentityPoolAwaits(ctx context.Context, id string) (reason string, err error) {
	err = m.store.View(ctx, func(tx store.Tx) error {
		p, err := tx.IdentityPools().Get(id)
		if err != nil {
			return err
		}
		reason, err = m.transaction(tx, m.now()).awaits(orrery.DesiredIdentityPool, id, p.OrganizationID)
		return err
	})
	return reason, err
}

// IdentityProviderAwaits is like IdentityPoolAwaits, for an identity provider.
func (m *Mothership) IdentityProviderAwaits(ctx context.Context, id string) (reason string, err error) {
	err = m.store.View(ctx, func(tx store.Tx) error {
		p, err := tx.IdentityProviders().Get(id)
		if err != nil {
			return err
		}
		reason, err = m.transaction(tx, m.now()).awaits(orrery.DesiredIdentityProvider, id, p.OrganizationID)
		return err
	})
	return reason, err
}

// CertificateAuthorityAwaits is like IdentityPoolAwaits, for a certificate authority.
func (m *Mothership) CertificateAuthorityAwaits(ctx context.Context, id string) (reason string, err error) {
	err = m.store.View(ctx, func(tx store.Tx) error {
		a, err := tx.CertificateAuthorities().Get(id)
		if err != nil {
			return err
		}
		reason, err = m.transaction(tx, m.now()).awaits(orrery.DesiredCertificateAuthority, id, a.OrganizationID)
		return err
	})
	return reason, err
}

// awaits says what the records of something of an organization wait for where the organization has a usable cluster.
func (t *transaction) awaits(kind, id, organizationID string) (reason string, err error) {
	keys, err := t.sharedRecords(kind, id, organizationID)
	if err != nil {
		return "", err
	}
	for _, key := range keys {
		later, err := t.mayBeLater(wait{onlyUsable: true, organizationID: organizationID}, key)
		if err != nil {
			return "", err
		}
		if later {
			continue
		}
		if reason, err = t.missing(key); err != nil || reason != "" {
			return reason, err
		}
	}
	return "", nil
}
