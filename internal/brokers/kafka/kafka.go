// Package kafka is one physical cluster seen over the Kafka protocol, on any engine.
//
// No call hangs: each ends with its context or after [callTimeout], whatever comes first, also while every broker
// is away; the error says which cluster, and where it is about a topic or a broker, which one. Nothing has to be
// opened again afterwards: the next call finds the brokers when they are back, and a followed topic goes on by
// itself (with the last known records until then). A state topic that was deleted and made again is read from
// its beginning.
//
// A cluster keeps one client, and a second one from the first Tail on, because a fetch that waits for news holds
// back the requests behind it on its connection.
package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/brokers"
)

// callTimeout bounds every call, if its context does not.
const callTimeout = 10 * time.Second

// Cluster is one physical cluster. It is safe for concurrent use.
type Cluster struct {
	id      string
	access  brokers.Access
	logger  *slog.Logger
	changed func()
	client  *kgo.Client
	admin   *kadm.Client

	open      context.Context // lasts until Close
	end       context.CancelFunc
	following sync.WaitGroup

	answered  atomic.Int32            // the seed that answered last
	quorum    atomic.Pointer[bool]    // whether the engine has one, once it is known
	minInSync atomic.Pointer[minimum] // nil until the first View

	mu   sync.Mutex // guards tail
	tail *tail      // nil until the first Tail
}

var _ brokers.Cluster = (*Cluster)(nil)

// Opener returns the opener of clusters; logger gets what goes wrong in the background.
func Opener(logger *slog.Logger) brokers.Opener {
	return func(physicalClusterID string, access brokers.Access, changed func()) (brokers.Cluster, error) {
		return Open(physicalClusterID, access, logger, changed)
	}
}

// Open opens a cluster. It does not wait for a broker to answer. changed may be nil.
func Open(physicalClusterID string, access brokers.Access, logger *slog.Logger, changed func()) (*Cluster, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	if changed == nil {
		changed = func() {}
	}
	c := &Cluster{id: physicalClusterID, access: access, logger: logger.With("physical_cluster", physicalClusterID), changed: changed}
	client, err := kgo.NewClient(c.options(
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.MaxBufferedRecords(1024),
		kgo.RecordDeliveryTimeout(callTimeout),
		kgo.UnknownTopicRetries(3),
		kgo.AllowIdempotentProduceCancellation(), // a call must end although a broker does not answer
	)...)
	if err != nil {
		return nil, c.wrap("opening", err)
	}
	c.client, c.admin = client, kadm.NewClient(client)
	c.open, c.end = context.WithCancel(context.Background())
	return c, nil
}

// options are what every client of the cluster has; clients are kept small, because a host may have many.
func (c *Cluster) options(more ...kgo.Opt) []kgo.Opt {
	options := []kgo.Opt{
		kgo.SeedBrokers(c.access.Seeds...),
		kgo.ClientID("orrery-satellite-" + c.id),
		kgo.DisableClientMetrics(),
		kgo.DisableFetchSessions(), // the embedded engine counts them from 1 after each start: one from before would be somebody else's
		kgo.WithLogger(warnings{c.logger}),
		kgo.DialTimeout(5 * time.Second),
		kgo.RequestTimeoutOverhead(5 * time.Second),
		kgo.RetryTimeout(callTimeout),
		kgo.RetryBackoffFn(backoff),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.MetadataMaxAge(5 * time.Minute),
		kgo.BrokerMaxReadBytes(32 << 20),
		kgo.FetchMaxBytes(4 << 20),
		kgo.FetchMaxPartitionBytes(1 << 20),
		kgo.MaxDecompressBatchBytes(32 << 20),
	}
	if c.access.Dial != nil {
		options = append(options, kgo.Dialer(c.access.Dial))
	}
	return append(options, more...)
}

// Close ends the following and the connections; calls that are under way end with an error.
func (c *Cluster) Close() {
	c.end()
	c.mu.Lock()
	followed := c.tail
	c.mu.Unlock()
	c.following.Wait()
	if followed != nil {
		followed.close()
	}
	c.client.Close()
}

// bound ends ctx after callTimeout and when the cluster is closed.
func (c *Cluster) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	stop := context.AfterFunc(c.open, cancel)
	return ctx, func() { stop(); cancel() }
}

// wrap says what failed on which cluster.
func (c *Cluster) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cluster %s: %s: %w", c.id, what, err)
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

// warnings passes on what kgo finds worth a warning.
type warnings struct{ logger *slog.Logger }

func (w warnings) Level() kgo.LogLevel { return kgo.LogLevelWarn }

func (w warnings) Log(level kgo.LogLevel, message string, keyvals ...any) {
	severity := slog.LevelWarn
	if level == kgo.LogLevelError {
		severity = slog.LevelError
	}
	w.logger.Log(context.Background(), severity, "brokers: "+message, keyvals...)
}
