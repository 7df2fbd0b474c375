package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/orrery-kafka/orrery/internal/link"
)

const (
	// maxBatch bounds a record batch: the largest message with its key and the frame around it, and room so that
	// small messages share one.
	maxBatch = link.MaxMessage + 64<<10
	// fetchWait is for how long a broker holds a fetch without news. It answers at once when there are some; only
	// a topic that is added meanwhile waits for it.
	fetchWait = 250 * time.Millisecond
)

// newClient opens the one client of an end: requests and reading. It is kept small: idle ends must cost little.
func newClient(config Config, clientID string) (*kgo.Client, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(config.Seeds...),
		kgo.ClientID(clientID),
		kgo.DisableClientMetrics(),
		kgo.WithLogger(warnings{config.Logger}),
		kgo.MaxVersions(classicTransactions()),
		kgo.DialTimeout(5 * time.Second),
		kgo.RequestTimeoutOverhead(5 * time.Second),
		kgo.RetryTimeout(callTimeout),
		kgo.RetryBackoffFn(backoff),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.MetadataMaxAge(5 * time.Minute),
		kgo.BrokerMaxReadBytes(16 << 20),
		kgo.MaxBufferedRecords(1), // nothing is produced through kgo's producer
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // they are the ends of transactions, by which the position is known to the end
		kgo.FetchMaxWait(fetchWait),
		kgo.FetchMaxBytes(4 << 20),
		kgo.FetchMaxPartitionBytes(maxBatch),
		kgo.MaxDecompressBatchBytes(16 << 20),
	}
	if config.Dial != nil {
		options = append(options, kgo.Dialer(config.Dial))
	}
	return kgo.NewClient(options...)
}

// classicTransactions are the newest versions in which the epoch of a producer changes only when somebody takes
// its id over: so the answer to "am I still the holder" is plain. (KIP-890 changes it with each transaction.)
// Brokers of all versions speak them.
func classicTransactions() *kversion.Versions {
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(kmsg.Produce.Int16(), 11)
	versions.SetMaxKeyVersion(kmsg.InitProducerID.Int16(), 4)
	versions.SetMaxKeyVersion(kmsg.AddPartitionsToTxn.Int16(), 3)
	versions.SetMaxKeyVersion(kmsg.EndTxn.Int16(), 4)
	return versions
}

// backoff is the pause after that many failures in a row.
func backoff(failures int) time.Duration {
	return min(10*time.Millisecond<<min(max(failures-1, 0), 7), time.Second)
}

// pause waits, or returns the context's error if that ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// createTopics makes the topics that are missing: one partition, compacted, as many replicas as the cluster
// has brokers for, at most three.
func createTopics(ctx context.Context, admin *kadm.Client, topics ...string) error {
	known, err := admin.Metadata(ctx, topics...)
	if err != nil {
		return fmt.Errorf("reading metadata: %w", err)
	}
	var missing []string
	for _, topic := range topics {
		if detail := known.Topics[topic]; detail.Err != nil || len(detail.Partitions) == 0 {
			missing = append(missing, topic)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	replicas := max(1, min(3, len(known.Brokers)))
	created, err := admin.CreateTopics(ctx, 1, int16(replicas), topicConfiguration(replicas), missing...)
	if err != nil {
		return fmt.Errorf("creating topics %q: %w", missing, err)
	}
	for _, topic := range created.Sorted() {
		if topic.Err != nil && topic.Err != kerr.TopicAlreadyExists {
			return fmt.Errorf("creating topic %s: %w", topic.Topic, topic.Err)
		}
	}
	return nil
}

func topicConfiguration(replicas int) map[string]*string {
	return map[string]*string{
		"cleanup.policy":      kadm.StringPtr("compact"),
		"min.insync.replicas": kadm.StringPtr(strconv.Itoa(max(1, replicas-1))),
		"max.message.bytes":   kadm.StringPtr(strconv.Itoa(maxBatch)),
		// Only closed segments are compacted, so they are closed early.
		"segment.bytes":             kadm.StringPtr(strconv.Itoa(16 << 20)),
		"segment.ms":                kadm.StringPtr(strconv.FormatInt((6 * time.Hour).Milliseconds(), 10)),
		"min.cleanable.dirty.ratio": kadm.StringPtr("0.1"),
		// A satellite that was away for a week still sees the tombstones.
		"delete.retention.ms": kadm.StringPtr(strconv.FormatInt((7 * 24 * time.Hour).Milliseconds(), 10)),
	}
}

// committedEnd returns the offset after the last record of a topic that can be read now. A topic that was just
// made has no leader for a moment.
func committedEnd(ctx context.Context, admin *kadm.Client, topic string) (int64, error) {
	for failures := 1; ; failures++ {
		listed, err := admin.ListCommittedOffsets(ctx, topic)
		offset, ok := listed.Lookup(topic, 0)
		switch {
		case err == nil && ok && offset.Err == nil:
			return offset.Offset, nil
		case ok && offset.Err != nil:
			err = offset.Err
		case err == nil:
			err = kerr.UnknownTopicOrPartition
		}
		if final(err) {
			return 0, fmt.Errorf("reading the end of topic %s: %w", topic, err)
		}
		if pause(ctx, backoff(failures)) != nil {
			return 0, fmt.Errorf("reading the end of topic %s: %w (last: %w)", topic, ctx.Err(), err)
		}
	}
}

// warnings passes on what kgo finds worth a warning.
type warnings struct{ logger *slog.Logger }

func (w warnings) Level() kgo.LogLevel { return kgo.LogLevelWarn }

func (w warnings) Log(level kgo.LogLevel, message string, keyvals ...any) {
	severity := slog.LevelWarn
	if level == kgo.LogLevelError {
		severity = slog.LevelError
	}
	w.logger.Log(context.Background(), severity, "link: "+message, keyvals...)
}
