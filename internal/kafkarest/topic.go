package kafkarest

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// topicData is KafkaTopic of the public API.
type topicData struct {
	Kind                   string       `json:"kind"`
	Metadata               metadata     `json:"metadata"`
	ClusterID              string       `json:"cluster_id"`
	TopicName              string       `json:"topic_name"`
	IsInternal             bool         `json:"is_internal"`
	ReplicationFactor      int          `json:"replication_factor"`
	PartitionsCount        int          `json:"partitions_count"`
	Partitions             relationship `json:"partitions"`
	Configs                relationship `json:"configs"`
	PartitionReassignments relationship `json:"partition_reassignments"`
	AuthorizedOperations   []string     `json:"authorized_operations"`
}

func (c *call) topicData(name string, partitions, replicas int, operations int32) topicData {
	return topicData{
		Kind:                   "KafkaTopic",
		Metadata:               metadata{Self: c.link("topics", name), ResourceName: c.crn().With(orrery.CRNTopic, name).String()},
		ClusterID:              c.caller.LogicalClusterID,
		TopicName:              name,
		IsInternal:             tenancy.InternalTopic(name),
		ReplicationFactor:      replicas,
		PartitionsCount:        partitions,
		Partitions:             relationship{c.link("topics", name, "partitions")},
		Configs:                relationship{c.link("topics", name, "configs")},
		PartitionReassignments: relationship{c.link("topics", name, "partitions", "-", "reassignment")},
		AuthorizedOperations:   operationNames(operations),
	}
}

func (c *call) describedTopic(topic kmsg.MetadataResponseTopic) topicData {
	replicas := 0
	if len(topic.Partitions) > 0 {
		replicas = len(topic.Partitions[0].Replicas)
	}
	return c.topicData(*topic.Topic, len(topic.Partitions), replicas, topic.AuthorizedOperations)
}

// notAsked is what Kafka says in place of the operations that somebody may do, where it was not asked for them.
const notAsked = math.MinInt32

// operationNames lists Kafka's ACL operations whose bit is set.
func operationNames(bits int32) []string {
	names := []string{}
	if bits == notAsked {
		return names
	}
	for operation := kmsg.ACLOperationRead; operation <= kmsg.ACLOperationIdempotentWrite; operation++ {
		if bits&(1<<operation) != 0 {
			names = append(names, operation.String())
		}
	}
	return names
}

// describe asks the cluster for topics: those named, or all of the tenant's.
func (c *call) describe(ctx context.Context, names []string, operations bool) ([]kmsg.MetadataResponseTopic, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.IncludeTopicAuthorizedOperations = operations
	for _, name := range names {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		request.Topics = append(request.Topics, topic)
	}
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	topics := slices.DeleteFunc(response.Topics, func(t kmsg.MetadataResponseTopic) bool { return t.Topic == nil })
	slices.SortFunc(topics, func(a, b kmsg.MetadataResponseTopic) int { return strings.Compare(*a.Topic, *b.Topic) })
	return topics, nil
}

// describeTopic asks for the topic of the path.
func (c *call) describeTopic(ctx context.Context, name string, operations bool) (kmsg.MetadataResponseTopic, error) {
	topics, err := c.describe(ctx, []string{name}, operations)
	if err != nil {
		return kmsg.MetadataResponseTopic{}, err
	}
	if len(topics) != 1 {
		return kmsg.MetadataResponseTopic{}, unknownTopic(name)
	}
	return topics[0], c.topicError(topics[0].ErrorCode, nil, name)
}

// topicError is kafkaError with the name in the message about an unknown topic.
func (c *call) topicError(code int16, message *string, name string) error {
	err := kafkaError(code, message)
	if f, ok := errors.AsType[*failure](err); ok && f.code == codeUnknownTopic {
		return unknownTopic(name)
	}
	return err
}

func listTopics(ctx context.Context, c *call) error {
	topics, err := c.describe(ctx, nil, false)
	if err != nil {
		return err
	}
	data := []topicData{}
	for _, topic := range topics {
		if topic.ErrorCode == 0 {
			data = append(data, c.describedTopic(topic))
		}
	}
	return c.answer(http.StatusOK, list[topicData]{Kind: "KafkaTopicList", Metadata: listMetadata{Self: c.link("topics")}, Data: data})
}

func getTopic(ctx context.Context, c *call) error {
	operations := c.request.URL.Query().Get("include_authorized_operations") == "true"
	topic, err := c.describeTopic(ctx, c.topic(), operations)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, c.describedTopic(topic))
}

// createTopicRequest is CreateTopicRequestData of the public API.
type createTopicRequest struct {
	TopicName         string        `json:"topic_name"`
	PartitionsCount   *int32        `json:"partitions_count"`
	ReplicationFactor *int16        `json:"replication_factor"`
	Configs           []topicConfig `json:"configs"`
	ValidateOnly      bool          `json:"validate_only"`
}

type topicConfig struct {
	Name  string  `json:"name"`
	Value *string `json:"value"`
}

