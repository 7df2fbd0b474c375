package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// partition is the one partition of a state topic and who leads it.
type partition struct {
	topic  string
	id     [16]byte
	leader int32
}

// metadata asks the brokers now; kadm's answer may be of a moment ago, when a topic was not there yet. No topics
// means all.
func (c *Cluster) metadata(ctx context.Context, topics ...string) (*kmsg.MetadataResponse, error) {
	request := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		request.Topics = append(request.Topics, topic)
	}
	response, err := ask(ctx, c, request)
	if err != nil {
		return nil, fmt.Errorf("reading metadata: %w", err)
	}
	return response, nil
}

func (c *Cluster) locate(ctx context.Context, topic string) (partition, error) {
	metadata, err := c.metadata(ctx, topic)
	if err != nil {
		return partition{}, err
	}
	for _, t := range metadata.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return partition{}, err
		}
		for _, p := range t.Partitions {
			if p.Partition == 0 && p.Leader >= 0 {
				return partition{topic, t.TopicID, p.Leader}, nil
			}
		}
	}
	return partition{}, kerr.LeaderNotAvailable
}

// The special timestamps of ListOffsets.
const (
	atStart = -2
	atEnd   = -1
)

// offset asks the leader for the first offset, or for the one after the last record that can be read.
func (c *Cluster) offset(ctx context.Context, p partition, timestamp int64) (int64, error) {
	asked := kmsg.NewListOffsetsRequestTopicPartition()
	asked.Timestamp, asked.CurrentLeaderEpoch = timestamp, -1
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic, topic.Partitions = p.topic, append(topic.Partitions, asked)
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID, request.IsolationLevel, request.Topics = -1, 1, append(request.Topics, topic)
	response, err := c.client.Broker(int(p.leader)).Request(ctx, request)
	if err != nil {
		return 0, fmt.Errorf("broker %d: %w", p.leader, err)
	}
	answer := response.(*kmsg.ListOffsetsResponse)
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("broker %d answered ListOffsets with %d topics", p.leader, len(answer.Topics))
	}
	if err := kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode); err != nil {
		return 0, fmt.Errorf("broker %d: %w", p.leader, err)
	}
	return answer.Topics[0].Partitions[0].Offset, nil
}

// endOf returns the offset after the last record of a state topic that can be read.
func (c *Cluster) endOf(ctx context.Context, topic string) (int64, error) {
	p, err := c.locate(ctx, topic)
	if err != nil {
		return 0, err
	}
	return c.offset(ctx, p, atEnd)
}
