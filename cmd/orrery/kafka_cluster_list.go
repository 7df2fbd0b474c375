package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) kafkaClusterListCommand() *cobra.Command {
	var environment *string
	var all bool
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the Kafka clusters of an environment", Args: arguments(),
		Example: "orrery kafka cluster list\norrery kafka cluster list --all -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			var environments []wire.Environment
			if all {
				environments, err = collect(api.ListEnvironments(cmd.Context()))
			} else {
				environments = make([]wire.Environment, 1)
				environments[0], err = p.environment(cmd.Context(), api, *environment)
			}
			if err != nil {
				return err
			}
			var list []wire.Cluster
			for _, e := range environments {
				clusters, err := collect(api.ListClusters(cmd.Context(), e.ID))
				if err != nil {
					return err
				}
				list = append(list, clusters...)
			}
			return p.showClusters(list)
		},
	}
	environment = environmentFlag(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "of all environments")
	return cmd
}

func (p *program) showClusters(list []wire.Cluster) error {
	return p.show(orEmpty(list), func(w io.Writer) {
		rows := make([][]string, len(list))
		for i, c := range list {
			environment := ""
			if c.Spec.Environment != nil {
				environment = c.Spec.Environment.ID
			}
			rows[i] = []string{c.ID, c.Spec.DisplayName, clusterType(c), c.Spec.Cloud + "/" + c.Spec.Region, environment, c.Status.Phase, hostPort(c.Spec.KafkaBootstrapEndpoint)}
		}
		table(w, []string{"ID", "NAME", "TYPE", "REGION", "ENVIRONMENT", "STATUS", "BOOTSTRAP"}, rows)
	})
}
