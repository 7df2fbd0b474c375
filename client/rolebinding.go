package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/orrery-kafka/orrery/wire"
)

const roleBindings = "/iam/v2/role-bindings"

// ListRoleBindings lists the bindings whose pattern is crnPattern; one that ends in "/*" selects what is below too.
// principal and roleName "" mean all.
func (c *Client) ListRoleBindings(ctx context.Context, crnPattern, principal, roleName string) iter.Seq2[wire.RoleBinding, error] {
	return each[wire.RoleBinding](ctx, c, roleBindings, filters("crn_pattern", crnPattern, "principal", principal, "role_name", roleName))
}

// GetRoleBinding returns a role binding.
func (c *Client) GetRoleBinding(ctx context.Context, id string) (wire.RoleBinding, error) {
	return do[wire.RoleBinding](ctx, c, http.MethodGet, at(roleBindings, id), nil, nil)
}

// CreateRoleBinding gives a principal a role. It returns once the role counts everywhere.
func (c *Client) CreateRoleBinding(ctx context.Context, in wire.RoleBinding) (wire.RoleBinding, error) {
	return do[wire.RoleBinding](ctx, c, http.MethodPost, roleBindings, nil, in)
}

// DeleteRoleBinding takes a role back and returns the binding as it was. It returns once the role counts nowhere;
// after an orrery.Unavailable error the deletion goes on.
func (c *Client) DeleteRoleBinding(ctx context.Context, id string) (wire.RoleBinding, error) {
	return do[wire.RoleBinding](ctx, c, http.MethodDelete, at(roleBindings, id), nil, nil)
}
