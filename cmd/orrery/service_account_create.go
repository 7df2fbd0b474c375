package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) serviceAccountCreateCommand() *cobra.Command {
	var description string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create a service account", Args: arguments("NAME"),
		Example: `orrery service-account create reports --description "nightly reports"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			s, err := api.CreateServiceAccount(cmd.Context(), wire.ServiceAccount{DisplayName: args[0], Description: description})
			if err != nil {
				return err
			}
			return p.showServiceAccount(s)
		},
	}
	cmd.Flags().StringVar(&description, "description", "", "`TEXT` that says what it is for")
	return cmd
}
