package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/client"
)

func (p *program) kafkaTopicCreateCommand() *cobra.Command {
	var f clusterFlag
	var partitions int
	var ifNotExists bool
	var configs *[]string
	cmd := &cobra.Command{
		Use: "create TOPIC", Short: "Create a topic", Args: arguments("TOPIC"),
		Example: `orrery kafka topic create greetings
orrery kafka topic create events --partitions 12 --config retention.ms=3600000 --config cleanup.policy=compact`,
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := newTopic(args[0], partitions, *configs)
			if err != nil {
				return err
			}
			rest, err := p.topics(cmd.Context(), f)
			if err != nil {
				return err
			}
			topic, err := rest.CreateTopic(cmd.Context(), request)
			if ifNotExists && orrery.ErrorCode(err) == orrery.Conflict {
				p.tell("The topic %s exists.", args[0])
				return nil
			}
			if err != nil {
				return err
			}
			return p.showTopic(topic, nil)
		},
	}
	cmd.Flags().IntVar(&partitions, "partitions", 0, "`N` partitions (default: the cluster's)")
	cmd.Flags().BoolVar(&ifNotExists, "if-not-exists", false, "succeed where the topic exists")
	configs = topicConfigFlag(cmd.Flags(), "`NAME=VALUE` of the topic's configuration; repeat for more")
	f.add(cmd.Flags())
	return cmd
}

func newTopic(name string, partitions int, configs []string) (client.NewTopic, error) {
	if partitions < 0 {
		return client.NewTopic{}, usageError("", "--partitions is negative")
	}
	request := client.NewTopic{Name: name, PartitionsCount: partitions}
	for _, pair := range configs {
		name, value, withValue, err := topicConfig(pair)
		if err == nil && !withValue {
			err = usageError("such as --config retention.ms=3600000", "--config %q is not NAME=VALUE", pair)
		}
		if err != nil {
			return client.NewTopic{}, err
		}
		request.Configs = append(request.Configs, client.NewTopicConfig{Name: name, Value: value})
	}
	return request, nil
}
