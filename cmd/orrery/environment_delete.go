package main

import "github.com/spf13/cobra"

func (p *program) environmentDeleteCommand() *cobra.Command {
	var force *bool
	cmd := &cobra.Command{
		Use: "delete ENVIRONMENT", Aliases: []string{"rm"}, Short: "Delete an environment, which must be empty", Args: arguments("ENVIRONMENT"),
		Example: "orrery environment delete test --force",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			e, err := p.environment(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			if err := p.confirm(*force, "the environment "+named(e.ID, e.DisplayName)); err != nil {
				return err
			}
			if err := api.DeleteEnvironment(cmd.Context(), e.ID); err != nil {
				return err
			}
			p.tell("Deleted the environment %s.", named(e.ID, e.DisplayName))
			return nil
		},
	}
	force = forceFlags(cmd)
	return cmd
}
