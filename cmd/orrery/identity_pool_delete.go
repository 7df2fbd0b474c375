package main

import "github.com/spf13/cobra"

func (p *program) identityPoolDeleteCommand() *cobra.Command {
	var force *bool
	var provider *string
	cmd := &cobra.Command{
		Use: "delete POOL", Aliases: []string{"rm"}, Short: "Delete an identity pool with its role bindings", Args: arguments("POOL"),
		Example: "orrery identity-pool delete apps --provider okta --force",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			i, found, err := pool(cmd.Context(), api, *provider, args[0])
			if err != nil {
				return err
			}
			if err := p.confirm(*force, "the identity pool "+named(found.ID, found.DisplayName)+" with its role bindings"); err != nil {
				return err
			}
			if err := api.DeleteIdentityPool(cmd.Context(), i.ID, found.ID); err != nil {
				return err
			}
			p.tell("Deleted the identity pool %s.", named(found.ID, found.DisplayName))
			return nil
		},
	}
	provider = providerFlag(cmd)
	force = forceFlags(cmd)
	return cmd
}
