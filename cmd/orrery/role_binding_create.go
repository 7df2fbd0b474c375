package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) roleBindingCreateCommand() *cobra.Command {
	var f bindingFlags
	cmd := &cobra.Command{
		Use: "create", Short: "Give a user or a service account a role", Args: arguments(),
		Example: `orrery role-binding create --service-account reports --role CloudClusterAdmin --cluster demo
orrery role-binding create --principal User:u-x1y2z3 --role EnvironmentAdmin --environment test`,
		RunE: func(cmd *cobra.Command, args []string) error { return p.createRoleBinding(cmd.Context(), f) },
	}
	f.add(cmd.Flags())
	return cmd
}

func (p *program) createRoleBinding(ctx context.Context, f bindingFlags) error {
	if f.role == "" {
		return usageError("choose one of "+strings.Join(orrery.RoleNames(), ", "), "--role is missing")
	}
	role, err := oneWord("role", f.role, orrery.RoleNames()...)
	if err != nil {
		return err
	}
	f.role = role
	if role == orrery.RoleOrganizationAdmin || f.pattern != "" {
		f.widest(p.defaulted)
	}
	if role == orrery.RoleEnvironmentAdmin && p.defaulted["cluster"] {
		f.cluster = ""
	}
	api, err := p.api()
	if err != nil {
		return err
	}
	principal, err := f.who(ctx, api)
	if err != nil {
		return err
	}
	if principal == "" {
		return usageError("--service-account NAME, or --principal User:u-…", "it is not said who gets the role")
	}
	on, err := p.on(ctx, api, f)
	if err != nil {
		return err
	}
	b, err := api.CreateRoleBinding(ctx, wire.RoleBinding{Principal: principal, RoleName: f.role, CRNPattern: on})
	if err != nil {
		return err
	}
	return p.showRoleBinding(b)
}
