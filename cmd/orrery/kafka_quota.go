package main

import (
	"io"
	"strconv"

	"github.com/spf13/cobra"
)

func (p *program) kafkaQuotaCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "quota", Aliases: []string{"quotas"}, Short: "Show what a Kafka cluster may use",
		Long: `Quotas are what a Kafka cluster may use on all its brokers together. Who is over one
is slowed down, or, where that makes no sense, refused. What single users and clients of
the cluster may use of them is set with Kafka's own tools: kafka-configs --alter
--entity-type users --entity-name sa-abc123 --add-config producer_byte_rate=1000000`,
		Example: "orrery kafka quota list demo",
	}, p.kafkaQuotaListCommand())
}

func (p *program) kafkaQuotaListCommand() *cobra.Command {
	var environment *string
	cmd := &cobra.Command{
		Use: "list [CLUSTER]", Aliases: []string{"ls"}, Short: "List the quotas of a Kafka cluster, and what set them", Args: arguments("[CLUSTER]"),
		Example: "orrery kafka quota list demo\norrery kafka quota list demo -o json | jq '.quotas[] | {name, value}'",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			c, err := p.cluster(cmd.Context(), api, *environment, clusterArgument(cmd, args))
			if err != nil {
				return err
			}
			quotas, err := api.GetLogicalClusterQuotas(cmd.Context(), c.ID)
			if err != nil {
				return err
			}
			return p.show(quotas, func(w io.Writer) {
				rows := make([][]string, len(quotas.Quotas))
				for i, q := range quotas.Quotas {
					value := "not limited"
					if q.Value > 0 {
						value = strconv.FormatInt(q.Value, 10)
					}
					rows[i] = []string{q.Name, value, q.Unit, q.Meaning, q.Source}
				}
				table(w, []string{"QUOTA", "VALUE", "UNIT", "OF", "SOURCE"}, rows)
			})
		},
	}
	environment = environmentFlag(cmd)
	cmd.Flags().String("cluster", "", "Kafka `CLUSTER`, where it is not the argument (default: the only one)")
	return cmd
}
