package main

import "github.com/spf13/cobra"

func (p *program) identityProviderDescribeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "describe PROVIDER", Short: "Show an identity provider, and whether its keys can be fetched", Args: arguments("PROVIDER"),
		Example: "orrery identity-provider describe okta",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			i, err := identityProvider(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			return p.showIdentityProvider(i)
		},
	}
}
