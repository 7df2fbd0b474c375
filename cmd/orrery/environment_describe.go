package main

import "github.com/spf13/cobra"

func (p *program) environmentDescribeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "describe [ENVIRONMENT]", Short: "Show an environment", Args: arguments("[ENVIRONMENT]"),
		Example: "orrery environment describe production",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			e, err := p.environment(cmd.Context(), api, firstOf(args))
			if err != nil {
				return err
			}
			return p.showEnvironment(e)
		},
	}
}
