package kafkarest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
)

// partitionData is KafkaPartition of the public API.
type partitionData struct {
	Kind         string        `json:"kind"`
	Metadata     metadata      `json:"metadata"`
	ClusterID    string        `json:"cluster_id"`
	TopicName    string        `json:"topic_name"`
	PartitionID  int32         `json:"partition_id"`
	Leader       *relationship `json:"leader"`
	Replicas     relationship  `json:"replicas"`
	Reassignment relationship  `json:"reassignment"`
}

// elementPartition is the type of a partition's element in a CRN.
const elementPartition = "partition"

func (c *call) partitionData(topic string, partition kmsg.MetadataResponseTopicPartition) partitionData {
	id := strconv.Itoa(int(partition.Partition))
	data := partitionData{
		Kind: "KafkaPartition",
		Metadata: metadata{
			Self:         c.link("topics", topic, "partitions", id),
			ResourceName: c.crn().With(orrery.CRNTopic, topic).With(elementPartition, id).String(),
		},
		ClusterID:    c.caller.LogicalClusterID,
		TopicName:    topic,
		PartitionID:  partition.Partition,
		Replicas:     relationship{c.link("topics", topic, "partitions", id, "replicas")},
		Reassignment: relationship{c.link("topics", topic, "partitions", id, "reassignment")},
	}
	if partition.Leader >= 0 {
		data.Leader = &relationship{c.link("topics", topic, "partitions", id, "replicas", strconv.Itoa(int(partition.Leader)))}
	}
	return data
}

func (c *call) partitions(ctx context.Context) ([]partitionData, error) {
	topic, err := c.describeTopic(ctx, c.topic(), false)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(topic.Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int { return int(a.Partition - b.Partition) })
	data := []partitionData{}
	for _, partition := range topic.Partitions {
		data = append(data, c.partitionData(c.topic(), partition))
	}
	return data, nil
}

func listPartitions(ctx context.Context, c *call) error {
	data, err := c.partitions(ctx)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, list[partitionData]{Kind: "KafkaPartitionList", Metadata: listMetadata{Self: c.link("topics", c.topic(), "partitions")}, Data: data})
}

func getPartition(ctx context.Context, c *call) error {
	id, err := strconv.ParseInt(c.request.PathValue("partition_id"), 10, 32)
	if err != nil {
		return badRequest("the partition %q is not a number", c.request.PathValue("partition_id"))
	}
	data, err := c.partitions(ctx)
	if err != nil {
		return err
	}
	for _, partition := range data {
		if partition.PartitionID == int32(id) {
			return c.answer(http.StatusOK, partition)
		}
	}
	return unknownPartition(c.topic(), int32(id))
}

func unknownPartition(topic string, id int32) error {
	return &failure{status: http.StatusNotFound, code: codeUnknownPartition, message: fmt.Sprintf("the topic %q has no partition %d", topic, id)}
}
