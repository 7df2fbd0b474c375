package inproc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// maintenance looks after retention and compaction of one engine, from time to time, until it is stopped.
//
// The engine's own retention and compaction are switched off, for three defects: retention also removes records
// of topics that are only compacted; compaction rewrites files in place, so that a crash in the middle loses them;
// and where nothing is left of a partition, a crash makes its offsets begin at 0 again. See retention.go and
// compaction.go for what is done instead.
type maintenance struct {
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// firstMaintenance is when the first round is due after the start: after a crash, records that retention had deleted
// may be back.
const firstMaintenance = 10 * time.Second

func startMaintenance(e *engine, period time.Duration, now func() time.Time) *maintenance {
	ctx, cancel := context.WithCancel(context.Background())
	m := &maintenance{cancel: cancel}
	m.ended.Go(func() {
		next := time.NewTimer(min(period, firstMaintenance))
		defer next.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-next.C:
				next.Reset(period)
			}
			if err := e.maintain(ctx, now()); err != nil && ctx.Err() == nil {
				e.logger.Warn("maintenance failed and is tried again", "retry_in", period, "error", err)
			}
		}
	})
	return m
}

// stop ends the maintenance and returns when it has ended.
func (m *maintenance) stop() {
	m.cancel()
	m.ended.Wait()
}

// maintenanceTimeout bounds one round, besides the compaction itself.
const maintenanceTimeout = time.Minute

// maintain applies retention, and compacts where enough has been written since the last time.
func (e *engine) maintain(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, maintenanceTimeout)
	defer cancel()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cluster == nil || len(e.running) == 0 {
		return nil
	}
	if err := e.restoreAfterCrash(ctx); err != nil {
		return err
	}
	client, err := e.doors.client(slices.Sorted(maps.Keys(e.running)))
	if err != nil {
		return fmt.Errorf("opening a client: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	topics, err := listTopics(ctx, admin)
	if err != nil {
		return err
	}
	return errors.Join(e.applyRetention(ctx, admin, topics, now), e.compactIfDue(ctx, client, topics))
}

// logTopic is a topic as far as its log is concerned.
type logTopic struct {
	name       string
	partitions int
	// deleted and compacted are the parts of cleanup.policy.
	deleted, compacted bool
	// retention and retentionBytes are negative where there is no limit.
	retention      time.Duration
	retentionBytes int64
	// explicit are the retention settings of the topic itself.
	explicit map[string]string
}

const (
	cleanupPolicy       = "cleanup.policy"
	retentionMS         = "retention.ms"
	retentionBytes      = "retention.bytes"
	brokerRetentionMS   = "log.retention.ms"
	brokerRetentionSize = "log.retention.bytes"
	// describeLimit is how many topics are described in one request.
	describeLimit = 200
)

// listTopics returns every topic, sorted by name.
func listTopics(ctx context.Context, admin *kadm.Client) ([]logTopic, error) {
	details, err := admin.ListTopicsWithInternal(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", err)
	}
	var topics []logTopic
	for names := range slices.Chunk(details.Names(), describeLimit) {
		configs, err := admin.DescribeTopicConfigs(ctx, names...)
		if err != nil {
			return nil, fmt.Errorf("describing topics: %w", err)
		}
		for _, c := range configs {
			if c.Err != nil {
				continue // deleted meanwhile
			}
			topics = append(topics, newLogTopic(c, len(details[c.Name].Partitions)))
		}
	}
	slices.SortFunc(topics, func(a, b logTopic) int { return strings.Compare(a.name, b.name) })
	return topics, nil
}

func newLogTopic(c kadm.ResourceConfig, partitions int) logTopic {
	t := logTopic{name: c.Name, partitions: partitions, deleted: true, retention: -1, retentionBytes: -1, explicit: map[string]string{}}
	for _, setting := range c.Configs {
		value := setting.MaybeValue()
		own := setting.Source.String() == "DYNAMIC_TOPIC_CONFIG"
		switch setting.Key {
		case cleanupPolicy:
			t.deleted, t.compacted = strings.Contains(value, "delete"), strings.Contains(value, "compact")
		case retentionMS:
			if ms, err := strconv.ParseInt(value, 10, 64); err == nil && ms >= 0 && ms < int64(maxRetention/time.Millisecond) {
				t.retention = time.Duration(ms) * time.Millisecond
			}
			if own {
				t.explicit[setting.Key] = value
			}
		case retentionBytes:
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 {
				t.retentionBytes = n
			}
			if own {
				t.explicit[setting.Key] = value
			}
		}
	}
	return t
}

// maxRetention is the longest retention that is looked after; a longer one is for ever.
const maxRetention = 200 * 365 * 24 * time.Hour
