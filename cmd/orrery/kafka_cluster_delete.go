package main

import "github.com/spf13/cobra"

func (p *program) kafkaClusterDeleteCommand() *cobra.Command {
	var environment *string
	var force *bool
	cmd := &cobra.Command{
		Use: "delete CLUSTER", Aliases: []string{"rm"}, Short: "Delete a Kafka cluster with all that is in it", Args: arguments("CLUSTER"),
		Long: `Delete a Kafka cluster with its topics, records, groups and API keys. A cluster with
deletion protection is refused.`,
		Example: "orrery kafka cluster delete demo\norrery kafka cluster delete lkc-x1y2z3 --force",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			c, err := p.cluster(cmd.Context(), api, *environment, args[0])
			if err != nil {
				return err
			}
			if err := p.confirm(*force, "the Kafka cluster "+named(c.ID, c.Spec.DisplayName)+" with all its topics and records"); err != nil {
				return err
			}
			if err := api.DeleteCluster(cmd.Context(), c.Spec.Environment.ID, c.ID); err != nil {
				return err
			}
			p.tell("Deleted the Kafka cluster %s.", named(c.ID, c.Spec.DisplayName))
			return p.forgetKey(c.ID, "")
		},
	}
	environment = environmentFlag(cmd)
	force = forceFlags(cmd)
	return cmd
}
