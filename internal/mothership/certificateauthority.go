package mothership

import (
	"context"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/clientcertificate"
	"github.com/orrery-kafka/orrery/internal/store"
)

// CreateCertificateAuthority makes a certificate authority. Waiting is as for CreateAPIKey, with
// CertificateAuthorityState. A key that signs for another organization already is a Conflict: a client's certificate
// must say to whom it belongs.
func (m *Mothership) CreateCertificateAuthority(ctx context.Context, actor Actor, in CertificateAuthorityInput) (out orrery.CertificateAuthority, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		if err := t.requireOrganization(authz.Manage); err != nil {
			return err
		}
		out = orrery.CertificateAuthority{
			OrganizationID: actor.OrganizationID, DisplayName: in.DisplayName, Description: in.Description, CertificateChain: in.CertificateChain,
			Filename: in.Filename, RevocationLists: in.RevocationLists, State: t.pending(), CreatedAt: t.now, UpdatedAt: t.now,
		}
		if err := t.checkAuthority(&out); err != nil {
			return err
		}
		count, err := alive(t.CertificateAuthorities(), map[store.Field]string{store.OrganizationID: actor.OrganizationID})
		if err != nil {
			return err
		}
		if most := t.m.limits.CertificateAuthoritiesPerOrganization; count >= most {
			return limit("certificate authorities per organization", most)
		}
		if out.ID, err = newID(t, t.CertificateAuthorities(), prefixed(orrery.PrefixIdentityProvider)); err != nil {
			return err
		}
		if err := t.CertificateAuthorities().Put(out); err != nil {
			return err
		}
		t.compose(composeCertificateAuthority + out.ID)
		t.settle(settleCertificateAuthority + out.ID)
		if err := t.followUp(); err != nil { // so that one that waits for nobody is answered as usable
			return err
		}
		out, err = t.CertificateAuthorities().Get(out.ID)
		return err
	})
	return out, err
}

// CertificateAuthority returns one certificate authority.
func (m *Mothership) CertificateAuthority(ctx context.Context, actor Actor, id string) (out orrery.CertificateAuthority, err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		out, err = t.certificateAuthority(authz.View, id)
		return err
	})
	return out, err
}

// ListCertificateAuthorities lists the certificate authorities that the actor may see.
func (m *Mothership) ListCertificateAuthorities(ctx context.Context, actor Actor, page Page) (out List[orrery.CertificateAuthority], err error) {
	where := map[store.Field]string{store.OrganizationID: actor.OrganizationID}
	err = m.view(ctx, actor, func(t *transaction) error {
		out, err = list(t.CertificateAuthorities(), where, page, func(a orrery.CertificateAuthority) (orrery.CertificateAuthority, bool, error) {
			return a, a.State.Phase != orrery.PhaseDeleting && t.may(authz.View, a.CRN()), nil
		})
		return err
	})
	return out, err
}

// UpdateCertificateAuthority changes a certificate authority. It is in force everywhere, and the connections have ended
// of certificates that do not hold any more, once CertificateAuthorityAwaits says so.
func (m *Mothership) UpdateCertificateAuthority(ctx context.Context, actor Actor, id string, change CertificateAuthorityChange) (out orrery.CertificateAuthority, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		if out, err = t.certificateAuthority(authz.Manage, id); err != nil {
			return err
		}
		for field, value := range map[*string]*string{
			&out.DisplayName: change.DisplayName, &out.Description: change.Description, &out.Filename: change.Filename,
			&out.CertificateChain: change.CertificateChain, &out.RevocationLists: change.RevocationLists,
		} {
			if value != nil {
				*field = *value
			}
		}
		if err := t.checkAuthority(&out); err != nil {
			return err
		}
		out.UpdatedAt = t.now
		t.compose(composeCertificateAuthority + id)
		return t.CertificateAuthorities().Put(out)
	})
	return out, err
}

