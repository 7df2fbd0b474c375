package main

import (
	"io"
	"strconv"

	"github.com/spf13/cobra"
)

func (p *program) kafkaTopicListCommand() *cobra.Command {
	var f clusterFlag
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the topics of a Kafka cluster", Args: arguments(),
		Example: "orrery kafka topic list\norrery kafka topic list --cluster demo -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			rest, err := p.topics(cmd.Context(), f)
			if err != nil {
				return err
			}
			list, err := rest.ListTopics(cmd.Context())
			if err != nil {
				return err
			}
			return p.show(orEmpty(list), func(w io.Writer) {
				rows := make([][]string, len(list))
				for i, t := range list {
					rows[i] = []string{t.Name, strconv.Itoa(t.PartitionsCount), strconv.Itoa(t.ReplicationFactor)}
				}
				table(w, []string{"TOPIC", "PARTITIONS", "REPLICAS"}, rows)
			})
		},
	}
	f.add(cmd.Flags())
	return cmd
}
