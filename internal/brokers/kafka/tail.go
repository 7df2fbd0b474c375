package kafka

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/brokers"
)

const (
	// tailWait is for how long a broker holds a fetch without news; it answers at once when there are some.
	tailWait = 500 * time.Millisecond
	// behindCheck is how long reading may stand still before the end is reached until it is asked where that is.
	behindCheck = time.Second
)

// tail follows state topics in the background.
type tail struct {
	cluster *Cluster
	client  *kgo.Client
	logger  *slog.Logger

	mu     sync.Mutex
	topics map[string]*followed
}

// followed is what is known of one topic.
type followed struct {
	state    map[string]brokers.Record
	sorted   []brokers.Record // of state; nil after a change
	position int64            // after the last record that was read
	target   int64            // the end when the following began, -1 until known
}

func (f *followed) ready() bool { return f.target >= 0 && f.position >= f.target }

// Tail returns what is known of a state topic; the first call starts the following of both. All their records are
// held in memory. The result is shared: callers must not change it.
func (c *Cluster) Tail(topic string) (records []brokers.Record, ready bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open.Err() != nil {
		return nil, false
	}
	if c.tail == nil {
		client, err := kgo.NewClient(c.options(
			kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.FetchIsolationLevel(kgo.ReadCommitted()),
			kgo.KeepControlRecords(),
			kgo.FetchMaxWait(tailWait),
		)...)
		if err != nil { // the options are wrong, and Open would have said so
			c.logger.Error("brokers: cannot follow a topic", "topic", topic, "error", err)
			return nil, false
		}
		c.tail = &tail{cluster: c, client: client, logger: c.logger, topics: map[string]*followed{}}
		// Both at once: a topic that is added to a fetch under way waits until that fetch ends.
		c.tail.start(brokers.TopicTenants, brokers.TopicGateways)
		c.following.Go(func() { c.tail.follow(c.open) })
	}
	return c.tail.records(topic)
}

func (t *tail) close() { t.client.Close() }

func (t *tail) records(topic string) ([]brokers.Record, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.topics[topic]
	if f == nil { // not a state topic
		return nil, false
	}
	if f.sorted == nil {
		f.sorted = sorted(f.state)
	}
	return f.sorted, f.ready()
}

// start follows topics from their beginning.
func (t *tail) start(topics ...string) {
	t.mu.Lock()
	for _, topic := range topics {
		t.topics[topic] = &followed{state: map[string]brokers.Record{}, target: -1}
	}
	t.mu.Unlock()
	t.cluster.following.Go(func() { t.begin(t.cluster.open, topics...) })
}

// begin asks where the topics end, until it knows, and then reads them.
func (t *tail) begin(ctx context.Context, topics ...string) {
	for _, topic := range topics {
		for failures := 1; ; failures++ {
			end, err := t.cluster.endOf(ctx, topic)
			if err == nil {
				t.aim(topic, end)
				break
			}
			if failures == 3 {
				t.logger.Warn("brokers: a topic cannot be followed yet", "topic", topic, "error", err)
			}
			if pause(ctx, backoff(failures)) != nil {
				return
			}
		}
	}
	t.client.AddConsumeTopics(topics...)
	t.cluster.changed()
}

func (t *tail) aim(topic string, end int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.topics[topic].target = end
}

// follow polls until ctx ends.
func (t *tail) follow(ctx context.Context) {
	for ctx.Err() == nil {
		poll, cancel := context.WithTimeout(ctx, behindCheck)
		fetches := t.client.PollFetches(poll)
		cancel()
		if fetches.IsClientClosed() || ctx.Err() != nil {
			return
		}
		if t.take(fetches) {
			t.cluster.changed()
		}
		for _, failed := range fetches.Errors() {
			t.failed(ctx, failed)
		}
		if fetches.NumRecords() == 0 {
			t.checkEnds(ctx)
		}
	}
}

// take applies records and reports whether there were any.
func (t *tail) take(fetches kgo.Fetches) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	some := false
	fetches.EachRecord(func(record *kgo.Record) {
		if f := t.topics[record.Topic]; f != nil {
			apply(f.state, record)
			f.sorted, f.position = nil, record.Offset+1
			some = true
		}
	})
	return some
}

// failed begins a topic that was made again anew; any other error is for the log, and kgo tries again.
func (t *tail) failed(ctx context.Context, failure kgo.FetchError) {
	switch {
	case errors.Is(failure.Err, context.DeadlineExceeded), errors.Is(failure.Err, context.Canceled):
	case errors.Is(failure.Err, kerr.UnknownTopicID), errors.Is(failure.Err, kerr.UnknownTopicOrPartition):
		t.logger.Warn("brokers: following a topic from its beginning, because it was made again", "topic", failure.Topic)
		t.client.PurgeTopicsFromConsuming(failure.Topic)
		t.start(failure.Topic)
	default:
		t.logger.Error("brokers: following a topic failed", "topic", failure.Topic, "error", failure.Err)
		_ = pause(ctx, time.Second) // the caller looks at the context
	}
}

// checkEnds lowers the target of a topic that is shorter than it was when the following began.
func (t *tail) checkEnds(ctx context.Context) {
	for _, topic := range t.behind() {
		ctx, cancel := context.WithTimeout(ctx, behindCheck)
		end, err := t.cluster.endOf(ctx, topic)
		cancel()
		if err == nil && t.shorten(topic, end) {
			t.cluster.changed()
		}
	}
}

func (t *tail) behind() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var topics []string
	for topic, f := range t.topics {
		if f.target > f.position {
			topics = append(topics, topic)
		}
	}
	return topics
}

func (t *tail) shorten(topic string, end int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.topics[topic]
	if end >= f.target {
		return false
	}
	f.target = end
	return true
}
