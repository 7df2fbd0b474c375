package main

import "github.com/spf13/cobra"

func (p *program) serviceAccountDeleteCommand() *cobra.Command {
	var force *bool
	cmd := &cobra.Command{
		Use: "delete ACCOUNT", Aliases: []string{"rm"}, Short: "Delete a service account with its keys and role bindings", Args: arguments("ACCOUNT"),
		Example: "orrery service-account delete reports --force",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			s, err := serviceAccount(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			if err := p.confirm(*force, "the service account "+named(s.ID, s.DisplayName)+" with its API keys and role bindings"); err != nil {
				return err
			}
			if err := api.DeleteServiceAccount(cmd.Context(), s.ID); err != nil {
				return err
			}
			p.tell("Deleted the service account %s.", named(s.ID, s.DisplayName))
			return nil
		},
	}
	force = forceFlags(cmd)
	return cmd
}
