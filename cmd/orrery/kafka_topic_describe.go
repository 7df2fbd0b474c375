package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/client"
)

// topicDescription is a topic with its configuration, both as Kafka REST shows them; its own field "configs" is a
// link.
type topicDescription struct {
	client.Topic
	Configuration []client.TopicConfig `json:"configuration,omitempty"`
}

func (p *program) kafkaTopicDescribeCommand() *cobra.Command {
	var f clusterFlag
	var all bool
	cmd := &cobra.Command{
		Use: "describe TOPIC", Short: "Show a topic and its configuration", Args: arguments("TOPIC"),
		Example: "orrery kafka topic describe greetings\norrery kafka topic describe greetings --all",
		RunE: func(cmd *cobra.Command, args []string) error {
			rest, err := p.topics(cmd.Context(), f)
			if err != nil {
				return err
			}
			topic, err := rest.GetTopic(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			configs, err := rest.ListTopicConfigs(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if p.global.output == outputHuman && !all {
				configs = changedConfigs(configs)
			}
			return p.showTopic(topic, configs)
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().BoolVar(&all, "all", false, "show configurations with default values too")
	return cmd
}

func changedConfigs(configs []client.TopicConfig) []client.TopicConfig {
	var changed []client.TopicConfig
	for _, c := range configs {
		if !c.Default {
			changed = append(changed, c)
		}
	}
	return changed
}

func (p *program) showTopic(t client.Topic, configs []client.TopicConfig) error {
	return p.show(topicDescription{t, configs}, func(w io.Writer) {
		details(w, []detail{{"Topic", t.Name}, {"Partitions", strconv.Itoa(t.PartitionsCount)}, {"Replicas", strconv.Itoa(t.ReplicationFactor)}, {"Cluster", t.ClusterID}})
		if len(configs) == 0 {
			return
		}
		fmt.Fprintln(w, "\nConfiguration")
		rows := make([][]string, len(configs))
		for i, c := range configs {
			rows[i] = []string{"  " + c.Name, configValue(c), c.Source}
		}
		table(w, []string{"  NAME", "VALUE", "SOURCE"}, rows)
	})
}

func configValue(c client.TopicConfig) string {
	switch {
	case c.Sensitive:
		return "(hidden)"
	case c.Value == nil:
		return ""
	}
	return *c.Value
}
