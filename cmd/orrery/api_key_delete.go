package main

import (
	"github.com/spf13/cobra"
)

func (p *program) apiKeyDeleteCommand() *cobra.Command {
	var force *bool
	cmd := &cobra.Command{
		Use: "delete KEY", Aliases: []string{"rm"}, Short: "Delete an API key; its connections end", Args: arguments("KEY"),
		Long: `Delete an API key. When the command returns, nothing honours the key any more, and its
open connections have ended.`,
		Example: "orrery api-key delete ABCDEFGHIJKLMNOP --force",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			key, err := api.GetAPIKey(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := p.confirm(*force, "the API key "+named(key.ID, key.Spec.Description)+" of "+referenceID(key.Spec.Owner)); err != nil {
				return err
			}
			if err := api.DeleteAPIKey(cmd.Context(), key.ID); err != nil {
				return err
			}
			p.tell("Deleted the API key %s.", key.ID)
			if key.Spec.Resource.IsCloud() {
				return nil
			}
			return p.forgetKey(key.Spec.Resource.ID, key.ID)
		},
	}
	force = forceFlags(cmd)
	return cmd
}
