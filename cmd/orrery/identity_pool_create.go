package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) identityPoolCreateCommand() *cobra.Command {
	var in wire.IdentityPool
	var provider *string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create an identity pool", Args: arguments("NAME"),
		Example: `orrery identity-pool create apps --provider okta --filter '"kafka" in claims.aud'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if in.Filter == "" {
				return usageError(`such as --filter '"kafka" in claims.aud'; --filter true lets every token of the provider in`, "--filter is missing")
			}
			api, err := p.api()
			if err != nil {
				return err
			}
			i, err := identityProvider(cmd.Context(), api, *provider)
			if err != nil {
				return err
			}
			in.DisplayName = args[0]
			created, err := api.CreateIdentityPool(cmd.Context(), i.ID, in)
			if err != nil {
				return err
			}
			return p.showIdentityPool(created)
		},
	}
	provider = providerFlag(cmd)
	cmd.Flags().StringVar(&in.Filter, "filter", "", "CEL `EXPRESSION` over claims that a token must fulfil")
	cmd.Flags().StringVar(&in.IdentityClaim, "identity-claim", "claims.sub", "`CLAIM` that says who somebody is, for logs")
	cmd.Flags().StringVar(&in.Description, "description", "", "`TEXT` that says what it is for")
	return cmd
}
