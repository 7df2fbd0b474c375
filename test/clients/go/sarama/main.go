// Command sarama runs the scenario with IBM/sarama.
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"orrery.test/clients/step"
)

// tenant is the scenario with a client for its administration.
type tenant struct {
	*step.Scenario
	admin sarama.ClusterAdmin
}

func main() {
	t := &tenant{Scenario: step.Parse()}
	admin, err := sarama.NewClusterAdmin([]string{t.Bootstrap}, t.config())
	if err != nil {
		panic(err)
	}
	t.admin = admin
	t.Do("topics", t.topics)
	t.Do("configs", t.configs)
	for _, codec := range step.Codecs {
		t.Do("produce-"+codec, func(context.Context) (string, error) { return "", t.produce(codec) })
	}
	t.Do("consume", t.consume)
	t.Do("classic-group", t.group)
	t.Lacks("it has no KIP-848 consumer", "kip848-group")
	t.Do("static-member", t.static)
	t.Do("transactions", t.transactions)
	t.Do("offsets", t.offsets)
	t.Do("delete-records", t.deleteRecords)
	t.Do("own-names", t.ownNames)
	t.Print("sarama", "github.com/IBM/sarama", "")
}

func (t *tenant) config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Net.TLS.Enable, c.Net.TLS.Config = true, t.TLS()
	c.Net.SASL.Enable, c.Net.SASL.User, c.Net.SASL.Password = true, t.Key, t.Secret
	c.Producer.Return.Successes = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Group.Heartbeat.Interval = time.Second
	return c
}

func (t *tenant) topics(ctx context.Context) (string, error) {
	for name, partitions := range map[string]int32{"orders": 4, "shipments": 1, "only-" + t.Tag: 1, "retired": 1} {
		if err := t.admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: -1}, false); err != nil {
			return "", fmt.Errorf("creating %s: %w", name, err)
		}
	}
	if err := t.admin.CreatePartitions("retired", 3, nil, false); err != nil {
		return "", fmt.Errorf("adding partitions: %w", err)
	}
	if err := step.Until(ctx, "three partitions", func() (bool, error) {
		described, err := t.admin.DescribeTopics([]string{"retired"})
		return err == nil && len(described[0].Partitions) == 3, err
	}); err != nil {
		return "", err
	}
	return "", t.admin.DeleteTopic("retired")
}

func (t *tenant) configs(ctx context.Context) (string, error) {
	hour := "3600000"
	if err := t.admin.IncrementalAlterConfig(sarama.TopicResource, "orders", map[string]sarama.IncrementalAlterConfigsEntry{
		"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &hour},
	}, false); err != nil {
		return "", err
	}
	return "", step.Until(ctx, "retention.ms to be an hour", func() (bool, error) {
		entries, err := t.admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: "orders"})
		return slices.ContainsFunc(entries, func(e sarama.ConfigEntry) bool { return e.Name == "retention.ms" && e.Value == hour }), err
	})
}

