package mothership

import (
	"fmt"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/store"
)

// enter loads what the actor may do. Only role bindings that are usable count.
func (t *transaction) enter(actor Actor) error {
	if actor.OrganizationID == "" || actor.PrincipalID == "" {
		return orrery.Errorf(orrery.Unauthenticated, "log in with a Cloud API key")
	}
	var bindings []authz.Binding
	query := store.Where(store.Principal, orrery.Principal(actor.PrincipalID))
	err := each(t.RoleBindings(), query, func(b orrery.RoleBinding) error {
		if b.State.Phase != orrery.PhaseUsable || b.OrganizationID != actor.OrganizationID {
			return nil
		}
		pattern, err := orrery.ParseCRN(b.CRNPattern)
		if err != nil {
			return fmt.Errorf("role binding %s: %w", b.ID, err)
		}
		bindings = append(bindings, authz.Binding{ID: b.ID, Principal: b.Principal, Role: b.RoleName, Pattern: pattern})
		return nil
	})
	if err != nil {
		return err
	}
	t.actor, t.policy = actor, authz.NewPolicy(bindings)
	return nil
}

// may reports whether the actor may do something.
func (t *transaction) may(action authz.Action, resource orrery.CRN) bool {
	return t.policy.Decide(orrery.Principal(t.actor.PrincipalID), action, resource).Allowed
}

// require returns an error unless the actor may do something: NotFound, the given one, where it may not even know
// about the resource, else Forbidden.
func (t *transaction) require(action authz.Action, resource orrery.CRN, unknown error) error {
	if t.may(action, resource) {
		return nil
	}
	if !t.may(authz.View, resource) {
		return unknown
	}
	return t.forbidden(action, resource)
}

// requireOrganization is require for the actor's own organization, which is no secret to it.
func (t *transaction) requireOrganization(action authz.Action) error {
	resource := orrery.OrganizationCRN(t.actor.OrganizationID)
	if t.may(action, resource) {
		return nil
	}
	return t.forbidden(action, resource)
}

func (t *transaction) forbidden(action authz.Action, resource orrery.CRN) error {
	return orrery.Errorf(orrery.Forbidden, "%s may not %s %s: no role binding allows it", t.actor.PrincipalID, action, resource)
}

// unknown is the error about something that does not exist, or that the actor may not know about: one text for
// both.
func unknown(noun, id string) error {
	if len(id) > maxIDLength {
		id = id[:maxIDLength] + "…"
	}
	return orrery.Errorf(orrery.NotFound, "there is no %s %q, or you may not see it", noun, id)
}

// limit is the error about a limit that is reached.
func limit(name string, most int) error {
	return orrery.Errorf(orrery.LimitExceeded, "the limit %q is reached: %d. Delete something, or ask your operator to raise it", name, most)
}

// requirePlatform lets only administrators of the organization that runs the installation see what all
// organizations share.
func (t *transaction) requirePlatform() error {
	platform, err := t.Meta(metaPlatform)
	if err != nil {
		return err
	}
	resource := orrery.OrganizationCRN(t.actor.OrganizationID)
	if platform != t.actor.OrganizationID || !t.may(authz.Manage, resource) {
		return orrery.Errorf(orrery.Forbidden, "only an %s of the organization that runs this installation may see and register satellites, and see physical clusters", orrery.RoleOrganizationAdmin)
	}
	return nil
}

// alive counts the rows that a query selects and that are not being deleted.
func alive[T any](table store.Table[T], where map[store.Field]string) (int, error) {
	all, err := table.Count(store.Query{Where: where})
	if err != nil || all == 0 {
		return 0, err
	}
	deleting := map[store.Field]string{store.Phase: string(orrery.PhaseDeleting)}
	for field, value := range where {
		deleting[field] = value
	}
	gone, err := table.Count(store.Query{Where: deleting})
	return all - gone, err
}
