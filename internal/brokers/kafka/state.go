package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/brokers"
)

// PrepareStateTopics creates the state topics that are missing, with one replica on each broker and at most
// three, and the ACLs that the principals of the substrate need and lack. It is to be called once all brokers of the
// cluster are registered; it does not move replicas later.
func (c *Cluster) PrepareStateTopics(ctx context.Context) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	if err := c.allowPrincipals(ctx); err != nil {
		return c.wrap("preparing the gateways' principals", err)
	}
	topics := slices.Clone(brokers.StateTopics)
	known, err := c.metadata(ctx, topics...)
	if err != nil {
		return c.wrap("creating the state topics", err)
	}
	for _, topic := range known.Topics {
		if topic.ErrorCode == 0 && topic.Topic != nil {
			topics = slices.DeleteFunc(topics, func(name string) bool { return name == *topic.Topic })
		}
	}
	if len(topics) == 0 {
		return nil
	}
	replicas := max(1, min(3, len(known.Brokers)))
	created, err := c.admin.CreateTopics(ctx, 1, int16(replicas), stateTopicConfiguration(replicas), topics...)
	if err != nil {
		return c.wrap(fmt.Sprintf("creating topics %q", topics), err)
	}
	for _, topic := range created.Sorted() {
		if topic.Err != nil && !errors.Is(topic.Err, kerr.TopicAlreadyExists) {
			return c.wrap("creating topic "+topic.Topic, topic.Err)
		}
	}
	return nil
}

func stateTopicConfiguration(replicas int) map[string]*string {
	return map[string]*string{
		"cleanup.policy":      kadm.StringPtr("compact"),
		"min.insync.replicas": kadm.StringPtr(strconv.Itoa(max(1, replicas-1))),
		// Only closed segments are compacted. Each gateway renews its lease every few seconds, so they are closed
		// early; else a day of leases would be read at each start.
		"segment.bytes":             kadm.StringPtr(strconv.Itoa(4 << 20)),
		"segment.ms":                kadm.StringPtr(strconv.FormatInt((10 * time.Minute).Milliseconds(), 10)),
		"min.cleanable.dirty.ratio": kadm.StringPtr("0.1"),
	}
}

// WriteState appends records, waits until all in-sync replicas have them, and returns the offset after the last.
// After an error some may have been appended. Records that another writer sends at the same time may lie between
// them.
func (c *Cluster) WriteState(ctx context.Context, topic string, records []brokers.Record) (end int64, err error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	if len(records) == 0 {
		end, err := c.endOf(ctx, topic)
		return end, c.wrap("writing to topic "+topic, err)
	}
	produced := make([]*kgo.Record, len(records))
	for i, record := range records {
		produced[i] = &kgo.Record{Topic: topic, Partition: 0, Key: []byte(record.Key), Value: record.Value}
	}
	for _, result := range c.client.ProduceSync(ctx, produced...) {
		if err := result.Err; err != nil {
			if errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition) {
				c.client.PurgeTopicsFromProducing(topic) // the next call looks for it anew
			}
			return 0, c.wrap("writing to topic "+topic, err)
		}
		end = max(end, result.Record.Offset+1)
	}
	return end, nil
}

// ReadState reads a state topic from its beginning to where it ends at the call.
func (c *Cluster) ReadState(ctx context.Context, topic string) ([]brokers.Record, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	for failures := 1; ; failures++ {
		state, err := c.readOnce(ctx, topic)
		if err == nil {
			return sorted(state), nil
		}
		var code *kerr.Error
		final := errors.Is(err, kgo.ErrClientClosed) || errors.Is(err, kerr.UnknownTopicOrPartition) || errors.As(err, &code) && !code.Retriable
		if final || pause(ctx, backoff(failures)) != nil {
			return nil, c.wrap("reading topic "+topic, errors.Join(ctx.Err(), err))
		}
	}
}

// sorted returns the records in the order of their keys.
func sorted(state map[string]brokers.Record) []brokers.Record {
	records := make([]brokers.Record, 0, len(state))
	for _, key := range slices.Sorted(maps.Keys(state)) {
		records = append(records, state[key])
	}
	return records
}

// apply takes in one record.
func apply(state map[string]brokers.Record, record *kgo.Record) {
	switch {
	case record.Attrs.IsControl() || record.Key == nil:
	case record.Value == nil:
		delete(state, string(record.Key))
	default:
		state[string(record.Key)] = brokers.Record{Key: string(record.Key), Value: record.Value, Offset: record.Offset}
	}
}

// readOnce reads with plain fetches, which know their position exactly, also behind records that compaction
// removed.
func (c *Cluster) readOnce(ctx context.Context, topic string) (map[string]brokers.Record, error) {
	p, err := c.locate(ctx, topic)
	if err != nil {
		return nil, err
	}
	position, err := c.offset(ctx, p, atStart)
	if err != nil {
		return nil, err
	}
	end, err := c.offset(ctx, p, atEnd)
	if err != nil {
		return nil, err
	}
	state := map[string]brokers.Record{}
	for position < end {
		records, next, err := c.fetch(ctx, p, position)
		if err != nil {
			return nil, fmt.Errorf("broker %d: %w", p.leader, err)
		}
		if next <= position {
			return nil, fmt.Errorf("broker %d returned nothing at offset %d of %d", p.leader, position, end)
		}
		for _, record := range records {
			if record.Offset < end {
				apply(state, record)
			}
		}
		position = next
	}
	return state, nil
}

// fetch reads some records at an offset and returns where to go on.
func (c *Cluster) fetch(ctx context.Context, p partition, offset int64) ([]*kgo.Record, int64, error) {
	asked := kmsg.NewFetchRequestTopicPartition()
	asked.FetchOffset, asked.PartitionMaxBytes = offset, 1<<20
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID, topic.Partitions = p.topic, p.id, append(topic.Partitions, asked)
	request := kmsg.NewPtrFetchRequest()
	request.MaxWaitMillis, request.MinBytes, request.MaxBytes, request.IsolationLevel = 500, 1, 4<<20, 1
	request.SessionEpoch = -1
	request.Topics = append(request.Topics, topic)
	response, err := c.client.Broker(int(p.leader)).Request(ctx, request)
	if err != nil {
		return nil, 0, err
	}
	answer := response.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return nil, 0, err
	}
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return nil, 0, fmt.Errorf("it answered Fetch with %d topics", len(answer.Topics))
	}
	fetched, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		KeepControlRecords: true, Offset: offset, IsolationLevel: kgo.ReadCommitted(), Topic: p.topic,
	}, &answer.Topics[0].Partitions[0], kgo.DefaultDecompressor(), nil)
	return fetched.Records, next, fetched.Err
}
