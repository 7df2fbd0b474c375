package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
		kgo.DisableFetchSessions(), // the embedded engine counts them from 1 after each start: one from before would be somebody else's
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
func createTopics(ctx context.Context, client *kgo.Client, topics ...string) error {
	known, err := readMetadata(ctx, client, topics...)
	if err != nil {
		return err
	}
	for _, topic := range known.Topics {
		if topic.ErrorCode == 0 && topic.Topic != nil {
			topics = slices.DeleteFunc(topics, func(name string) bool { return name == *topic.Topic })
		}
	}
	if len(topics) == 0 {
		return nil
	}
	replicas := max(1, min(3, len(known.Brokers)))
	created, err := kadm.NewClient(client).CreateTopics(ctx, 1, int16(replicas), topicConfiguration(replicas), topics...)
	if err != nil {
		return fmt.Errorf("creating topics %q: %w", topics, err)
	}
	for _, topic := range created.Sorted() {
		if topic.Err != nil && !errors.Is(topic.Err, kerr.TopicAlreadyExists) {
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

// readMetadata asks the brokers now; kadm's answer may be of a moment ago, when a topic was not there yet.
func readMetadata(ctx context.Context, client *kgo.Client, topics ...string) (*kmsg.MetadataResponse, error) {
	request := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		request.Topics = append(request.Topics, topic)
	}
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("reading metadata: %w", err)
	}
	return response, nil
}

// findLeader returns the broker that leads a topic's partition.
func findLeader(ctx context.Context, client *kgo.Client, topic string) (int32, error) {
	metadata, err := readMetadata(ctx, client, topic)
	if err != nil {
		return -1, err
	}
	for _, t := range metadata.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return -1, fmt.Errorf("finding its leader: %w", err)
		}
		for _, p := range t.Partitions {
			if p.Partition == 0 && p.Leader >= 0 {
				return p.Leader, nil
			}
		}
	}
	return -1, fmt.Errorf("finding its leader: %w", kerr.LeaderNotAvailable)
}

// committedEnd returns the offset after the last record of a topic that can be read now.
func committedEnd(ctx context.Context, client *kgo.Client, topic string) (int64, error) {
	leader, err := findLeader(ctx, client, topic)
	if err != nil {
		return 0, err
	}
	asked := kmsg.NewListOffsetsRequestTopicPartition()
	asked.Timestamp, asked.CurrentLeaderEpoch = -1, -1 // the end
	listed := kmsg.NewListOffsetsRequestTopic()
	listed.Topic, listed.Partitions = topic, append(listed.Partitions, asked)
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID, request.IsolationLevel, request.Topics = -1, 1, append(request.Topics, listed)
	response, err := client.Broker(int(leader)).Request(ctx, request)
	if err != nil {
		return 0, fmt.Errorf("broker %d: %w", leader, err)
	}
	answer := response.(*kmsg.ListOffsetsResponse)
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("broker %d answered ListOffsets with %d topics", leader, len(answer.Topics))
	}
	if err := kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode); err != nil {
		return 0, fmt.Errorf("broker %d: %w", leader, err)
	}
	return answer.Topics[0].Partitions[0].Offset, nil
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
