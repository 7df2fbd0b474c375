package rest

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

const roleBindingsPath = "/iam/v2/role-bindings"

func (s *server) roleBindingRoutes() []route {
	return []route{
		{"GET", roleBindingsPath, "listRoleBindings", "List role bindings", paged(
			parameter{name: "crn_pattern", meaning: "Only bindings of this very pattern; with /* at its end, also of what is below it.", required: true},
			parameter{name: "principal", meaning: "Only bindings of this principal, such as User:sa-…"},
			parameter{name: "role_name", meaning: "Only bindings of this role."},
		), 200, with(s.listRoleBindings), false},
		{"POST", roleBindingsPath, "createRoleBinding", "Give a principal a role; the answer comes once it counts everywhere", nil, 201, with(s.createRoleBinding), false},
		{"GET", roleBindingsPath + "/{id}", "getRoleBinding", "Read a role binding", nil, 200, with(s.getRoleBinding), false},
		{"DELETE", roleBindingsPath + "/{id}", "deleteRoleBinding", "Take a role back; the answer comes once it counts nowhere", nil, 200, with(s.deleteRoleBinding), false},
	}
}

func (s *server) listRoleBindings(c *call, _ none) (wire.List[wire.RoleBinding], error) {
	page, err := c.page()
	if err != nil {
		return wire.List[wire.RoleBinding]{}, err
	}
	filter := mothership.RoleBindingFilter{CRNPattern: c.query("crn_pattern"), Principal: c.query("principal"), RoleName: c.query("role_name")}
	rows, err := s.mothership.ListRoleBindings(c.ctx, c.actor, filter, page)
	return listing(c, wire.IAMV2, wire.KindRoleBinding, rows, c.roleBinding), err
}

func (s *server) createRoleBinding(c *call, in wire.RoleBinding) (wire.RoleBinding, error) {
	input := mothership.RoleBindingInput{Principal: in.Principal, RoleName: in.RoleName, CRNPattern: in.CRNPattern}
	b, err := s.mothership.CreateRoleBinding(c.ctx, c.actor, input)
	if err != nil {
		return wire.RoleBinding{}, err
	}
	err = c.usable("role binding "+b.ID, b.State, func(ctx context.Context) (orrery.Lifecycle, error) {
		return s.mothership.RoleBindingState(ctx, b.ID)
	})
	return c.roleBinding(b), err
}

func (s *server) getRoleBinding(c *call, _ none) (wire.RoleBinding, error) {
	b, err := s.mothership.RoleBinding(c.ctx, c.actor, c.pathID())
	return c.roleBinding(b), err
}

func (s *server) deleteRoleBinding(c *call, _ none) (wire.RoleBinding, error) {
	b, err := s.mothership.DeleteRoleBinding(c.ctx, c.actor, c.pathID())
	if err != nil {
		return wire.RoleBinding{}, err
	}
	err = c.removed("role binding "+b.ID, b.State, func(ctx context.Context) (orrery.Lifecycle, error) {
		return s.mothership.RoleBindingState(ctx, b.ID)
	})
	return c.roleBinding(b), err
}

func (c *call) roleBinding(b orrery.RoleBinding) wire.RoleBinding {
	return wire.RoleBinding{
		APIVersion: wire.IAMV2, Kind: wire.KindRoleBinding, ID: b.ID,
		Metadata:  c.metadata(roleBindingsPath, b.ID, b.CRN(), b.CreatedAt, b.UpdatedAt),
		Principal: b.Principal, RoleName: b.RoleName, CRNPattern: b.CRNPattern,
	}
}
