package main

import "github.com/spf13/cobra"

func (p *program) certificatePoolDeleteCommand() *cobra.Command {
	var force *bool
	var authority *string
	cmd := &cobra.Command{
		Use: "delete POOL", Aliases: []string{"rm"}, Short: "Delete a certificate pool with its role bindings, and end its connections", Args: arguments("POOL"),
		Example: "orrery certificate-pool delete apps --authority ours --force",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			a, found, err := certificatePoolOf(cmd.Context(), api, *authority, args[0])
			if err != nil {
				return err
			}
			if err := p.confirm(*force, "the certificate pool "+named(found.ID, found.DisplayName)+" with its role bindings"); err != nil {
				return err
			}
			if err := api.DeleteCertificatePool(cmd.Context(), a.ID, found.ID); err != nil {
				return err
			}
			p.tell("Deleted the certificate pool %s.", named(found.ID, found.DisplayName))
			return nil
		},
	}
	authority = authorityFlag(cmd)
	force = forceFlags(cmd)
	return cmd
}
