// Command franz-go runs the scenario with franz-go.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"orrery.test/clients/step"
)

// tenant is the scenario with a client for its administration.
type tenant struct {
	*step.Scenario
	admin *kadm.Client
}

func main() {
	t := &tenant{Scenario: step.Parse()}
	t.admin = kadm.NewClient(t.client())
	t.Do("topics", t.topics)
	t.Do("configs", t.configs)
	for _, codec := range step.Codecs {
		t.Do("produce-"+codec, func(ctx context.Context) (string, error) { return "", t.produce(ctx, codec) })
	}
	t.Do("consume", t.consume)
	t.Do("classic-group", func(ctx context.Context) (string, error) { return "", t.group(ctx, "billing") })
	t.Do("kip848-group", func(ctx context.Context) (string, error) {
		return "", t.group(ctx, "billing-next", kgo.ServerSideBalancer())
	})
	t.Do("static-member", t.static)
	t.Do("transactions", t.transactions)
	t.Do("offsets", t.offsets)
	t.Do("delete-records", t.deleteRecords)
	t.Do("own-names", t.ownNames)
	t.Print("franz-go", "github.com/twmb/franz-go", "")
}

func (t *tenant) client(options ...kgo.Opt) *kgo.Client {
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(t.Bootstrap), kgo.DialTLSConfig(t.TLS()),
		kgo.SASL(plain.Auth{User: t.Key, Pass: t.Secret}.AsMechanism()),
	}, options...)...)
	if err != nil {
		panic(err)
	}
	return c
}

func (t *tenant) topics(ctx context.Context) (string, error) {
	for name, partitions := range map[string]int32{"orders": 4, "shipments": 1, "only-" + t.Tag: 1, "retired": 1} {
		if _, err := t.admin.CreateTopic(ctx, partitions, -1, nil, name); err != nil {
			return "", fmt.Errorf("creating %s: %w", name, err)
		}
	}
	grown, err := t.admin.CreatePartitions(ctx, 2, "retired")
	if err := errors.Join(err, grown.Error()); err != nil {
		return "", fmt.Errorf("adding partitions: %w", err)
	}
	if err := step.Until(ctx, "three partitions", func() (bool, error) {
		list, err := t.admin.ListTopics(ctx, "retired")
		return len(list["retired"].Partitions) == 3, err
	}); err != nil {
		return "", err
	}
	_, err = t.admin.DeleteTopic(ctx, "retired")
	return "", err
}

func (t *tenant) configs(ctx context.Context) (string, error) {
	hour := "3600000"
	altered, err := t.admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &hour}}, "orders")
	if err != nil {
		return "", err
	}
	if _, err := altered.On("orders", nil); err != nil {
		return "", err
	}
	return "", step.Until(ctx, "retention.ms to be an hour", func() (bool, error) {
		described, err := t.admin.DescribeTopicConfigs(ctx, "orders")
		if err != nil {
			return false, err
		}
		topic, err := described.On("orders", nil)
		for _, c := range topic.Configs {
			if c.Key == "retention.ms" && c.MaybeValue() == hour {
				return true, err
			}
		}
		return false, err
	})
}

func (t *tenant) produce(ctx context.Context, codec string) error {
	c := t.client(kgo.DefaultProduceTopic("orders"), kgo.ProducerBatchCompression(map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[codec]))
	defer c.Close()
	var records []*kgo.Record
	for _, value := range t.Values(codec, t.Records) {
		records = append(records, kgo.KeyStringRecord(value, value))
	}
	if err := c.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	t.Produced += t.Records
	return nil
}

// drain polls until the context ends.
func drain(ctx context.Context, c *kgo.Client, in *step.Inbox) {
	for ctx.Err() == nil {
		c.PollFetches(ctx).EachRecord(func(r *kgo.Record) { in.Add(r.Value) })
	}
}

func (t *tenant) consume(ctx context.Context) (string, error) {
	c := t.client(kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer c.Close()
	in := t.Inbox()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go drain(ctx, c, in)
	return "", in.Wait(ctx, t.Produced)
}

// member is a member of a group that polls.
type member struct {
	owned  step.Owned
	client *kgo.Client
	cancel context.CancelFunc
	done   chan struct{}
}

func (t *tenant) join(ctx context.Context, in *step.Inbox, group string, options ...kgo.Opt) *member {
	m := &member{done: make(chan struct{})}
	ctx, m.cancel = context.WithCancel(ctx)
	lost := func(_ context.Context, _ *kgo.Client, p map[string][]int32) { m.owned.Revoke(p["orders"]...) }
	m.client = t.client(append([]kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, p map[string][]int32) { m.owned.Assign(false, p["orders"]...) }),
		kgo.OnPartitionsRevoked(lost), kgo.OnPartitionsLost(lost), kgo.HeartbeatInterval(time.Second),
	}, options...)...)
	go func() { defer close(m.done); drain(ctx, m.client, in) }()
	return m
}

func (m *member) leave() {
	m.cancel()
	<-m.done
	m.client.Close()
}

func (t *tenant) group(ctx context.Context, group string, options ...kgo.Opt) error {
	in := t.Inbox()
	first := t.join(ctx, in, group, options...)
	defer first.leave()
	if err := step.WaitShared(ctx, 4, &first.owned); err != nil {
		return err
	}
	second := t.join(ctx, in, group, options...)
	err := step.WaitShared(ctx, 4, &first.owned, &second.owned)
	second.leave()
	if err != nil {
		return err
	}
	if err := step.WaitShared(ctx, 4, &first.owned); err != nil {
		return fmt.Errorf("after one left: %w", err)
	}
	if err := in.Wait(ctx, t.Produced); err != nil {
		return err
	}
	return first.client.CommitUncommittedOffsets(ctx)
}

