package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) environmentUpdateCommand() *cobra.Command {
	var name, governance string
	cmd := &cobra.Command{
		Use: "update ENVIRONMENT", Short: "Rename an environment", Args: arguments("ENVIRONMENT"),
		Example: "orrery environment update production --name live",
		RunE: func(cmd *cobra.Command, args []string) error {
			var change wire.EnvironmentUpdate
			if cmd.Flags().Changed("name") {
				change.DisplayName = &name
			}
			if governance != "" {
				change.StreamGovernanceConfig = &wire.StreamGovernanceConfig{Package: upper(governance)}
			}
			if change.DisplayName == nil && change.StreamGovernanceConfig == nil {
				return nothingToChange(cmd)
			}
			api, err := p.api()
			if err != nil {
				return err
			}
			e, err := p.environment(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			if e, err = api.UpdateEnvironment(cmd.Context(), e.ID, change); err != nil {
				return err
			}
			return p.showEnvironment(e)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "new `NAME`")
	cmd.Flags().StringVar(&governance, "governance-package", "", "`PACKAGE` of stream governance: essentials or advanced")
	changeSettings(cmd.Flags(), "name", "governance-package")
	return cmd
}
