package main

import (
	"io"

	"github.com/spf13/cobra"
)

func (p *program) certificatePoolListCommand() *cobra.Command {
	var authority *string
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the certificate pools of a certificate authority", Args: arguments(),
		Example: "orrery certificate-pool list --authority ours",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			a, err := certificateAuthority(cmd.Context(), api, *authority)
			if err != nil {
				return err
			}
			list, err := collect(api.ListCertificatePools(cmd.Context(), a.ID))
			if err != nil {
				return err
			}
			return p.show(orEmpty(list), func(w io.Writer) {
				rows := make([][]string, len(list))
				for i, each := range list {
					rows[i] = []string{each.ID, each.DisplayName, each.LogicalCluster, each.ExternalIdentifier, each.Filter}
				}
				table(w, []string{"ID", "NAME", "CLUSTER", "EXTERNAL IDENTIFIER", "FILTER"}, rows)
			})
		},
	}
	authority = authorityFlag(cmd)
	return cmd
}