func (t *tenant) produce(codec string) error {
	c := t.config()
	c.Producer.Idempotent, c.Net.MaxOpenRequests = true, 1
	c.Producer.Compression = map[string]sarama.CompressionCodec{
		"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}[codec]
	producer, err := sarama.NewSyncProducer([]string{t.Bootstrap}, c)
	if err != nil {
		return err
	}
	var messages []*sarama.ProducerMessage
	for _, value := range t.Values(codec, t.Records) {
		messages = append(messages, &sarama.ProducerMessage{Topic: "orders", Key: sarama.StringEncoder(value), Value: sarama.StringEncoder(value)})
	}
	if err := errors.Join(producer.SendMessages(messages), producer.Close()); err != nil {
		return err
	}
	t.Produced += t.Records
	return nil
}

func (t *tenant) consume(ctx context.Context) (string, error) {
	consumer, err := sarama.NewConsumer([]string{t.Bootstrap}, t.config())
	if err != nil {
		return "", err
	}
	defer consumer.Close()
	partitions, err := consumer.Partitions("orders")
	if err != nil {
		return "", err
	}
	in := t.Inbox()
	for _, p := range partitions {
		reader, err := consumer.ConsumePartition("orders", p, sarama.OffsetOldest)
		if err != nil {
			return "", err
		}
		defer reader.Close()
		go func() {
			for m := range reader.Messages() {
				in.Add(m.Value)
			}
		}()
	}
	return "", in.Wait(ctx, t.Produced)
}

// member is a member of a group.
type member struct {
	owned  step.Owned
	in     *step.Inbox
	group  sarama.ConsumerGroup
	cancel context.CancelFunc
	done   chan error
}

func (t *tenant) join(ctx context.Context, in *step.Inbox, name, instance string) (*member, error) {
	c := t.config()
	c.Consumer.Group.InstanceId = instance
	group, err := sarama.NewConsumerGroup([]string{t.Bootstrap}, name, c)
	if err != nil {
		return nil, err
	}
	m := &member{in: in, group: group, done: make(chan error, 1)}
	ctx, m.cancel = context.WithCancel(ctx)
	go func() {
		var err error
		for err == nil && ctx.Err() == nil {
			err = group.Consume(ctx, []string{"orders"}, m)
		}
		m.done <- err
	}()
	return m, nil
}

func (m *member) leave() error {
	m.cancel()
	return errors.Join(<-m.done, m.group.Close())
}

// Setup is called when the member got its partitions.
func (m *member) Setup(s sarama.ConsumerGroupSession) error {
	m.owned.Assign(true, s.Claims()["orders"]...)
	return nil
}

// Cleanup is called when the member's partitions are taken back.
func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	m.owned.Assign(true)
	return nil
}

// ConsumeClaim reads one partition.
func (m *member) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		m.in.Add(message.Value)
		s.MarkMessage(message, "")
	}
	return nil
}

func (t *tenant) group(ctx context.Context) (string, error) {
	in := t.Inbox()
	first, err := t.join(ctx, in, "billing", "")
	if err != nil {
		return "", err
	}
	err = step.WaitShared(ctx, 4, &first.owned)
	if err == nil {
		err = t.second(ctx, in, first)
	}
	if err == nil {
		err = in.Wait(ctx, t.Produced)
	}
	return "", errors.Join(err, first.leave())
}

// second lets a second member come and go.
func (t *tenant) second(ctx context.Context, in *step.Inbox, first *member) error {
	second, err := t.join(ctx, in, "billing", "")
	if err != nil {
		return err
	}
	err = step.WaitShared(ctx, 4, &first.owned, &second.owned)
	if err := errors.Join(err, second.leave()); err != nil {
		return err
	}
	return step.WaitShared(ctx, 4, &first.owned)
}

func (t *tenant) static(ctx context.Context) (string, error) {
	for range 2 {
		m, err := t.join(ctx, t.Inbox(), "billing-static", "till-1")
		if err != nil {
			return "", err
		}
		err = step.WaitShared(ctx, 4, &m.owned)
		if err := errors.Join(err, m.leave()); err != nil { // a static member does not say that it leaves
			return "", err
		}
	}
	described, err := t.admin.DescribeConsumerGroups([]string{"billing-static"})
	if err != nil {
		return "", err
	}
	var instances []string
	for _, m := range described[0].Members {
		if m.GroupInstanceId != nil {
			instances = append(instances, *m.GroupInstanceId)
		}
	}
	return "", step.Same("members", instances, []string{"till-1"})
}

func (t *tenant) transactions(ctx context.Context) (string, error) {
	c := t.config()
	c.Producer.Idempotent, c.Net.MaxOpenRequests, c.Producer.Transaction.ID = true, 1, "shipper"
	producer, err := sarama.NewSyncProducer([]string{t.Bootstrap}, c)
	if err != nil {
		return "", err
	}
	defer producer.Close()
	for _, outcome := range []string{"aborted", "committed"} {
		if err := producer.BeginTxn(); err != nil {
			return "", err
		}
		for _, value := range t.Values(outcome, 10) {
			if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "shipments", Value: sarama.StringEncoder(value)}); err != nil {
				return "", err
			}
		}
		offsets := map[string][]*sarama.PartitionOffsetMetadata{"orders": {{Partition: 0, Offset: 1, LeaderEpoch: -1}}}
		if err := producer.AddOffsetsToTxn(offsets, "shipping"); err != nil {
			return "", err
		}
		end := map[string]func() error{"aborted": producer.AbortTxn, "committed": producer.CommitTxn}[outcome]
		if err := end(); err != nil {
			return "", fmt.Errorf("ending the transaction: %w", err)
		}
	}
	err = step.Until(ctx, "the offset that was committed with the transaction", func() (bool, error) { // a marker may take a moment to arrive
		committed, err := t.admin.ListConsumerGroupOffsets("shipping", map[string][]int32{"orders": {0}})
		if err != nil {
			return false, err
		}
		block := committed.GetBlock("orders", 0)
		return block != nil && block.Offset == 1, nil
	})
	if err != nil {
		return "", err
	}
	return "the offset is given, and without a member: the client sends the name of the group only", t.readCommitted(ctx)
}

