package main

import "github.com/spf13/cobra"

func (p *program) certificateAuthorityDeleteCommand() *cobra.Command {
	var force *bool
	cmd := &cobra.Command{
		Use: "delete AUTHORITY", Aliases: []string{"rm"}, Short: "Delete a certificate authority that has no certificate pools", Args: arguments("AUTHORITY"),
		Example: "orrery certificate-authority delete ours --force",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			a, err := certificateAuthority(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			if err := p.confirm(*force, "the certificate authority "+named(a.ID, a.DisplayName)); err != nil {
				return err
			}
			if err := api.DeleteCertificateAuthority(cmd.Context(), a.ID); err != nil {
				return err
			}
			p.tell("Deleted the certificate authority %s.", named(a.ID, a.DisplayName))
			return nil
		},
	}
	force = forceFlags(cmd)
	return cmd
}