// createTopic answers once the topic takes records.
func createTopic(ctx context.Context, c *call) error {
	var body createTopicRequest
	if err := c.read(&body); err != nil {
		return err
	}
	if body.TopicName == "" {
		return badRequest("topic_name is required")
	}
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = body.TopicName, -1, -1 // the cluster's defaults
	if body.PartitionsCount != nil {
		if topic.NumPartitions = *body.PartitionsCount; topic.NumPartitions < 1 {
			return badRequest("partitions_count is %d and must be at least 1", topic.NumPartitions)
		}
	}
	if body.ReplicationFactor != nil {
		if topic.ReplicationFactor = *body.ReplicationFactor; topic.ReplicationFactor < 1 {
			return badRequest("replication_factor is %d and must be at least 1", topic.ReplicationFactor)
		}
	}
	for _, config := range body.Configs {
		entry := kmsg.NewCreateTopicsRequestTopicConfig()
		entry.Name, entry.Value = config.Name, config.Value
		topic.Configs = append(topic.Configs, entry)
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.ValidateOnly, request.TimeoutMillis = append(request.Topics, topic), body.ValidateOnly, operationMillis
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	if len(response.Topics) != 1 {
		return errUnexpected
	}
	created := response.Topics[0]
	if err := kafkaError(created.ErrorCode, created.ErrorMessage); err != nil {
		return withRetryAfter(err, response.ThrottleMillis)
	}
	result := c.topicData(body.TopicName, known(created.NumPartitions, topic.NumPartitions),
		known(int32(created.ReplicationFactor), int32(topic.ReplicationFactor)), notAsked)
	if body.ValidateOnly {
		return c.answer(http.StatusOK, result)
	}
	described, err := c.settled(ctx, body.TopicName, hasLeaders)
	if err != nil {
		return err
	}
	c.writer.Header().Set("Location", c.link("topics", body.TopicName))
	if described.ErrorCode == 0 {
		result = c.describedTopic(described)
	}
	return c.answer(http.StatusCreated, result)
}

// known is what the cluster said, or else what was asked for; both -1 is 0.
func known(said, asked int32) int { return int(max(said, asked, 0)) }

// operationMillis is how long the cluster may take for a change, in milliseconds.
const operationMillis = int32(requestTimeout / 2 / time.Millisecond)

// settled waits until a topic is as a change should have made it: a broker may learn of it after the one that
// answered. The context bounds the wait. Who may change a topic and not describe it gets it with an ErrorCode.
func (c *call) settled(ctx context.Context, name string, done func(kmsg.MetadataResponseTopic) bool) (kmsg.MetadataResponseTopic, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		topics, err := c.describe(ctx, []string{name}, false)
		if err != nil {
			return kmsg.MetadataResponseTopic{}, err
		}
		if len(topics) == 1 && (done(topics[0]) || topics[0].ErrorCode == kerr.TopicAuthorizationFailed.Code) {
			return topics[0], nil
		}
		select {
		case <-ctx.Done():
			return kmsg.MetadataResponseTopic{}, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func hasLeaders(topic kmsg.MetadataResponseTopic) bool {
	return topic.ErrorCode == 0 && len(topic.Partitions) > 0 &&
		!slices.ContainsFunc(topic.Partitions, func(p kmsg.MetadataResponseTopicPartition) bool { return p.ErrorCode != 0 || p.Leader < 0 })
}

// updateTopic adds partitions.
func updateTopic(ctx context.Context, c *call) error {
	var body struct {
		PartitionsCount *int32 `json:"partitions_count"`
	}
	if err := c.read(&body); err != nil {
		return err
	}
	if body.PartitionsCount == nil {
		return badRequest("partitions_count is required; it is all of a topic that can be changed here, see also configs:alter")
	}
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = c.topic(), *body.PartitionsCount
	request := kmsg.NewPtrCreatePartitionsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), operationMillis
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	if len(response.Topics) != 1 {
		return errUnexpected
	}
	if err := c.topicError(response.Topics[0].ErrorCode, response.Topics[0].ErrorMessage, c.topic()); err != nil {
		return withRetryAfter(err, response.ThrottleMillis)
	}
	described, err := c.settled(ctx, c.topic(), func(t kmsg.MetadataResponseTopic) bool {
		return hasLeaders(t) && len(t.Partitions) >= int(*body.PartitionsCount)
	})
	if err != nil {
		return err
	}
	c.client.ForceMetadataRefresh() // the next record may name a new partition
	result := c.topicData(c.topic(), int(*body.PartitionsCount), 0, notAsked)
	if described.ErrorCode == 0 {
		result = c.describedTopic(described)
	}
	return c.answer(http.StatusOK, result)
}

// deleteTopic answers once the topic is gone.
func deleteTopic(ctx context.Context, c *call) error {
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = kmsg.StringPtr(c.topic())
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TopicNames, request.Topics, request.TimeoutMillis = []string{c.topic()}, append(request.Topics, topic), operationMillis
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	if len(response.Topics) != 1 {
		return errUnexpected
	}
	if err := c.topicError(response.Topics[0].ErrorCode, response.Topics[0].ErrorMessage, c.topic()); err != nil {
		return withRetryAfter(err, response.ThrottleMillis)
	}
	if _, err := c.settled(ctx, c.topic(), func(t kmsg.MetadataResponseTopic) bool { return t.ErrorCode != 0 }); err != nil {
		return err
	}
	c.client.PurgeTopicsFromClient(c.topic()) // a topic of this name may come again, as another topic
	return c.noContent()
}
