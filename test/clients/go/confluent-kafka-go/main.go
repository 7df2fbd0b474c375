// Command confluent-kafka-go runs the scenario with confluent-kafka-go, which is librdkafka.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"orrery.test/clients/step"
)

// tenant is the scenario with a client for its administration.
type tenant struct {
	*step.Scenario
	admin *kafka.AdminClient
}

var orders, shipments = "orders", "shipments"

func main() {
	t := &tenant{Scenario: step.Parse()}
	admin, err := kafka.NewAdminClient(t.config(nil))
	if err != nil {
		panic(err)
	}
	t.admin = admin
	t.Do("topics", t.topics)
	t.Do("configs", t.configs)
	for _, codec := range step.Codecs {
		t.Do("produce-"+codec, func(ctx context.Context) (string, error) { return "", t.produce(ctx, codec) })
	}
	t.Do("consume", t.consume)
	t.Do("classic-group", func(ctx context.Context) (string, error) {
		return "", t.group(ctx, "billing", kafka.ConfigMap{"heartbeat.interval.ms": 1000})
	})
	t.Do("kip848-group", func(ctx context.Context) (string, error) {
		return "", t.group(ctx, "billing-next", kafka.ConfigMap{"group.protocol": "consumer"})
	})
	t.Do("static-member", t.static)
	t.Do("transactions", t.transactions)
	t.Do("offsets", t.offsets)
	t.Do("delete-records", t.deleteRecords)
	t.Do("own-names", t.ownNames)
	_, library := kafka.LibraryVersion()
	t.Print("confluent-kafka-go", "github.com/confluentinc/confluent-kafka-go/v2", " (librdkafka "+library+")")
}

func (t *tenant) config(more kafka.ConfigMap) *kafka.ConfigMap {
	c := kafka.ConfigMap{
		"bootstrap.servers": t.Bootstrap, "security.protocol": "SASL_SSL", "ssl.ca.location": t.CAFile,
		"sasl.mechanisms": "PLAIN", "sasl.username": t.Key, "sasl.password": t.Secret,
	}
	for name, value := range more {
		c[name] = value
	}
	return &c
}

// failed is the error of results of the administration, nil where there is none.
func failed(err error, results ...kafka.Error) error {
	for _, r := range results {
		if r.Code() != kafka.ErrNoError {
			err = errors.Join(err, r)
		}
	}
	return err
}

func topicErrors(results []kafka.TopicResult) (list []kafka.Error) {
	for _, r := range results {
		list = append(list, r.Error)
	}
	return list
}

func (t *tenant) topics(ctx context.Context) (string, error) {
	var topics []kafka.TopicSpecification
	for name, partitions := range map[string]int{"orders": 4, "shipments": 1, "only-" + t.Tag: 1, "retired": 1} {
		topics = append(topics, kafka.TopicSpecification{Topic: name, NumPartitions: partitions})
	}
	made, err := t.admin.CreateTopics(ctx, topics)
	if err := failed(err, topicErrors(made)...); err != nil {
		return "", fmt.Errorf("creating topics: %w", err)
	}
	grown, err := t.admin.CreatePartitions(ctx, []kafka.PartitionsSpecification{{Topic: "retired", IncreaseTo: 3}})
	if err := failed(err, topicErrors(grown)...); err != nil {
		return "", fmt.Errorf("adding partitions: %w", err)
	}
	if err := step.Until(ctx, "three partitions", func() (bool, error) {
		described, err := t.admin.DescribeTopics(ctx, kafka.NewTopicCollectionOfTopicNames([]string{"retired"}))
		if err != nil {
			return false, err
		}
		topic := described.TopicDescriptions[0]
		return len(topic.Partitions) == 3, failed(nil, topic.Error)
	}); err != nil {
		return "", err
	}
	deleted, err := t.admin.DeleteTopics(ctx, []string{"retired"})
	return "", failed(err, topicErrors(deleted)...)
}