// DeleteCertificateAuthority deletes a certificate authority; one that has identity pools is a Conflict. Done once
// CertificateAuthorityState is Applied or NotFound; calling it again before that is no error.
func (m *Mothership) DeleteCertificateAuthority(ctx context.Context, actor Actor, id string) (out orrery.Lifecycle, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		a, err := t.anyCertificateAuthority(authz.Manage, id)
		if err != nil {
			return err
		}
		pools, err := alive(t.IdentityPools(), map[store.Field]string{store.IdentityProviderID: id})
		if err != nil {
			return err
		}
		if pools > 0 {
			return orrery.Errorf(orrery.Conflict, "the certificate authority %s has %d identity pools; delete them first", id, pools)
		}
		if err := t.deleteAuthority(a, false); err != nil {
			return err
		}
		out, err = t.stateAfter(func() (orrery.Lifecycle, bool, error) {
			a, ok, err := find(t.CertificateAuthorities(), id)
			return a.State, ok, err
		})
		return err
	})
	return out, err
}

// CertificateAuthorityState is like ServiceAccountState, for a certificate authority.
func (m *Mothership) CertificateAuthorityState(ctx context.Context, id string) (out orrery.Lifecycle, err error) {
	err = m.store.View(ctx, func(tx store.Tx) error {
		a, err := tx.CertificateAuthorities().Get(id)
		out = a.State
		return err
	})
	return out, err
}

func (t *transaction) deleteAuthority(a orrery.CertificateAuthority, withdrawn bool) error {
	if a.State.Phase == orrery.PhaseDeleting {
		return nil
	}
	state, err := t.deleting(composeCertificateAuthority+a.ID, settleCertificateAuthority+a.ID, withdrawn)
	if err != nil {
		return err
	}
	a.State, a.UpdatedAt = state, t.now
	return t.CertificateAuthorities().Put(a)
}

// certificateAuthority returns a certificate authority that the actor may do something to and that is not being deleted.
func (t *transaction) certificateAuthority(action authz.Action, id string) (orrery.CertificateAuthority, error) {
	a, err := t.anyCertificateAuthority(action, id)
	if err == nil && a.State.Phase == orrery.PhaseDeleting {
		return orrery.CertificateAuthority{}, unknown("certificate authority", id)
	}
	return a, err
}

func (t *transaction) anyCertificateAuthority(action authz.Action, id string) (orrery.CertificateAuthority, error) {
	a, ok, err := find(t.CertificateAuthorities(), id)
	switch {
	case err != nil:
		return a, err
	case !ok || a.OrganizationID != t.actor.OrganizationID:
		return orrery.CertificateAuthority{}, unknown("certificate authority", id)
	}
	if err := t.require(action, a.CRN(), unknown("certificate authority", id)); err != nil {
		return orrery.CertificateAuthority{}, err
	}
	return a, nil
}

const maxFilename = 255 // bytes

// checkAuthority fills in what follows from a chain. It returns an Invalid error about the first field that is wrong,
// and a Conflict where the name is taken in the organization, or a key by another organization.
func (t *transaction) checkAuthority(a *orrery.CertificateAuthority) error {
	if err := orrery.CheckDisplayName("/display_name", a.DisplayName); err != nil {
		return err
	}
	if err := checkDescription("/description", a.Description); err != nil {
		return err
	}
	if len(a.Filename) > maxFilename || !utf8.ValidString(a.Filename) || slices.ContainsFunc([]rune(a.Filename), unicode.IsControl) {
		return orrery.InvalidField("/certificate_chain_filename", "the file name has at most %d printable bytes", maxFilename)
	}
	parsed, err := clientcertificate.Parse(a.CertificateChain, a.RevocationLists)
	if err != nil {
		return err
	}
	a.Certificates, a.Keys = parsed.Describe(), parsed.Keys()
	return each(t.CertificateAuthorities(), store.Query{}, func(other orrery.CertificateAuthority) error {
		switch {
		case other.ID == a.ID:
		case other.OrganizationID == a.OrganizationID:
			if other.DisplayName == a.DisplayName && other.State.Phase != orrery.PhaseDeleting {
				return orrery.Errorf(orrery.Conflict, "a certificate authority named %q exists already", a.DisplayName)
			}
		case slices.ContainsFunc(other.Keys, func(key string) bool { return slices.Contains(a.Keys, key) }):
			return orrery.Errorf(orrery.Conflict, "a key of the certificate chain signs for another organization already: use a certificate authority, or an intermediate one, that signs for this organization only")
		}
		return nil
	})
}
