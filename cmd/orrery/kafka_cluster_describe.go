package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) kafkaClusterDescribeCommand() *cobra.Command {
	var environment *string
	cmd := &cobra.Command{
		Use: "describe [CLUSTER]", Short: "Show a Kafka cluster: its addresses, and what it waits for", Args: arguments("[CLUSTER]"),
		Example: "orrery kafka cluster describe demo\norrery kafka cluster describe demo -o json | jq -r .spec.kafka_bootstrap_endpoint",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			c, err := p.cluster(cmd.Context(), api, *environment, clusterArgument(cmd, args))
			if err != nil {
				return err
			}
			var why *wire.LogicalCluster
			if p.global.output == outputHuman {
				logical, err := api.GetLogicalCluster(cmd.Context(), c.ID)
				if err != nil {
					return err
				}
				why = &logical
			}
			return p.showCluster(c, why)
		},
	}
	environment = environmentFlag(cmd)
	cmd.Flags().String("cluster", "", "Kafka `CLUSTER`, where it is not the argument (default: the only one)")
	return cmd
}

// clusterArgument is the cluster of a command that takes it as an argument, or else from --cluster.
func clusterArgument(cmd *cobra.Command, args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return cmd.Flags().Lookup("cluster").Value.String()
}
