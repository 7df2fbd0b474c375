package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) serviceAccountUpdateCommand() *cobra.Command {
	var description string
	cmd := &cobra.Command{
		Use: "update ACCOUNT", Short: "Change the description of a service account", Args: arguments("ACCOUNT"),
		Example: `orrery service-account update reports --description "weekly reports"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("description") {
				return nothingToChange(cmd)
			}
			api, err := p.api()
			if err != nil {
				return err
			}
			s, err := serviceAccount(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			if s, err = api.UpdateServiceAccount(cmd.Context(), s.ID, wire.ServiceAccountUpdate{Description: &description}); err != nil {
				return err
			}
			return p.showServiceAccount(s)
		},
	}
	cmd.Flags().StringVar(&description, "description", "", "new `TEXT` that says what it is for")
	changeSettings(cmd.Flags(), "description")
	return cmd
}
