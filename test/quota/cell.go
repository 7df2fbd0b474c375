package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/test/bench/job"
	"github.com/orrery-kafka/orrery/test/bench/rig"
)

// The clients.
const (
	franz   = "franz-go"
	librd   = "librdkafka"
	java    = "Java"
	small   = 4 << 10
	large   = megabyte
	reserve = 200 // of a batch and its request, beside the value
)

// cell is one way to use a tenant's bytes.
type cell struct {
	client string
	kind   job.Kind // Write or Read
	batch  int
}

func (c cell) String() string {
	return fmt.Sprintf("%s, %s, batches of %s", c.client, c.kind, size(c.batch))
}

func size(n int) string {
	if n >= megabyte {
		return fmt.Sprintf("%d MB", n/megabyte)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// target is a tenant with a topic of one partition, which has so many records.
type target struct {
	id      string
	key     job.Login
	records int64
}

const topic = "stream"

// target makes a tenant of what a cell wants. Rate limits it both ways; 0 does not.
func (b *bench) target(ctx context.Context, c cell, rate int64) (target, error) {
	id := b.nextTenant()
	key, err := b.rig.Tenant(ctx, id, orrery.TypeBasic, orrery.Quotas{IngressBytesPerSecond: rate, EgressBytesPerSecond: rate})
	if err != nil {
		return target{}, err
	}
	t, name := target{id: id, key: key}, id+"_"+topic
	if err := create(ctx, b.rig, name, 1); err != nil {
		return target{}, err
	}
	if c.kind == job.Read {
		t.records, err = b.fill(ctx, name, c.batch)
	}
	return t, err
}

// create makes a topic, by its name at the broker, and returns once the broker takes requests for it.
func create(ctx context.Context, r *rig.Rig, name string, partitions int32) error {
	config := map[string]*string{"retention.bytes": kadm.StringPtr("800000000"), "segment.bytes": kadm.StringPtr("200000000")}
	if _, err := r.Admin.CreateTopic(ctx, partitions, 1, config, name); err != nil {
		return fmt.Errorf("create a topic: %w", err)
	}
	return rig.Poll(ctx, func() error {
		ends, err := r.Admin.ListEndOffsets(ctx, name)
		return errors.Join(err, ends.Error())
	})
}

// discard deletes a tenant's topics, so that the disk does not fill.
func discard(ctx context.Context, r *rig.Rig, id string) error {
	return rig.Poll(ctx, func() error {
		topics, err := r.Admin.ListTopics(ctx)
		if err != nil {
			return err
		}
		var left []string
		for name := range topics {
			if strings.HasPrefix(name, id+"_") {
				left = append(left, name)
			}
		}
		if len(left) == 0 {
			return nil
		}
		if _, err := r.Admin.DeleteTopics(ctx, left...); err != nil {
			return err
		}
		return fmt.Errorf("%d topics are still there", len(left))
	})
}

// fill produces what is to be read, past the gateway, in batches of a size.
func (b *bench) fill(ctx context.Context, name string, batch int) (records int64, err error) {
	bytes, value := b.readable, make([]byte, 50_000)
	if batch < large {
		bytes, value = bytes/8, make([]byte, batch-reserve)
	}
	client, err := kgo.NewClient(append(b.rig.Kafka.ClientOptions(""), kgo.DefaultProduceTopic(name), kgo.ProducerBatchMaxBytes(int32(batch)),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(1000), kgo.ProducerLinger(5*time.Millisecond))...)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	promise := kgo.AbortingFirstErrPromise(client)
	for ; records < bytes/int64(len(value)); records++ {
		client.Produce(ctx, &kgo.Record{Value: value}, promise.Promise())
	}
	return records, promise.Err()
}

// start starts a client, and returns once it is ready to begin.
func (b *bench) start(ctx context.Context, c cell, t target, window time.Duration) (*rig.Child, error) {
	child, err := b.command(ctx, c, t, window)
	if err != nil {
		return nil, err
	}
	if err := child.Channel.Receive(&job.Ready{}); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", c, err), child.End())
	}
	return child, nil
}

func (b *bench) command(ctx context.Context, c cell, t target, window time.Duration) (*rig.Child, error) {
	path := b.rig.Path(t.key)
	if c.client == franz {
		return rig.Start(ctx, b.dir, rig.Load, job.Job{
			Kind: c.kind, Path: path, Topic: topic, Partitions: 1, Batch: c.batch, Records: t.records, Duration: window,
		})
	}
	program := []string{filepath.Join(b.root, ".cache/python/bin/python"), filepath.Join(b.root, "test/clients/python/stream.py")}
	if c.client == java {
		program = []string{
			"java", "-XX:+UseSerialGC", "-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
			"-cp", filepath.Join(b.root, ".cache/java/*"), filepath.Join(b.root, "test/clients/java/Stream.java"),
		}
	}
	program = append(program, path.Address, path.User, path.Password, path.CA, string(c.kind), topic,
		strconv.Itoa(c.batch), fmt.Sprint(window.Seconds()), fmt.Sprint(t.records))
	return rig.StartCommand(c.client, exec.CommandContext(ctx, program[0], program[1:]...))
}

// sample is what a client moved.
type sample struct {
	bytes int64
	took  time.Duration
}

func (s sample) perSecond() float64 { return float64(s.bytes) / s.took.Seconds() }

// together runs clients at the same time: none begins before all are ready.
func (b *bench) together(ctx context.Context, cells []cell, targets []target, window time.Duration) (_ []sample, err error) {
	children := make([]*rig.Child, len(cells))
	defer func() {
		for _, child := range children {
			if child != nil {
				err = errors.Join(err, child.End())
			}
		}
	}()
	var starting errgroup.Group
	for n, c := range cells {
		starting.Go(func() (err error) {
			children[n], err = b.start(ctx, c, targets[n], window)
			return err
		})
	}
	if err := starting.Wait(); err != nil {
		return nil, err
	}
	for _, child := range children {
		if err := child.Channel.Send(job.Go{}); err != nil {
			return nil, err
		}
	}
	samples := make([]sample, len(cells))
	for n, child := range children {
		var result job.Result
		if err := child.Channel.Receive(&result); err != nil {
			return nil, fmt.Errorf("%s: %w", cells[n], err)
		}
		samples[n] = sample{result.Bytes, result.Took}
	}
	return samples, nil
}
