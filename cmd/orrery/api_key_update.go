package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) apiKeyUpdateCommand() *cobra.Command {
	var name, description string
	cmd := &cobra.Command{
		Use: "update KEY", Short: "Change the name or description of an API key", Args: arguments("KEY"),
		Example: `orrery api-key update ABCDEFGHIJKLMNOP --description "weekly report"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var change wire.APIKeyUpdate
			if cmd.Flags().Changed("name") {
				change.Spec.DisplayName = &name
			}
			if cmd.Flags().Changed("description") {
				change.Spec.Description = &description
			}
			if change.Spec.DisplayName == nil && change.Spec.Description == nil {
				return nothingToChange(cmd)
			}
			api, err := p.api()
			if err != nil {
				return err
			}
			key, err := api.UpdateAPIKey(cmd.Context(), args[0], change)
			if err != nil {
				return err
			}
			return p.showAPIKey(key)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "new display `NAME`")
	cmd.Flags().StringVar(&description, "description", "", "new `TEXT` that says what it is for")
	changeSettings(cmd.Flags(), "name", "description")
	return cmd
}