func (t *tenant) configs(ctx context.Context) (string, error) {
	resource := kafka.ConfigResource{Type: kafka.ResourceTopic, Name: "orders"}
	change := resource
	change.Config = []kafka.ConfigEntry{{Name: "retention.ms", Value: "3600000", IncrementalOperation: kafka.AlterConfigOpTypeSet}}
	altered, err := t.admin.IncrementalAlterConfigs(ctx, []kafka.ConfigResource{change})
	if err != nil {
		return "", err
	}
	if err := failed(nil, altered[0].Error); err != nil {
		return "", err
	}
	return "", step.Until(ctx, "retention.ms to be an hour", func() (bool, error) {
		described, err := t.admin.DescribeConfigs(ctx, []kafka.ConfigResource{resource})
		if err != nil {
			return false, err
		}
		return described[0].Config["retention.ms"].Value == "3600000", failed(nil, described[0].Error)
	})
}

func (t *tenant) produce(ctx context.Context, codec string) error {
	producer, err := kafka.NewProducer(t.config(kafka.ConfigMap{"enable.idempotence": true, "compression.type": codec, "linger.ms": 5}))
	if err != nil {
		return err
	}
	defer producer.Close()
	values := t.Values(codec, t.Records)
	if err := send(ctx, producer, &orders, values); err != nil {
		return err
	}
	t.Produced += len(values)
	return nil
}

// send produces values and waits for each acknowledgement.
func send(ctx context.Context, producer *kafka.Producer, topic *string, values []string) error {
	delivered := make(chan kafka.Event, len(values))
	for _, value := range values {
		m := &kafka.Message{TopicPartition: kafka.TopicPartition{Topic: topic, Partition: kafka.PartitionAny}, Key: []byte(value), Value: []byte(value)}
		if err := producer.Produce(m, delivered); err != nil {
			return err
		}
	}
	for range values {
		select {
		case e := <-delivered:
			if m, ok := e.(*kafka.Message); ok && m.TopicPartition.Error != nil {
				return m.TopicPartition.Error
			}
		case <-ctx.Done():
			return errors.New("not every record was acknowledged")
		}
	}
	return nil
}

func partitions(topic *string, offset kafka.Offset, n int32) (list []kafka.TopicPartition) {
	for p := range n {
		list = append(list, kafka.TopicPartition{Topic: topic, Partition: p, Offset: offset})
	}
	return list
}

// member is a consumer that polls.
type member struct {
	owned    step.Owned
	consumer *kafka.Consumer
	cancel   context.CancelFunc
	done     chan struct{}
}

func (t *tenant) open(more kafka.ConfigMap) (*member, error) {
	config := t.config(kafka.ConfigMap{"auto.offset.reset": "earliest", "enable.auto.commit": false})
	for name, value := range more {
		(*config)[name] = value
	}
	consumer, err := kafka.NewConsumer(config)
	return &member{consumer: consumer, done: make(chan struct{})}, err
}

// read polls until the member leaves.
func (m *member) read(ctx context.Context, in *step.Inbox) {
	ctx, m.cancel = context.WithCancel(ctx)
	go func() {
		defer close(m.done)
		for ctx.Err() == nil {
			if message, err := m.consumer.ReadMessage(50 * time.Millisecond); err == nil {
				in.Add(message.Value)
			}
			if assigned, err := m.consumer.Assignment(); err == nil {
				var list []int32
				for _, p := range assigned {
					list = append(list, p.Partition)
				}
				m.owned.Assign(true, list...)
			}
		}
	}()
}

func (m *member) leave() error {
	m.cancel()
	<-m.done
	return m.consumer.Close()
}

func (t *tenant) join(ctx context.Context, in *step.Inbox, group string, more kafka.ConfigMap) (*member, error) {
	config := kafka.ConfigMap{"group.id": group}
	for name, value := range more {
		config[name] = value
	}
	m, err := t.open(config)
	if err != nil {
		return nil, err
	}
	if err := m.consumer.Subscribe(orders, nil); err != nil {
		return nil, err
	}
	m.read(ctx, in)
	return m, nil
}

