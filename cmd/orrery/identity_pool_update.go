package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) identityPoolUpdateCommand() *cobra.Command {
	var name, description, filter, claim string
	var provider *string
	cmd := &cobra.Command{
		Use: "update POOL", Short: "Change an identity pool", Args: arguments("POOL"),
		Example: `orrery identity-pool update apps --provider okta --filter '"kafka" in claims.aud'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var change wire.IdentityPoolUpdate
			changes := 0
			for flag, set := range map[string]func(){
				"name": func() { change.DisplayName = &name }, "description": func() { change.Description = &description },
				"filter": func() { change.Filter = &filter }, "identity-claim": func() { change.IdentityClaim = &claim },
			} {
				if cmd.Flags().Changed(flag) {
					set()
					changes++
				}
			}
			if changes == 0 {
				return nothingToChange(cmd)
			}
			api, err := p.api()
			if err != nil {
				return err
			}
			i, found, err := pool(cmd.Context(), api, *provider, args[0])
			if err != nil {
				return err
			}
			if found, err = api.UpdateIdentityPool(cmd.Context(), i.ID, found.ID, change); err != nil {
				return err
			}
			return p.showIdentityPool(found)
		},
	}
	provider = providerFlag(cmd)
	cmd.Flags().StringVar(&name, "name", "", "new `NAME`")
	cmd.Flags().StringVar(&description, "description", "", "new `TEXT` that says what it is for")
	cmd.Flags().StringVar(&filter, "filter", "", "new CEL `EXPRESSION` over claims that a token must fulfil")
	cmd.Flags().StringVar(&claim, "identity-claim", "", "new `CLAIM` that says who somebody is")
	changeSettings(cmd.Flags(), "name", "description", "filter", "identity-claim")
	return cmd
}
