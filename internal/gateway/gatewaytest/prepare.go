package gatewaytest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/kafkatest"
)

const (
	topicACLs   = "_orrery_acls"
	askInterval = 10 * time.Millisecond
)

// prepare makes a cluster of Apache Kafka new: empty state topics, nothing of a tenant, and coordinators that
// answer at once.
func prepare(kafka *kafkatest.Cluster) error {
	client, err := kgo.NewClient(append(kafka.ClientOptions(""), kgo.MetadataMinAge(askInterval))...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeoutCause(context.Background(), time.Minute, errors.New("the brokers were not ready in time"))
	defer cancel()
	admin := kadm.NewClient(client)
	present, err := admin.ListTopicsWithInternal(ctx)
	if err != nil {
		return err
	}
	if err := removeTenants(ctx, kafka, client, present); err != nil {
		return fmt.Errorf("remove what another test left: %w", err)
	}
	if !present.Has(topicTenants) {
		return errors.Join(createState(ctx, admin, len(kafka.Brokers)), Known(ctx, kafka, topicTenants, topicGateways, topicACLs), coordinators(ctx, client))
	}
	ends, err := admin.ListEndOffsets(ctx, topicTenants, topicGateways, topicACLs)
	if err != nil {
		return err
	}
	emptied, err := admin.DeleteRecords(ctx, ends.Offsets())
	return errors.Join(err, emptied.Error())
}

func createState(ctx context.Context, admin *kadm.Client, replicas int) error {
	created, err := admin.CreateTopics(ctx, 1, int16(replicas), nil, topicTenants, topicGateways, topicACLs)
	return errors.Join(err, created.Error())
}

// removeTenants deletes the topics of every tenant, until no broker knows them any more, the groups and their
// configurations. Transactional ids stay: a broker forgets them itself.
func removeTenants(ctx context.Context, kafka *kafkatest.Cluster, client *kgo.Client, present kadm.TopicDetails) error {
	admin := kadm.NewClient(client)
	var left []string
	for _, name := range present.Names() {
		if strings.HasPrefix(name, "lkc-") {
			left = append(left, name)
		}
	}
	if len(left) > 0 {
		deleted, err := admin.DeleteTopics(ctx, left...)
		if err != nil {
			return err
		}
		for _, topic := range deleted {
			if topic.Err != nil && !errors.Is(topic.Err, kerr.UnknownTopicOrPartition) { // the broker had not heard yet that it is gone
				return topic.Err
			}
		}
	}
	for _, b := range kafka.Brokers {
		if err := ask(ctx, func() error { return forgot(ctx, client.Broker(int(b.Node)), left) }); err != nil {
			return err
		}
	}
	return removeGroups(ctx, client)
}

// forgot returns an error while a broker still tells of topics: a test that makes one of the same name would take the
// old one for it.
func forgot(ctx context.Context, broker *kgo.Broker, topics []string) error {
	response, err := describe(topics).RequestWith(ctx, broker)
	if err != nil {
		return err
	}
	for _, t := range response.Topics {
		if t.ErrorCode != kerr.UnknownTopicOrPartition.Code {
			return fmt.Errorf("topic %s was deleted, and is still known: %w", *t.Topic, kerr.ErrorForCode(t.ErrorCode))
		}
	}
	return nil
}

// describe asks for the metadata of topics, none for none.
func describe(topics []string) *kmsg.MetadataRequest {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	for _, name := range topics {
		request.Topics = append(request.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	return request
}

// coordinators makes the brokers create their internal topics.
func coordinators(ctx context.Context, client *kgo.Client) error {
	shareKey := "lkc-warmup:" + base64.RawURLEncoding.EncodeToString(make([]byte, 16)) + ":0"
	for kind, key := range []string{"lkc-warmup", "lkc-warmup", shareKey} {
		request := kmsg.NewPtrFindCoordinatorRequest()
		request.CoordinatorType, request.CoordinatorKeys = int8(kind), []string{key}
		err := ask(ctx, func() error {
			response, err := request.RequestWith(ctx, client)
			if err != nil {
				return err
			}
			for _, c := range response.Coordinators {
				err = errors.Join(err, kerr.ErrorForCode(c.ErrorCode))
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("find a coordinator of type %d: %w", kind, err)
		}
	}
	return nil
}

// Known waits until every broker knows topics and their leaders, and leads what it is to lead. A broker learns of a new
// topic a little after it was created, and clients try again, but a test that speaks the protocol itself does not.
func Known(ctx context.Context, kafka *kafkatest.Cluster, topics ...string) error {
	if kafka.Engine != kafkatest.Apache {
		return nil
	}
	client, err := kgo.NewClient(kafka.ClientOptions("")...)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, b := range kafka.Brokers {
		if err := ask(ctx, func() error { return knows(ctx, client, b.Node, topics) }); err != nil {
			return err
		}
	}
	return nil
}

func knows(ctx context.Context, client *kgo.Client, node int32, topics []string) error {
	broker := client.Broker(int(node))
	response, err := describe(topics).RequestWith(ctx, broker)
	if err != nil {
		return err
	}
	led := kmsg.NewPtrListOffsetsRequest()
	for _, t := range response.Topics {
		if t.ErrorCode != 0 {
			return fmt.Errorf("topic %s: %w", *t.Topic, kerr.ErrorForCode(t.ErrorCode))
		}
		ask := kmsg.NewListOffsetsRequestTopic()
		ask.Topic = *t.Topic
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 || p.Leader < 0 {
				return fmt.Errorf("topic %s, partition %d: %w", *t.Topic, p.Partition, kerr.ErrorForCode(p.ErrorCode))
			}
			if p.Leader == node {
				partition := kmsg.NewListOffsetsRequestTopicPartition()
				partition.Partition, partition.Timestamp = p.Partition, -1
				ask.Partitions = append(ask.Partitions, partition)
			}
		}
		if len(ask.Partitions) > 0 {
			led.Topics = append(led.Topics, ask)
		}
	}
	if len(led.Topics) == 0 {
		return nil
	}
	answer, err := led.RequestWith(ctx, broker)
	if err != nil {
		return err
	}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return fmt.Errorf("topic %s, partition %d: %w", t.Topic, p.Partition, kerr.ErrorForCode(p.ErrorCode))
			}
		}
	}
	return nil
}

// ask tries until there is no error or the context ends.
func ask(ctx context.Context, attempt func() error) error {
	tick := time.NewTicker(askInterval)
	defer tick.Stop()
	for {
		err := attempt()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}
