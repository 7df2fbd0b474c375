package main

import "github.com/spf13/cobra"

func (p *program) certificatePoolDescribeCommand() *cobra.Command {
	var authority *string
	cmd := &cobra.Command{
		Use: "describe POOL", Short: "Show a certificate pool", Args: arguments("POOL"),
		Example: "orrery certificate-pool describe apps --authority ours",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			_, found, err := certificatePoolOf(cmd.Context(), api, *authority, args[0])
			if err != nil {
				return err
			}
			return p.showCertificatePool(found)
		},
	}
	authority = authorityFlag(cmd)
	return cmd
}
