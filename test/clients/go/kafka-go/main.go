// Command kafka-go runs the scenario with segmentio/kafka-go.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/plain"

	"orrery.test/clients/step"
)

// tenant is the scenario with a client for its administration.
type tenant struct {
	*step.Scenario
	admin *kafka.Client
}

var all = []int{0, 1, 2, 3} // the partitions of the topic orders

func main() {
	t := &tenant{Scenario: step.Parse()}
	t.admin = &kafka.Client{Addr: kafka.TCP(t.Bootstrap), Transport: t.transport()}
	t.Do("topics", t.topics)
	t.Do("configs", t.configs)
	for _, codec := range step.Codecs {
		t.Do("produce-"+codec, func(ctx context.Context) (string, error) {
			return "acks=all without idempotence, which it does not have", t.produce(ctx, codec)
		})
	}
	t.Do("consume", t.consume)
	t.Do("classic-group", t.group)
	t.Lacks("it has no KIP-848 consumer", "kip848-group")
	t.Lacks("its consumer group has no group.instance.id", "static-member")
	t.Lacks("it has the requests, but no transactional producer", "transactions")
	t.Do("offsets", t.offsets)
	t.Lacks("it does not have the request", "delete-records")
	t.Do("own-names", t.ownNames)
	t.Print("kafka-go", "github.com/segmentio/kafka-go", "")
}

func (t *tenant) transport() *kafka.Transport {
	return &kafka.Transport{TLS: t.TLS(), SASL: plain.Mechanism{Username: t.Key, Password: t.Secret}}
}

func (t *tenant) dialer() *kafka.Dialer {
	return &kafka.Dialer{TLS: t.TLS(), SASLMechanism: plain.Mechanism{Username: t.Key, Password: t.Secret}, Timeout: 10 * time.Second, Resolver: net.DefaultResolver}
}

func (t *tenant) topics(ctx context.Context) (string, error) {
	request := &kafka.CreateTopicsRequest{}
	for name, partitions := range map[string]int{"orders": 4, "shipments": 1, "only-" + t.Tag: 1, "retired": 1} {
		request.Topics = append(request.Topics, kafka.TopicConfig{Topic: name, NumPartitions: partitions, ReplicationFactor: -1})
	}
	made, err := t.admin.CreateTopics(ctx, request)
	if err := each(err, made); err != nil {
		return "", fmt.Errorf("creating topics: %w", err)
	}
	grown, err := t.admin.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: "retired", Count: 3}}})
	if err == nil {
		err = grown.Errors["retired"]
	}
	if err != nil {
		return "", fmt.Errorf("adding partitions: %w", err)
	}
	if err := step.Until(ctx, "three partitions", func() (bool, error) {
		// Its transport keeps what it knows of topics, so ask with a new one.
		got, err := (&kafka.Client{Addr: t.admin.Addr, Transport: t.transport()}).Metadata(ctx, &kafka.MetadataRequest{Topics: []string{"retired"}})
		return err == nil && len(got.Topics[0].Partitions) == 3, err
	}); err != nil {
		return "", err
	}
	deleted, err := t.admin.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{"retired"}})
	if err == nil {
		err = deleted.Errors["retired"]
	}
	return "", err
}

func each(err error, made *kafka.CreateTopicsResponse) error {
	if err == nil {
		for topic, e := range made.Errors {
			if e != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", topic, e))
			}
		}
	}
	return err
}

func (t *tenant) configs(ctx context.Context) (string, error) {
	altered, err := t.admin.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: "orders",
		Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: "retention.ms", Value: "3600000", ConfigOperation: kafka.ConfigOperationSet}},
	}}})
	if err == nil {
		err = altered.Resources[0].Error
	}
	if err != nil {
		return "", err
	}
	return "", step.Until(ctx, "retention.ms to be an hour", func() (bool, error) {
		got, err := t.admin.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: "orders", ConfigNames: []string{"retention.ms"},
		}}})
		if err != nil || got.Resources[0].Error != nil {
			return false, errors.Join(err, got.Resources[0].Error)
		}
		entries := got.Resources[0].ConfigEntries
		return len(entries) == 1 && entries[0].ConfigValue == "3600000", nil
	})
}

func (t *tenant) produce(ctx context.Context, codec string) error {
	writer := &kafka.Writer{
		Addr: kafka.TCP(t.Bootstrap), Topic: "orders", Transport: t.transport(), RequiredAcks: kafka.RequireAll, BatchTimeout: 5 * time.Millisecond,
		Compression: map[string]kafka.Compression{"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}[codec],
	}
	var messages []kafka.Message
	for _, value := range t.Values(codec, t.Records) {
		messages = append(messages, kafka.Message{Key: []byte(value), Value: []byte(value)})
	}
	if err := errors.Join(writer.WriteMessages(ctx, messages...), writer.Close()); err != nil {
		return err
	}
	t.Produced += t.Records
	return nil
}

func (t *tenant) consume(ctx context.Context) (string, error) {
	in := t.Inbox()
	for _, p := range all {
		reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{t.Bootstrap}, Topic: "orders", Partition: p, Dialer: t.dialer(), MaxWait: time.Second})
		defer reader.Close()
		go read(ctx, reader, in)
	}
	return "", in.Wait(ctx, t.Produced)
}

func read(ctx context.Context, reader *kafka.Reader, in *step.Inbox) {
	for {
		m, err := reader.ReadMessage(ctx)
		if err != nil {
			return // the reader was closed, or the step's time is over, which the inbox reports
		}
		in.Add(m.Value)
	}
}