func (t *tenant) static(ctx context.Context) (string, error) {
	for range 2 {
		m := t.join(ctx, t.Inbox(), "billing-static", kgo.InstanceID("till-1"))
		err := step.WaitShared(ctx, 4, &m.owned)
		m.leave() // a static member does not say that it leaves
		if err != nil {
			return "", err
		}
	}
	described, err := t.admin.DescribeGroups(ctx, "billing-static")
	if err != nil {
		return "", err
	}
	members := described["billing-static"].Members
	if len(members) != 1 || members[0].InstanceID == nil || *members[0].InstanceID != "till-1" {
		return "", fmt.Errorf("the group's members are %+v, want till-1 alone", members)
	}
	return "", nil
}

func (t *tenant) transactions(ctx context.Context) (string, error) {
	s, err := kgo.NewGroupTransactSession(append(t.client().Opts(),
		kgo.TransactionalID("shipper"), kgo.ConsumerGroup("shipping"), kgo.ConsumeTopics("orders"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DefaultProduceTopic("shipments"))...)
	if err != nil {
		return "", err
	}
	defer s.Close()
	for _, commit := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		for read := 0; read == 0 && ctx.Err() == nil; {
			read = s.PollFetches(ctx).NumRecords()
		}
		if err := s.Begin(); err != nil {
			return "", err
		}
		for _, value := range t.Values(map[kgo.TransactionEndTry]string{kgo.TryAbort: "aborted", kgo.TryCommit: "committed"}[commit], 10) {
			if err := s.ProduceSync(ctx, kgo.StringRecord(value)).FirstErr(); err != nil {
				return "", err
			}
		}
		committed, err := s.End(ctx, commit)
		if err != nil || committed != bool(commit) {
			return "", fmt.Errorf("ending the transaction: committed %v, want %v: %w", committed, commit, err)
		}
	}
	err = step.Until(ctx, "the offset that was committed with the transaction", func() (bool, error) { // a marker may take a moment to arrive
		offsets, err := t.admin.FetchOffsets(ctx, "shipping")
		return len(offsets["orders"]) > 0, err
	})
	if err != nil {
		return "", err
	}
	return "", t.readCommitted(ctx)
}

func (t *tenant) readCommitted(ctx context.Context) error {
	c := t.client(kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"shipments": {0: kgo.NewOffset().AtStart()}}))
	defer c.Close()
	for got := 0; got < 10; {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("got %d committed records of 10: %w", got, err)
		}
		for _, r := range fetches.Records() {
			if want := fmt.Sprintf("%s-committed-%d", t.Tag, got); string(r.Value) != want {
				return fmt.Errorf("read_committed got %q, want %q", r.Value, want)
			}
			got++
		}
	}
	return nil
}

func (t *tenant) offsets(ctx context.Context) (string, error) {
	for _, reset := range []struct {
		list func(context.Context, ...string) (kadm.ListedOffsets, error)
		lag  int64
	}{
		{t.admin.ListEndOffsets, 0}, {t.admin.ListStartOffsets, int64(t.Produced)},
		{func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
			return t.admin.ListOffsetsAfterMilli(ctx, 1, topics...)
		}, int64(t.Produced)},
	} {
		listed, err := reset.list(ctx, "orders")
		if err := errors.Join(err, listed.Error()); err != nil {
			return "", err
		}
		if err := t.admin.CommitAllOffsets(ctx, "ledger", listed.Offsets()); err != nil {
			return "", err
		}
		lags, err := t.admin.Lag(ctx, "ledger")
		if err := errors.Join(err, lags.Error()); err != nil {
			return "", err
		}
		if got := lags["ledger"].Lag.Total(); got != reset.lag {
			return "", fmt.Errorf("the lag is %d, want %d", got, reset.lag)
		}
	}
	return "", nil
}

func (t *tenant) deleteRecords(ctx context.Context) (string, error) {
	var before kadm.Offsets
	before.AddOffset("orders", 0, 5, -1)
	answer, err := t.admin.DeleteRecords(ctx, before)
	if err := errors.Join(err, answer.Error()); err != nil {
		return "", err
	}
	listed, err := t.admin.ListStartOffsets(ctx, "orders")
	if err != nil {
		return "", err
	}
	if start, _ := listed.Lookup("orders", 0); start.Offset != 5 {
		return "", fmt.Errorf("the partition starts at %d, want 5", start.Offset)
	}
	return "", nil
}

func (t *tenant) ownNames(ctx context.Context) (string, error) {
	topics, err := t.admin.ListTopics(ctx)
	if err != nil {
		return "", err
	}
	groups, err := t.admin.ListGroups(ctx)
	if err != nil {
		return "", err
	}
	metadata, err := t.admin.BrokerMetadata(ctx)
	if err != nil {
		return "", err
	}
	t.Cluster(metadata.Cluster)
	return "", errors.Join(
		step.Same("topics", topics.Names(), []string{"orders", "shipments", "only-" + t.Tag}),
		step.Same("groups", groups.Groups(), []string{"billing", "billing-next", "billing-static", "ledger", "shipping"}))
}
