package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orrery-kafka/orrery/client"
)

func (p *program) kafkaTopicCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "topic", Aliases: []string{"topics"}, Short: "Create and manage topics, write and read records",
		Long: `Create and manage topics through Kafka REST with your API key, and write and read
records as a Kafka client with a key of the cluster.`,
		Example: `orrery kafka topic create greetings
echo hello | orrery kafka topic produce greetings
orrery kafka topic consume greetings --from-beginning`,
	},
		p.kafkaTopicCreateCommand(), p.kafkaTopicListCommand(), p.kafkaTopicDescribeCommand(), p.kafkaTopicUpdateCommand(),
		p.kafkaTopicDeleteCommand(), p.kafkaTopicProduceCommand(), p.kafkaTopicConsumeCommand())
}

// clusterFlag says which cluster a topic is in.
type clusterFlag struct{ environment, cluster string }

func (f *clusterFlag) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.environment, "environment", "", "`ENVIRONMENT` of the cluster: id or name (default: the first)")
	flags.StringVar(&f.cluster, "cluster", "", "Kafka `CLUSTER`: id or name (default: the only one)")
}

// topics finds a cluster and makes a client of its Kafka REST.
func (p *program) topics(ctx context.Context, f clusterFlag) (*client.KafkaREST, error) {
	api, err := p.api()
	if err != nil {
		return nil, err
	}
	c, err := p.cluster(ctx, api, f.environment, f.cluster)
	if err != nil {
		return nil, err
	}
	return p.kafkaREST(api, c)
}

// topicConfigFlag adds --config for configurations of a topic. It hides the global flag of that name, as users of
// the confluent CLI expect; the file is then named by ORRERY_CONFIG.
func topicConfigFlag(flags *pflag.FlagSet, text string) *[]string {
	values := flags.StringArray("config", nil, text)
	setting(flags, "config", "topic-config")
	return values
}

// topicConfig splits NAME=VALUE. withValue is false for a NAME alone.
func topicConfig(pair string) (name, value string, withValue bool, err error) {
	name, value, withValue = strings.Cut(pair, "=")
	if name == "" {
		return "", "", false, usageError("such as --config retention.ms=3600000", "--config %q is not NAME=VALUE", pair)
	}
	return name, value, withValue, nil
}
