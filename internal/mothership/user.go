package mothership

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/store"
)

// User returns one user. A user may always see itself.
func (m *Mothership) User(ctx context.Context, actor Actor, id string) (out orrery.User, err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		user, ok, err := find(t.Users(), id)
		if err != nil {
			return err
		}
		if !ok || !t.maySeeUser(user) {
			return unknown("user", id)
		}
		out = user
		return nil
	})
	return out, err
}

// ListUsers lists the users that the actor may see.
func (m *Mothership) ListUsers(ctx context.Context, actor Actor, page Page) (out List[orrery.User], err error) {
	where := map[store.Field]string{store.OrganizationID: actor.OrganizationID}
	err = m.view(ctx, actor, func(t *transaction) error {
		out, err = list(t.Users(), where, page, func(u orrery.User) (orrery.User, bool, error) {
			return u, t.maySeeUser(u), nil
		})
		return err
	})
	return out, err
}

func (t *transaction) maySeeUser(u orrery.User) bool {
	return u.OrganizationID == t.actor.OrganizationID && (u.ID == t.actor.PrincipalID || t.may(authz.View, u.CRN()))
}
