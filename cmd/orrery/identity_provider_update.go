package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) identityProviderUpdateCommand() *cobra.Command {
	var name, description string
	var audiences []string
	cmd := &cobra.Command{
		Use: "update PROVIDER", Short: "Change the name, the description or the audiences of an identity provider", Args: arguments("PROVIDER"),
		Example: "orrery identity-provider update okta --audience kafka",
		RunE: func(cmd *cobra.Command, args []string) error {
			var change wire.IdentityProviderUpdate
			if cmd.Flags().Changed("name") {
				change.DisplayName = &name
			}
			if cmd.Flags().Changed("description") {
				change.Description = &description
			}
			if cmd.Flags().Changed("audience") {
				change.Audiences = &audiences
			}
			if change.DisplayName == nil && change.Description == nil && change.Audiences == nil {
				return nothingToChange(cmd)
			}
			api, err := p.api()
			if err != nil {
				return err
			}
			i, err := identityProvider(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			if i, err = api.UpdateIdentityProvider(cmd.Context(), i.ID, change); err != nil {
				return err
			}
			return p.showIdentityProvider(i)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "new `NAME`")
	cmd.Flags().StringVar(&description, "description", "", "new `TEXT` that says what it is for")
	cmd.Flags().StringSliceVar(&audiences, "audience", nil, "new `AUDIENCE,...`; empty for none")
	changeSettings(cmd.Flags(), "name", "description", "audience")
	return cmd
}