func (t *tenant) readCommitted(ctx context.Context) error {
	c := t.config()
	c.Consumer.IsolationLevel = sarama.ReadCommitted
	consumer, err := sarama.NewConsumer([]string{t.Bootstrap}, c)
	if err != nil {
		return err
	}
	defer consumer.Close()
	reader, err := consumer.ConsumePartition("shipments", 0, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	defer reader.Close()
	for _, want := range t.Values("committed", 10) {
		select {
		case m := <-reader.Messages():
			if string(m.Value) != want {
				return fmt.Errorf("read_committed got %q, want %q", m.Value, want)
			}
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s", want)
		}
	}
	return nil
}

// listed is the offsets of the topic orders at a time.
func (t *tenant) listed(at int64) (map[int32]int64, error) {
	listed, err := t.admin.ListOffsets(map[string]map[int32]int64{"orders": {0: at, 1: at, 2: at, 3: at}}, nil)
	if err != nil {
		return nil, err
	}
	offsets := map[int32]int64{}
	for p, o := range listed["orders"] {
		offsets[p] = o.Offset
		if !errors.Is(o.Err, sarama.ErrNoError) {
			err = errors.Join(err, o.Err)
		}
	}
	return offsets, err
}

func (t *tenant) offsets(context.Context) (string, error) {
	for _, reset := range []struct{ at, lag int64 }{{sarama.OffsetNewest, 0}, {sarama.OffsetOldest, int64(t.Produced)}, {1, int64(t.Produced)}} {
		offsets, err := t.listed(reset.at)
		if err != nil {
			return "", err
		}
		to := map[int32]sarama.OffsetAndMetadata{}
		for p, offset := range offsets {
			to[p] = sarama.OffsetAndMetadata{Offset: offset, LeaderEpoch: -1}
		}
		if _, err := t.admin.AlterConsumerGroupOffsets("ledger", map[string]map[int32]sarama.OffsetAndMetadata{"orders": to}, nil); err != nil {
			return "", err
		}
		committed, err := t.admin.ListConsumerGroupOffsets("ledger", map[string][]int32{"orders": {0, 1, 2, 3}})
		if err != nil {
			return "", err
		}
		end, err := t.listed(sarama.OffsetNewest)
		if err != nil {
			return "", err
		}
		var lag int64
		for p, block := range committed.Blocks["orders"] {
			lag += end[p] - block.Offset
		}
		if lag != reset.lag || len(end) != 4 {
			return "", fmt.Errorf("the lag is %d, want %d", lag, reset.lag)
		}
	}
	return "", nil
}

func (t *tenant) deleteRecords(context.Context) (string, error) {
	if err := t.admin.DeleteRecords("orders", map[int32]int64{0: 5}); err != nil {
		return "", err
	}
	first, err := t.listed(sarama.OffsetOldest)
	if err == nil && first[0] != 5 {
		err = fmt.Errorf("the partition starts at %d, want 5", first[0])
	}
	return "", err
}

func (t *tenant) ownNames(context.Context) (string, error) {
	topics, err := t.admin.ListTopics()
	if err != nil {
		return "", err
	}
	groups, err := t.admin.ListConsumerGroups()
	if err != nil {
		return "", err
	}
	return "", errors.Join(
		step.Same("topics", slices.Collect(maps.Keys(topics)), []string{"orders", "shipments", "only-" + t.Tag}),
		step.Same("groups", slices.Collect(maps.Keys(groups)), []string{"billing", "billing-static", "ledger", "shipping"}))
}