func (t *tenant) consume(ctx context.Context) (string, error) {
	m, err := t.open(kafka.ConfigMap{"group.id": "unused"})
	if err != nil {
		return "", err
	}
	if err := m.consumer.Assign(partitions(&orders, kafka.OffsetBeginning, 4)); err != nil {
		return "", err
	}
	in := t.Inbox()
	m.read(ctx, in)
	return "", errors.Join(in.Wait(ctx, t.Produced), m.leave())
}

func (t *tenant) group(ctx context.Context, name string, more kafka.ConfigMap) error {
	in := t.Inbox()
	first, err := t.join(ctx, in, name, more)
	if err != nil {
		return err
	}
	err = step.WaitShared(ctx, 4, &first.owned)
	if err == nil {
		var second *member
		if second, err = t.join(ctx, in, name, more); err == nil {
			err = step.WaitShared(ctx, 4, &first.owned, &second.owned)
			err = errors.Join(err, second.leave())
		}
	}
	if err == nil {
		err = step.WaitShared(ctx, 4, &first.owned)
	}
	if err == nil {
		err = in.Wait(ctx, t.Produced)
	}
	if err == nil {
		err = step.Until(ctx, "offsets to commit", first.commit)
	}
	return errors.Join(err, first.leave())
}

// commit reports whether there was an offset to commit: after a rebalance the member begins where the group had
// committed, and has none until it has read again.
func (m *member) commit() (bool, error) {
	_, err := m.consumer.Commit()
	var kafkaError kafka.Error
	if errors.As(err, &kafkaError) && kafkaError.Code() == kafka.ErrNoOffset {
		return false, nil
	}
	return err == nil, err
}

func (t *tenant) static(ctx context.Context) (string, error) {
	for range 2 {
		m, err := t.join(ctx, t.Inbox(), "billing-static", kafka.ConfigMap{"group.instance.id": "till-1"})
		if err != nil {
			return "", err
		}
		err = step.WaitShared(ctx, 4, &m.owned)
		if err := errors.Join(err, m.leave()); err != nil { // a static member does not say that it leaves
			return "", err
		}
	}
	described, err := t.admin.DescribeConsumerGroups(ctx, []string{"billing-static"})
	if err != nil {
		return "", err
	}
	var instances []string
	for _, m := range described.ConsumerGroupDescriptions[0].Members {
		instances = append(instances, m.GroupInstanceID)
	}
	return "", step.Same("members", instances, []string{"till-1"})
}

func (t *tenant) transactions(ctx context.Context) (string, error) {
	consumer, err := t.join(ctx, t.Inbox(), "shipping", nil)
	if err != nil {
		return "", err
	}
	defer consumer.leave()
	if err := step.WaitShared(ctx, 4, &consumer.owned); err != nil {
		return "", err
	}
	metadata, err := consumer.consumer.GetConsumerGroupMetadata()
	if err != nil {
		return "", err
	}
	producer, err := kafka.NewProducer(t.config(kafka.ConfigMap{"transactional.id": "shipper"}))
	if err != nil {
		return "", err
	}
	defer producer.Close()
	if err := producer.InitTransactions(ctx); err != nil {
		return "", err
	}
	for _, outcome := range []string{"aborted", "committed"} {
		if err := producer.BeginTransaction(); err != nil {
			return "", err
		}
		err := send(ctx, producer, &shipments, t.Values(outcome, 10))
		if err == nil {
			err = producer.SendOffsetsToTransaction(ctx, partitions(&orders, 1, 1), metadata)
		}
		if err != nil {
			return "", err
		}
		end := map[string]func(context.Context) error{"aborted": producer.AbortTransaction, "committed": producer.CommitTransaction}[outcome]
		if err := end(ctx); err != nil {
			return "", fmt.Errorf("ending the transaction: %w", err)
		}
	}
	committed, err := consumer.consumer.Committed(partitions(&orders, 0, 1), 10000)
	if err != nil || committed[0].Offset != 1 {
		return "", fmt.Errorf("the offset that was committed with the transaction is %v, want 1: %w", committed, err)
	}
	return "", t.readCommitted(ctx)
}

