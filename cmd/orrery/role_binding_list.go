package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
)

func (p *program) roleBindingListCommand() *cobra.Command {
	var f bindingFlags
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List role bindings: all, or those of somebody or on something", Args: arguments(),
		Example: "orrery role-binding list\norrery role-binding list --service-account reports",
		RunE:    func(cmd *cobra.Command, args []string) error { return p.listRoleBindings(cmd.Context(), f) },
	}
	f.add(cmd.Flags())
	return cmd
}

func (p *program) listRoleBindings(ctx context.Context, f bindingFlags) error {
	api, err := p.api()
	if err != nil {
		return err
	}
	principal, err := f.who(ctx, api)
	if err != nil {
		return err
	}
	f.widest(p.defaulted)
	role := f.role
	f.role = "" // filters; it does not say how narrow the pattern must be
	on := f.pattern
	if on == "" {
		if on, err = p.on(ctx, api, f); err != nil {
			return err
		}
		on += "/*" // the API's way to say: that and all below it
	}
	list, err := collect(api.ListRoleBindings(ctx, on, principal, role))
	if err != nil {
		return err
	}
	return p.show(orEmpty(list), func(w io.Writer) {
		rows := make([][]string, len(list))
		for i, b := range list {
			rows[i] = []string{b.ID, b.Principal, b.RoleName, b.CRNPattern}
		}
		table(w, []string{"ID", "PRINCIPAL", "ROLE", "ON"}, rows)
	})
}
