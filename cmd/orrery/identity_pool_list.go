package main

import (
	"io"

	"github.com/spf13/cobra"
)

func (p *program) identityPoolListCommand() *cobra.Command {
	var provider *string
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the identity pools of an identity provider", Args: arguments(),
		Example: "orrery identity-pool list --provider okta",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			i, err := identityProvider(cmd.Context(), api, *provider)
			if err != nil {
				return err
			}
			list, err := collect(api.ListIdentityPools(cmd.Context(), i.ID))
			if err != nil {
				return err
			}
			return p.show(orEmpty(list), func(w io.Writer) {
				rows := make([][]string, len(list))
				for i, each := range list {
					rows[i] = []string{each.ID, each.DisplayName, each.IdentityClaim, each.Filter}
				}
				table(w, []string{"ID", "NAME", "IDENTITY CLAIM", "FILTER"}, rows)
			})
		},
	}
	provider = providerFlag(cmd)
	return cmd
}