func (t *tenant) readCommitted(ctx context.Context) error {
	m, err := t.open(kafka.ConfigMap{"group.id": "unused", "isolation.level": "read_committed"})
	if err != nil {
		return err
	}
	defer m.consumer.Close()
	if err := m.consumer.Assign(partitions(&shipments, kafka.OffsetBeginning, 1)); err != nil {
		return err
	}
	for _, want := range t.Values("committed", 10) {
		message, err := m.consumer.ReadMessage(step.Deadline)
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", want, err)
		}
		if string(message.Value) != want {
			return fmt.Errorf("read_committed got %q, want %q", message.Value, want)
		}
	}
	return ctx.Err()
}

func (t *tenant) listed(ctx context.Context, spec kafka.OffsetSpec) (map[int32]kafka.Offset, error) {
	request := map[kafka.TopicPartition]kafka.OffsetSpec{}
	for _, p := range partitions(&orders, 0, 4) {
		request[p] = spec
	}
	listed, err := t.admin.ListOffsets(ctx, request)
	offsets := map[int32]kafka.Offset{}
	for p, info := range listed.ResultInfos {
		offsets[p.Partition] = info.Offset
		err = failed(err, info.Error)
	}
	return offsets, err
}

func (t *tenant) offsets(ctx context.Context) (string, error) {
	for _, reset := range []struct {
		spec kafka.OffsetSpec
		lag  int
	}{{kafka.LatestOffsetSpec, 0}, {kafka.EarliestOffsetSpec, t.Produced}, {kafka.NewOffsetSpecForTimestamp(1), t.Produced}} {
		offsets, err := t.listed(ctx, reset.spec)
		if err != nil {
			return "", err
		}
		to := partitions(&orders, 0, 4)
		for i := range to {
			to[i].Offset = offsets[to[i].Partition]
		}
		if _, err := t.admin.AlterConsumerGroupOffsets(ctx, []kafka.ConsumerGroupTopicPartitions{{Group: "ledger", Partitions: to}}); err != nil {
			return "", err
		}
		committed, err := t.admin.ListConsumerGroupOffsets(ctx, []kafka.ConsumerGroupTopicPartitions{{Group: "ledger"}})
		if err != nil {
			return "", err
		}
		end, err := t.listed(ctx, kafka.LatestOffsetSpec)
		if err != nil {
			return "", err
		}
		lag := 0
		for _, p := range committed.ConsumerGroupsTopicPartitions[0].Partitions {
			lag += int(end[p.Partition] - p.Offset)
		}
		if lag != reset.lag {
			return "", fmt.Errorf("the lag is %d, want %d", lag, reset.lag)
		}
	}
	return "", nil
}

func (t *tenant) deleteRecords(ctx context.Context) (string, error) {
	deleted, err := t.admin.DeleteRecords(ctx, partitions(&orders, 5, 1))
	if err == nil {
		err = deleted.DeleteRecordsResults[0].TopicPartition.Error
	}
	if err != nil {
		return "", err
	}
	first, err := t.listed(ctx, kafka.EarliestOffsetSpec)
	if err == nil && first[0] != 5 {
		err = fmt.Errorf("the partition starts at %d, want 5", first[0])
	}
	return "", err
}

func (t *tenant) ownNames(ctx context.Context) (string, error) {
	metadata, err := t.admin.GetMetadata(nil, true, 10000)
	if err != nil {
		return "", err
	}
	var topics, groups []string
	for name := range metadata.Topics {
		topics = append(topics, name)
	}
	listed, err := t.admin.ListConsumerGroups(ctx)
	if err := errors.Join(append(listed.Errors, err)...); err != nil {
		return "", err
	}
	for _, g := range listed.Valid {
		groups = append(groups, g.GroupID)
	}
	id, err := t.admin.ClusterID(ctx)
	t.Cluster(id)
	return "", errors.Join(err,
		step.Same("topics", topics, []string{"orders", "shipments", "only-" + t.Tag}),
		step.Same("groups", groups, []string{"billing", "billing-next", "billing-static", "ledger", "shipping"}))
}
