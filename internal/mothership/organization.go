package mothership

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// Organization returns one organization.
func (m *Mothership) Organization(ctx context.Context, actor Actor, id string) (out orrery.Organization, err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		out, err = t.organization(authz.View, id)
		return err
	})
	return out, err
}

// ListOrganizations lists the organizations that the actor may see: its own.
func (m *Mothership) ListOrganizations(ctx context.Context, actor Actor, page Page) (List[orrery.Organization], error) {
	out := List[orrery.Organization]{Rows: []orrery.Organization{}}
	err := m.view(ctx, actor, func(t *transaction) error {
		if page.Token != "" || !t.may(authz.View, orrery.OrganizationCRN(actor.OrganizationID)) {
			return nil
		}
		own, err := t.organization(authz.View, actor.OrganizationID)
		out.Rows = append(out.Rows, own)
		return err
	})
	return out, err
}

// UpdateOrganization changes the display name.
func (m *Mothership) UpdateOrganization(ctx context.Context, actor Actor, id string, displayName string) (out orrery.Organization, err error) {
	err = m.update(ctx, actor, func(t *transaction) error {
		if out, err = t.organization(authz.Manage, id); err != nil {
			return err
		}
		if err := orrery.CheckDisplayName("/display_name", displayName); err != nil {
			return err
		}
		out.DisplayName, out.UpdatedAt = displayName, t.now
		return t.Organizations().Put(out)
	})
	return out, err
}

// organization returns an organization that the actor may do something to.
func (t *transaction) organization(action authz.Action, id string) (orrery.Organization, error) {
	if id != t.actor.OrganizationID {
		return orrery.Organization{}, unknown("organization", id)
	}
	if err := t.requireOrganization(action); err != nil {
		return orrery.Organization{}, err
	}
	return t.Organizations().Get(id)
}
