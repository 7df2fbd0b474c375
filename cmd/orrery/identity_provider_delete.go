package main

import "github.com/spf13/cobra"

func (p *program) identityProviderDeleteCommand() *cobra.Command {
	var force *bool
	cmd := &cobra.Command{
		Use: "delete PROVIDER", Aliases: []string{"rm"}, Short: "Delete an identity provider that has no identity pools", Args: arguments("PROVIDER"),
		Example: "orrery identity-provider delete okta --force",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			i, err := identityProvider(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			if err := p.confirm(*force, "the identity provider "+named(i.ID, i.DisplayName)); err != nil {
				return err
			}
			if err := api.DeleteIdentityProvider(cmd.Context(), i.ID); err != nil {
				return err
			}
			p.tell("Deleted the identity provider %s.", named(i.ID, i.DisplayName))
			return nil
		},
	}
	force = forceFlags(cmd)
	return cmd
}
