package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) environmentCreateCommand() *cobra.Command {
	var governance string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create an environment", Args: arguments("NAME"),
		Example: "orrery environment create production",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			request := wire.Environment{DisplayName: args[0]}
			if governance != "" {
				request.StreamGovernanceConfig = &wire.StreamGovernanceConfig{Package: upper(governance)}
			}
			e, err := api.CreateEnvironment(cmd.Context(), request)
			if err != nil {
				return err
			}
			return p.showEnvironment(e)
		},
	}
	cmd.Flags().StringVar(&governance, "governance-package", "", "`PACKAGE` of stream governance: essentials or advanced")
	return cmd
}
