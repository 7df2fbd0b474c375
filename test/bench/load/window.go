package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/test/bench/job"
)

// answered counts the bytes of requests and responses of one key, once a request is answered (kgo.HookBrokerE2E).
type answered struct {
	key          int16
	sent, got, n atomic.Int64
}

// OnBrokerE2E is told of every request with its response, as they are on the wire within TLS.
func (a *answered) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e kgo.BrokerE2E) {
	if key == a.key && e.Err() == nil {
		a.sent.Add(int64(e.BytesWritten))
		a.got.Add(int64(e.BytesRead))
		a.n.Add(1)
	}
}

// largeBatch is from which size on values are of 50 kB; a smaller batch has one record.
const largeBatch = 200_000

// valueOf is how long values are that fill a batch.
func valueOf(batch int) int {
	if batch >= largeBatch {
		return 50_000
	}
	return batch - 200
}

// bufferedBytes is how much waits for its turn in a client that writes without end.
const bufferedBytes = 8_000_000

// writer produces as fast as one client can for the duration of the job.
type writer struct {
	job    job.Job
	dialer *dialer
	client *kgo.Client
	value  []byte
	answered
}

func (w *writer) prepare(ctx context.Context) (_ job.Ready, err error) {
	w.key, w.value = kmsg.Produce.Int16(), randomValue(valueOf(w.job.Batch))
	w.client, err = kgo.NewClient(w.dialer.options(kgo.DefaultProduceTopic(w.job.Topic), kgo.WithHooks(&w.answered), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(int32(w.job.Batch)), kgo.MaxBufferedBytes(bufferedBytes))...)
	if err != nil {
		return job.Ready{}, err
	}
	return job.Ready{Prepared: 1}, w.client.ProduceSync(ctx, &kgo.Record{Value: w.value}).FirstErr()
}

func (w *writer) do(ctx context.Context, _ <-chan struct{}) (job.Result, error) {
	before, began := w.sent.Load(), time.Now()
	ended, end := context.WithTimeout(ctx, w.job.Duration)
	defer end()
	var failed atomic.Pointer[error]
	for ended.Err() == nil && failed.Load() == nil {
		w.client.Produce(ended, &kgo.Record{Value: w.value}, func(_ *kgo.Record, err error) {
			if err != nil && ended.Err() == nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	if err := failed.Load(); err != nil {
		return job.Result{}, *err
	}
	sent := w.sent.Load() - before
	return job.Result{Took: time.Since(began), Bytes: sent, Requests: w.n.Load()}, nil
}

func (w *writer) close() {
	if w.client != nil {
		w.client.Close()
	}
}

// reader reads a topic with one partition for the duration of the job, from the beginning again and again.
type reader struct {
	job    job.Job
	dialer *dialer
	client *kgo.Client
	answered
}

const (
	// readBytes is how many a fetch with small batches may bring.
	readBytes = 64 << 10
	// readWait is how long a fetch waits at the end of the topic, which keeps the next one waiting too.
	readWait = 100 * time.Millisecond
)

func (r *reader) prepare(ctx context.Context) (_ job.Ready, err error) {
	r.key = kmsg.Fetch.Int16()
	options := []kgo.Opt{kgo.WithHooks(&r.answered), kgo.FetchMaxWait(readWait)}
	if r.job.Batch < largeBatch {
		options = append(options, kgo.FetchMaxBytes(readBytes), kgo.FetchMaxPartitionBytes(readBytes))
	}
	if r.client, err = kgo.NewClient(r.dialer.options(options...)...); err != nil {
		return job.Ready{}, err
	}
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{{Topic: &r.job.Topic}}
	response, err := request.RequestWith(ctx, r.client)
	if err == nil && (len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1) {
		err = fmt.Errorf("the topic %s does not have one partition: %+v", r.job.Topic, response.Topics)
	}
	return job.Ready{}, err
}

func (r *reader) do(ctx context.Context, _ <-chan struct{}) (job.Result, error) {
	began := time.Now()
	ended, end := context.WithTimeout(ctx, r.job.Duration)
	defer end()
	r.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{r.job.Topic: {0: kgo.NewOffset().AtStart()}})
	for ended.Err() == nil {
		fetches := r.client.PollFetches(ended)
		if err := fetches.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return job.Result{}, err
		}
		last := int64(-1)
		fetches.EachRecord(func(record *kgo.Record) { last = record.Offset })
		if last+1 >= r.job.Records {
			r.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{r.job.Topic: {0: {Epoch: -1, Offset: 0}}})
		}
	}
	got := r.got.Load()
	return job.Result{Took: time.Since(began), Bytes: got, Requests: r.n.Load()}, nil
}

func (r *reader) close() {
	if r.client != nil {
		r.client.Close()
	}
}
