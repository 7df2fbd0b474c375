package main

import "github.com/spf13/cobra"

func (p *program) apiKeyDescribeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "describe KEY", Short: "Show an API key, without its secret", Args: arguments("KEY"),
		Example: "orrery api-key describe ABCDEFGHIJKLMNOP",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			key, err := api.GetAPIKey(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.showAPIKey(key)
		},
	}
}
