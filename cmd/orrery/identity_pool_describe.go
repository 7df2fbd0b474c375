package main

import "github.com/spf13/cobra"

func (p *program) identityPoolDescribeCommand() *cobra.Command {
	var provider *string
	cmd := &cobra.Command{
		Use: "describe POOL", Short: "Show an identity pool", Args: arguments("POOL"),
		Example: "orrery identity-pool describe apps --provider okta",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			_, found, err := pool(cmd.Context(), api, *provider, args[0])
			if err != nil {
				return err
			}
			return p.showIdentityPool(found)
		},
	}
	provider = providerFlag(cmd)
	return cmd
}
