package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/client"
)

func (p *program) kafkaTopicUpdateCommand() *cobra.Command {
	var f clusterFlag
	var partitions int
	var configs *[]string
	cmd := &cobra.Command{
		Use: "update TOPIC", Short: "Change a topic's configuration, or give it more partitions", Args: arguments("TOPIC"),
		Example: `orrery kafka topic update events --config retention.ms=86400000
orrery kafka topic update events --config retention.ms       # back to the default
orrery kafka topic update events --partitions 24`,
		RunE: func(cmd *cobra.Command, args []string) error {
			changes, err := configChanges(*configs)
			if err != nil {
				return err
			}
			more := cmd.Flags().Changed("partitions")
			if more && partitions < 1 {
				return usageError("", "--partitions must be at least 1")
			}
			if len(changes) == 0 && !more {
				return nothingToChange(cmd)
			}
			rest, err := p.topics(cmd.Context(), f)
			if err != nil {
				return err
			}
			return p.updateTopic(cmd.Context(), rest, args[0], changes, partitions)
		},
	}
	cmd.Flags().IntVar(&partitions, "partitions", 0, "`N` partitions, more than there are")
	configs = topicConfigFlag(cmd.Flags(), "`NAME=VALUE` to set, or NAME to take back to the default; repeat for more")
	changeSettings(cmd.Flags(), "partitions", "config")
	f.add(cmd.Flags())
	return cmd
}

func configChanges(pairs []string) ([]client.ConfigChange, error) {
	var changes []client.ConfigChange
	for _, pair := range pairs {
		name, value, withValue, err := topicConfig(pair)
		if err != nil {
			return nil, err
		}
		change := client.ConfigChange{Name: name, Operation: client.ConfigDelete}
		if withValue {
			change.Operation, change.Value = client.ConfigSet, &value
		}
		changes = append(changes, change)
	}
	return changes, nil
}

func (p *program) updateTopic(ctx context.Context, rest *client.KafkaREST, topic string, changes []client.ConfigChange, partitions int) error {
	if len(changes) > 0 {
		if err := rest.AlterTopicConfigs(ctx, topic, changes); err != nil {
			return err
		}
	}
	if partitions > 0 {
		if _, err := rest.SetPartitions(ctx, topic, partitions); err != nil {
			return err
		}
	}
	t, err := rest.GetTopic(ctx, topic)
	if err != nil {
		return err
	}
	configs, err := rest.ListTopicConfigs(ctx, topic)
	if err != nil {
		return err
	}
	if p.global.output == outputHuman {
		configs = changedConfigs(configs)
	}
	return p.showTopic(t, configs)
}
