package main

import "github.com/spf13/cobra"

func (p *program) roleBindingDeleteCommand() *cobra.Command {
	var force *bool
	cmd := &cobra.Command{
		Use: "delete BINDING", Aliases: []string{"rm"}, Short: "Take a role away", Args: arguments("BINDING"),
		Example: "orrery role-binding delete rb-x1y2z3 --force",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			b, err := api.GetRoleBinding(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := p.confirm(*force, "the role binding "+b.ID+" ("+b.RoleName+" for "+b.Principal+")"); err != nil {
				return err
			}
			if _, err := api.DeleteRoleBinding(cmd.Context(), b.ID); err != nil {
				return err
			}
			p.tell("Deleted the role binding %s.", b.ID)
			return nil
		},
	}
	force = forceFlags(cmd)
	return cmd
}
