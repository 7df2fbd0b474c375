package main

import "github.com/spf13/cobra"

func (p *program) certificateAuthorityDescribeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "describe AUTHORITY", Short: "Show a certificate authority, and how long its certificates are good", Args: arguments("AUTHORITY"),
		Example: "orrery certificate-authority describe ours",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			a, err := certificateAuthority(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			return p.showCertificateAuthority(a)
		},
	}
}