// member is a member of a group.
type member struct {
	owned step.Owned
	group *kafka.ConsumerGroup
}

func (t *tenant) join(ctx context.Context) (*member, error) {
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: "billing", Brokers: []string{t.Bootstrap}, Dialer: t.dialer(), Topics: []string{"orders"}, HeartbeatInterval: time.Second,
		StartOffset: kafka.FirstOffset, RebalanceTimeout: 10 * time.Second, JoinGroupBackoff: time.Second,
	})
	if err != nil {
		return nil, err
	}
	m := &member{group: group}
	go func() {
		for {
			generation, err := group.Next(ctx)
			if errors.Is(err, kafka.ErrGroupClosed) || ctx.Err() != nil {
				return
			}
			if err != nil {
				continue // it joins again by itself
			}
			var partitions []int32
			for _, a := range generation.Assignments["orders"] {
				partitions = append(partitions, int32(a.ID))
			}
			m.owned.Assign(true, partitions...)
			generation.Start(func(ctx context.Context) {
				<-ctx.Done()
				m.owned.Assign(true)
			})
		}
	}()
	return m, nil
}

func (t *tenant) group(ctx context.Context) (string, error) {
	first, err := t.join(ctx)
	if err != nil {
		return "", err
	}
	err = t.second(ctx, first)
	if err := errors.Join(err, first.group.Close()); err != nil {
		return "", err
	}
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{t.Bootstrap}, GroupID: "billing", Topic: "orders", Dialer: t.dialer(), StartOffset: kafka.FirstOffset, MaxWait: time.Second,
	})
	in := t.Inbox()
	go read(ctx, reader, in)
	return "", errors.Join(in.Wait(ctx, t.Produced), reader.Close())
}

// second lets a second member come and go.
func (t *tenant) second(ctx context.Context, first *member) error {
	if err := step.WaitShared(ctx, 4, &first.owned); err != nil {
		return err
	}
	second, err := t.join(ctx)
	if err != nil {
		return err
	}
	err = step.WaitShared(ctx, 4, &first.owned, &second.owned)
	if err := errors.Join(err, second.group.Close()); err != nil {
		return err
	}
	return step.WaitShared(ctx, 4, &first.owned)
}

// listed is the offsets of the topic orders that a request asks for.
func (t *tenant) listed(ctx context.Context, of func(partition int) kafka.OffsetRequest) (map[int]int64, error) {
	var requests []kafka.OffsetRequest
	for _, p := range all {
		requests = append(requests, of(p))
	}
	listed, err := t.admin.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{"orders": requests}})
	if err != nil {
		return nil, err
	}
	offsets := map[int]int64{}
	for _, p := range listed.Topics["orders"] {
		err = errors.Join(err, p.Error)
		offsets[p.Partition] = max(p.FirstOffset, p.LastOffset)
		for offset := range p.Offsets {
			offsets[p.Partition] = offset
		}
	}
	return offsets, err
}

func (t *tenant) offsets(ctx context.Context) (string, error) {
	at := func(p int) kafka.OffsetRequest { return kafka.TimeOffsetOf(p, time.UnixMilli(1)) }
	for _, reset := range []struct {
		of  func(int) kafka.OffsetRequest
		lag int
	}{{kafka.LastOffsetOf, 0}, {kafka.FirstOffsetOf, t.Produced}, {at, t.Produced}} {
		offsets, err := t.listed(ctx, reset.of)
		if err != nil {
			return "", err
		}
		var commits []kafka.OffsetCommit
		for p, offset := range offsets {
			commits = append(commits, kafka.OffsetCommit{Partition: p, Offset: offset})
		}
		answer, err := t.admin.OffsetCommit(ctx, &kafka.OffsetCommitRequest{GroupID: "ledger", GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{"orders": commits}})
		if err != nil {
			return "", err
		}
		for _, p := range answer.Topics["orders"] {
			err = errors.Join(err, p.Error)
		}
		committed, fetchError := t.admin.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: "ledger", Topics: map[string][]int{"orders": all}})
		end, endError := t.listed(ctx, kafka.LastOffsetOf)
		if err := errors.Join(err, fetchError, endError); err != nil {
			return "", err
		}
		lag := 0
		for _, p := range committed.Topics["orders"] {
			lag += int(end[p.Partition] - p.CommittedOffset)
		}
		if lag != reset.lag {
			return "", fmt.Errorf("the lag is %d, want %d", lag, reset.lag)
		}
	}
	return "", nil
}

func (t *tenant) ownNames(ctx context.Context) (string, error) {
	// Its transport keeps what it knows of topics, so ask with a new one.
	metadata, err := (&kafka.Client{Addr: t.admin.Addr, Transport: t.transport()}).Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return "", err
	}
	t.Cluster(metadata.ClusterID)
	var topics, groups []string
	for _, topic := range metadata.Topics {
		topics = append(topics, topic.Name)
	}
	listed, err := t.admin.ListGroups(ctx, &kafka.ListGroupsRequest{})
	if err != nil {
		return "", err
	}
	seen := map[string]bool{} // it asks the brokers one by one
	for _, g := range listed.Groups {
		if !seen[g.GroupID] {
			groups = append(groups, g.GroupID)
		}
		seen[g.GroupID] = true
	}
	return "", errors.Join(step.Same("topics", topics, []string{"orders", "shipments", "only-" + t.Tag}), step.Same("groups", groups, []string{"billing", "ledger"}))
}
