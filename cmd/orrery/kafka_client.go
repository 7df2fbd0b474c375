package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// kafkaFlags are the flags of the commands that speak Kafka themselves, or write a configuration for something
// that does.
type kafkaFlags struct {
	environment, cluster string
	bootstrap            string
	apiKey, apiSecret    string
}

// kafkaAccess is all that a Kafka client needs.
type kafkaAccess struct {
	clusterID, bootstrap string
	apiKey, apiSecret    string
	caFile               string // "" trusts the system's authorities
}

// kafkaTimeout bounds everything that a client does before the first record.
const kafkaTimeout = 15 * time.Second

func (k *kafkaFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&k.environment, "environment", "", "`ENVIRONMENT` of the cluster: id or name (default: the first)")
	flags.StringVar(&k.cluster, "cluster", "", "Kafka `CLUSTER`: id or name (default: the only one)")
	flags.StringVar(&k.bootstrap, "bootstrap", "", "`HOST:PORT` of the cluster (default: ask the API)")
	flags.StringVar(&k.apiKey, "api-key", "", "API `KEY` of the cluster (default: the one that `orrery api-key create --save` kept)")
	flags.StringVar(&k.apiSecret, "api-secret", "", "its `SECRET`")
	setting(flags, "bootstrap", "kafka-bootstrap")
	setting(flags, "api-key", "kafka-api-key")
	setting(flags, "api-secret", "kafka-api-secret")
}

// access finds the endpoint, the key and the CA file. With --bootstrap and a key nothing is asked of the API.
func (p *program) access(ctx context.Context, k kafkaFlags) (kafkaAccess, error) {
	a := kafkaAccess{clusterID: k.cluster, bootstrap: k.bootstrap}
	if a.bootstrap == "" {
		cluster, err := p.kafkaCluster(ctx, k.environment, k.cluster)
		if err != nil {
			return kafkaAccess{}, err
		}
		a.clusterID, a.bootstrap = cluster.ID, hostPort(cluster.Spec.KafkaBootstrapEndpoint)
		if a.bootstrap == "" {
			return kafkaAccess{}, failed("`orrery kafka cluster describe "+cluster.ID+"` says why", "the cluster %s takes no clients yet: it is %s", cluster.ID, cluster.Status.Phase)
		}
	}
	if _, _, err := net.SplitHostPort(a.bootstrap); err != nil {
		return kafkaAccess{}, usageError("it looks like 127.0.0.1:19092", "--bootstrap %q is not HOST:PORT", a.bootstrap)
	}
	a.caFile = p.caFile()
	p.global.caFile = a.caFile
	return a, p.kafkaKey(&a, k)
}

// hostPort returns an endpoint without its scheme: Confluent Cloud has written it with and without.
func hostPort(endpoint string) string {
	if _, after, ok := strings.Cut(endpoint, "://"); ok {
		return after
	}
	return endpoint
}

// kafkaKey completes a with the key of --api-key or ORRERY_KAFKA_API_KEY, else with the saved one.
func (p *program) kafkaKey(a *kafkaAccess, k kafkaFlags) error {
	if (k.apiKey == "") != (k.apiSecret == "") {
		return usageError("give both --api-key and --api-secret, or both ORRERY_KAFKA_API_KEY and ORRERY_KAFKA_API_SECRET", "a Kafka API key and its secret belong together, and only one is given")
	}
	a.apiKey, a.apiSecret = k.apiKey, k.apiSecret
	if a.apiKey == "" && a.clusterID != "" {
		key, _, err := p.loadKey(a.clusterID)
		if err != nil {
			return err
		}
		a.apiKey, a.apiSecret = key.APIKey, key.APISecret
	}
	if a.apiKey != "" {
		return nil
	}
	cluster := a.clusterID
	if cluster == "" {
		cluster = "CLUSTER"
	}
	return failed("orrery api-key create --resource "+cluster+" --save\n(or set ORRERY_KAFKA_API_KEY and ORRERY_KAFKA_API_SECRET)",
		"there is no API key for the Kafka cluster %s", cluster)
}

// dialKafka makes a client of a cluster and checks that a topic is there, so that a wrong key, certificate or
// name is an error now and not a wait.
func (p *program) dialKafka(ctx context.Context, a kafkaAccess, topic string, more ...kgo.Opt) (*kgo.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.caFile != "" {
		roots, err := trusted(a.caFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = roots
	}
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(a.bootstrap),
		kgo.DialTLSConfig(config),
		kgo.SASL(plain.Auth{User: a.apiKey, Pass: a.apiSecret}.AsMechanism()),
		kgo.ClientID("orrery-cli"),
		kgo.RetryTimeout(kafkaTimeout),
	}, more...)...)
	if err != nil {
		return nil, err
	}
	if err := checkTopic(ctx, client, a, topic); err != nil {
		client.Close()
		return nil, explainKafka(err, a)
	}
	return client, nil
}

// checkTopic asks the bootstrap address for a topic's metadata once: the client itself would retry a login that is
// refused, in silence.
func checkTopic(ctx context.Context, client *kgo.Client, a kafkaAccess, topic string) error {
	ctx, cancel := context.WithTimeout(ctx, kafkaTimeout)
	defer cancel()
	request := kmsg.NewPtrMetadataRequest()
	wanted := kmsg.NewMetadataRequestTopic()
	wanted.Topic = kmsg.StringPtr(topic)
	request.Topics = []kmsg.MetadataRequestTopic{wanted}
	request.AllowAutoTopicCreation = false
	response, err := client.SeedBrokers()[0].Request(ctx, request)
	if err != nil {
		return err
	}
	for _, t := range response.(*kmsg.MetadataResponse).Topics {
		err := kerr.ErrorForCode(t.ErrorCode)
		switch {
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			return failed("create it: orrery kafka topic create "+topic, "the topic %s does not exist in %s", topic, a.name()).because(err)
		case err != nil:
			return err
		}
	}
	return nil
}

// name is how errors name the cluster.
func (a kafkaAccess) name() string {
	if a.clusterID != "" {
		return a.clusterID
	}
	return a.bootstrap
}
