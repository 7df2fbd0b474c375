package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/link"
)

// maxPending bounds the messages that wait for Receive; reading pauses there. One fetch may go over it.
const maxPending = 4096

// inbox is what the background has read and Receive has not yet handed out.
type inbox struct {
	logger  *slog.Logger
	arrived func()
	skipped atomic.Int64
	room    chan struct{} // one token: Receive made room, or the end

	mu      sync.Mutex
	logs    map[string]*log                // by topic
	pending map[pendingKey]*pendingMessage // the newest of each key
	queue   []pendingKey                   // in order of the arrival of each key
	failure error
	closed  bool
}

// log is one topic that is read.
type log struct {
	satelliteID string
	position    int64 // after the last record that was read
	target      int64 // the end when it was added
	early       int   // pending messages that lie before target, or stand for one that does
}

type pendingKey struct{ topic, key string }

type pendingMessage struct {
	message link.Message
	early   bool
}

func newInbox(config Config) *inbox {
	arrived := config.Arrived
	if arrived == nil {
		arrived = func() {}
	}
	return &inbox{logger: config.Logger, arrived: arrived, room: make(chan struct{}, 1),
		logs: map[string]*log{}, pending: map[pendingKey]*pendingMessage{}}
}

func (b *inbox) follow(topic, satelliteID string, target int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.logs[topic] = &log{satelliteID: satelliteID, target: target}
}

// put takes in one record and reports whether there is something new to Receive.
func (b *inbox) put(record *kgo.Record) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	from := b.logs[record.Topic]
	if from == nil {
		return false
	}
	early := record.Offset < from.target
	from.position = record.Offset + 1
	if record.Attrs.IsControl() {
		return false
	}
	message, err := link.Decode(record.Key, record.Value)
	if err != nil {
		b.skipped.Add(1)
		b.logger.Warn("link: skipping a record", "topic", record.Topic, "offset", record.Offset, "error", err)
		return false
	}
	message.SatelliteID = from.satelliteID
	at := pendingKey{record.Topic, message.Key()}
	waiting := b.pending[at]
	if waiting == nil {
		waiting = &pendingMessage{}
		b.pending[at] = waiting
		b.queue = append(b.queue, at)
	}
	if early && !waiting.early {
		waiting.early = true
		from.early++
	}
	waiting.message = message
	return true
}

func (b *inbox) take(limit int) ([]link.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, errors.New("link: closed")
	}
	if n := min(limit, len(b.queue)); n > 0 {
		messages := make([]link.Message, n)
		for i, at := range b.queue[:n] {
			messages[i] = b.pending[at].message
			if b.pending[at].early {
				b.logs[at.topic].early--
			}
			delete(b.pending, at)
		}
		if b.queue = b.queue[n:]; len(b.queue) == 0 {
			b.queue = nil
		}
		b.signal()
		return messages, nil
	}
	failure := b.failure
	b.failure = nil
	return nil, failure
}

func (b *inbox) caughtUp() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.logs {
		if l.position < l.target || l.early > 0 {
			return false
		}
	}
	return true
}

// behind returns the topics whose end at the start has not been reached.
func (b *inbox) behind() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var topics []string
	for topic, l := range b.logs {
		if l.position < l.target {
			topics = append(topics, topic)
		}
	}
	return topics
}

// restart says that a topic is read from its beginning again.
func (b *inbox) restart(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.logs[topic]; l != nil {
		l.position = 0
	}
}

// shorten lowers the target to an end that is before it: the topic was made again, and what was in it is gone.
func (b *inbox) shorten(topic string, end int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.logs[topic]; l != nil && l.target > end {
		l.target = end
	}
}

func (b *inbox) fail(err error) {
	b.mu.Lock()
	b.failure = err
	b.mu.Unlock()
	b.arrived()
}

func (b *inbox) full() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue) >= maxPending && !b.closed
}

func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.signal()
}

func (b *inbox) signal() {
	select {
	case b.room <- struct{}{}:
	default:
	}
}

// behindCheck is how long reading may stand still before the end is reached until it is asked where the end is.
const behindCheck = time.Second

// read is the background: it polls until ctx ends.
func (l *Link) read(ctx context.Context) {
	for ctx.Err() == nil {
		for l.inbox.full() {
			<-l.inbox.room
		}
		poll, cancel := l.pollContext(ctx)
		fetches := l.client.PollRecords(poll, maxPending/4)
		cancel()
		if fetches.IsClientClosed() || ctx.Err() != nil {
			return
		}
		news := false
		fetches.EachRecord(func(record *kgo.Record) {
			news = l.inbox.put(record) || news
		})
		for _, failed := range fetches.Errors() {
			l.fetchFailed(ctx, failed)
		}
		switch {
		case news:
			l.inbox.arrived()
		case fetches.NumRecords() == 0:
			l.checkEnds(ctx)
		}
	}
}

// pollContext bounds a poll while a topic has not been read to its end; else it may last as long as there is no
// news.
func (l *Link) pollContext(ctx context.Context) (context.Context, context.CancelFunc) {
	if len(l.inbox.behind()) == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, behindCheck)
}

// fetchFailed begins a topic that was made again from its beginning, and keeps any other error for Receive.
func (l *Link) fetchFailed(ctx context.Context, failed kgo.FetchError) {
	switch {
	case errors.Is(failed.Err, context.DeadlineExceeded), errors.Is(failed.Err, context.Canceled):
	case errors.Is(failed.Err, kerr.UnknownTopicID), errors.Is(failed.Err, kerr.UnknownTopicOrPartition):
		l.inbox.logger.Warn("link: reading a topic from its beginning, because it was made again", "topic", failed.Topic)
		l.inbox.restart(failed.Topic)
		l.client.PurgeTopicsFromConsuming(failed.Topic)
		l.client.AddConsumeTopics(failed.Topic)
	default:
		l.inbox.fail(fmt.Errorf("link: reading topic %s: %w", failed.Topic, failed.Err))
		_ = pause(ctx, time.Second) // the caller looks at the context
	}
}

// checkEnds lowers the targets of topics that are shorter than they were.
func (l *Link) checkEnds(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, behindCheck)
	defer cancel()
	for _, topic := range l.inbox.behind() {
		if end, err := committedEnd(ctx, l.client, topic); err == nil {
			l.inbox.shorten(topic, end)
		}
	}
}
