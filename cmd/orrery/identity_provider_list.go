package main

import (
	"io"

	"github.com/spf13/cobra"
)

func (p *program) identityProviderListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the identity providers", Args: arguments(),
		Example: "orrery identity-provider list",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			list, err := collect(api.ListIdentityProviders(cmd.Context()))
			if err != nil {
				return err
			}
			return p.show(orEmpty(list), func(w io.Writer) {
				rows := make([][]string, len(list))
				for i, each := range list {
					rows[i] = []string{each.ID, each.DisplayName, each.Issuer, each.JWKSURI}
				}
				table(w, []string{"ID", "NAME", "ISSUER", "JWKS URI"}, rows)
			})
		},
	}
}
