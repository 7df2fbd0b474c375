package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/orrery-kafka/orrery/test/bench/job"
)

// options are those of a franz-go client on a path.
func (d *dialer) options(more ...kgo.Opt) []kgo.Opt {
	return append(more, kgo.SeedBrokers(d.path.Address), kgo.Dialer(d.dial), kgo.DisableClientMetrics(),
		kgo.SASL(plain.Auth{User: d.path.User, Pass: d.path.Password}.AsMechanism()))
}

// randomValue is the value of a record, which nothing on the way could shorten.
func randomValue(size int) []byte {
	value := make([]byte, size)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(value) // it cannot fail
	return value
}

// producers are idempotent clients, acks=all, without compression, that fill the partitions in turn. What they have to
// send always waits, so batches are as large as the client makes them (1,000,012 bytes).
type producers struct {
	job     job.Job
	dialer  *dialer
	clients []*kgo.Client
	value   []byte

	records, batches atomic.Int64
}

// OnProduceBatchWritten counts what franz-go sends (kgo.HookProduceBatchWritten).
func (p *producers) OnProduceBatchWritten(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.ProduceBatchMetrics) {
	p.batches.Add(1)
}

// prepare produces one record of each client to each partition: then connections, producer ids and sequences are there.
func (p *producers) prepare(ctx context.Context) (job.Ready, error) {
	p.value = randomValue(job.RecordBytes)
	for range p.job.Clients {
		client, err := kgo.NewClient(p.dialer.options(kgo.DefaultProduceTopic(p.job.Topic), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.WithHooks(p),
			kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))...)
		if err != nil {
			return job.Ready{}, err
		}
		p.clients = append(p.clients, client)
		first := make([]*kgo.Record, p.job.Partitions)
		for n := range first {
			first[n] = &kgo.Record{Value: p.value}
		}
		if err := client.ProduceSync(ctx, first...).FirstErr(); err != nil {
			return job.Ready{}, err
		}
	}
	p.batches.Store(0)
	return job.Ready{Prepared: int64(p.job.Partitions) * int64(p.job.Clients)}, nil
}

func (p *producers) do(ctx context.Context, _ <-chan struct{}) (job.Result, error) {
	var producing sync.WaitGroup
	var failed atomic.Pointer[error]
	acknowledged := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.CompareAndSwap(nil, &err)
			return
		}
		p.records.Add(1)
	}
	for n, client := range p.clients {
		share := p.job.Records / int64(len(p.clients))
		if n == 0 {
			share += p.job.Records % int64(len(p.clients))
		}
		producing.Go(func() {
			for range share {
				client.Produce(ctx, &kgo.Record{Value: p.value}, acknowledged)
			}
			if err := client.Flush(ctx); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	producing.Wait()
	if err := failed.Load(); err != nil {
		return job.Result{}, *err
	}
	if got := p.records.Load(); got != p.job.Records {
		return job.Result{}, fmt.Errorf("%d of %d records were acknowledged", got, p.job.Records)
	}
	return job.Result{Records: p.job.Records, Batches: p.batches.Load()}, nil
}

func (p *producers) close() {
	for _, client := range p.clients {
		client.Close()
	}
}

// consumer reads a topic from its beginning to its end with one client.
type consumer struct {
	job    job.Job
	dialer *dialer
	client *kgo.Client
}

func (c *consumer) prepare(ctx context.Context) (job.Ready, error) {
	var err error
	if c.client, err = kgo.NewClient(c.dialer.options()...); err != nil {
		return job.Ready{}, err
	}
	// The metadata of the topic, so that the broker is known.
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{{Topic: &c.job.Topic}}
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return job.Ready{}, err
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != int(c.job.Partitions) {
		return job.Ready{}, fmt.Errorf("the topic %s does not have %d partitions: %+v", c.job.Topic, c.job.Partitions, response.Topics)
	}
	return job.Ready{}, nil
}

func (c *consumer) do(ctx context.Context, _ <-chan struct{}) (job.Result, error) {
	began := time.Now()
	from := map[int32]kgo.Offset{}
	for partition := range c.job.Partitions {
		from[partition] = kgo.NewOffset().AtStart()
	}
	c.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{c.job.Topic: from})
	next := make([]int64, c.job.Partitions)
	var wrong error
	for read := int64(0); read < c.job.Records && wrong == nil; {
		fetches := c.client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return job.Result{}, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset != next[r.Partition] || len(r.Value) != job.RecordBytes {
				wrong = fmt.Errorf("partition %d: a record of %d bytes at offset %d, expected %d bytes at %d", r.Partition, len(r.Value), r.Offset, job.RecordBytes, next[r.Partition])
			}
			next[r.Partition]++
			read++
		})
	}
	return job.Result{Took: time.Since(began), Records: c.job.Records}, wrong
}

func (c *consumer) close() { c.client.Close() }
