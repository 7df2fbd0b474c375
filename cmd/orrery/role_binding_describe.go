package main

import "github.com/spf13/cobra"

func (p *program) roleBindingDescribeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "describe BINDING", Short: "Show a role binding", Args: arguments("BINDING"),
		Example: "orrery role-binding describe rb-x1y2z3",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			b, err := api.GetRoleBinding(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.showRoleBinding(b)
		},
	}
}
