package main

import "github.com/spf13/cobra"

func (p *program) serviceAccountDescribeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "describe ACCOUNT", Short: "Show a service account", Args: arguments("ACCOUNT"),
		Example: "orrery service-account describe reports",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			s, err := serviceAccount(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			return p.showServiceAccount(s)
		},
	}
}
