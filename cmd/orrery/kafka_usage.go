package main

import (
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) kafkaUsageCommand() *cobra.Command {
	var environment *string
	cmd := &cobra.Command{
		Use: "usage [CLUSTER]", Short: "Show what a Kafka cluster has used since it was made", Args: arguments("[CLUSTER]"),
		Long: `The gateways of a Kafka cluster count what it uses, and its satellite looks at what it
stores. The counters only rise. They are some seconds old, as AS OF says.`,
		Example: "orrery kafka usage demo\norrery kafka usage demo -o json | jq '.usage[] | {name, value}'",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			c, err := p.cluster(cmd.Context(), api, *environment, clusterArgument(cmd, args))
			if err != nil {
				return err
			}
			usage, err := api.GetLogicalClusterUsage(cmd.Context(), c.ID)
			if err != nil {
				return err
			}
			return p.show(usage, func(w io.Writer) { showUsage(w, usage) })
		},
	}
	environment = environmentFlag(cmd)
	cmd.Flags().String("cluster", "", "Kafka `CLUSTER`, where it is not the argument (default: the only one)")
	return cmd
}

func showUsage(w io.Writer, usage wire.LogicalClusterUsage) {
	rows := make([][]string, len(usage.Usage))
	for i, u := range usage.Usage {
		asOf := "not yet"
		if u.AsOf != nil {
			asOf = timeText(*u.AsOf)
		}
		rows[i] = []string{u.Name, strconv.FormatInt(u.Value, 10), u.Unit, u.Meaning, asOf}
	}
	table(w, []string{"USE", "VALUE", "UNIT", "OF", "AS OF"}, rows)
}
