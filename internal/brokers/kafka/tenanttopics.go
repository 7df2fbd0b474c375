package kafka

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/orrery-kafka/orrery/internal/brokers"
)

// TenantTopics asks for all topics, then the leaders for where they end, then all brokers for their sizes. Of a broker
// that does not answer the replicas elsewhere count.
func (c *Cluster) TenantTopics(ctx context.Context) ([]brokers.TenantTopic, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	metadata, err := c.metadata(ctx)
	if err != nil {
		return nil, c.wrap("listing the tenants' topics", err)
	}
	var topics []brokers.TenantTopic
	var names []string
	for _, t := range metadata.Topics {
		if t.ErrorCode == 0 && t.Topic != nil && strings.HasPrefix(*t.Topic, brokers.PrefixTenants) {
			topics = append(topics, brokers.TenantTopic{Name: *t.Topic, ID: hex.EncodeToString(t.TopicID[:]), Partitions: len(t.Partitions)})
			names = append(names, *t.Topic)
		}
	}
	if len(topics) == 0 {
		return nil, nil
	}
	slices.SortFunc(topics, func(a, b brokers.TenantTopic) int { return cmp.Compare(a.Name, b.Name) })
	ends, err := c.admin.ListEndOffsets(ctx, names...)
	if err != nil && allFailed(err) {
		return nil, c.wrap("asking where the tenants' topics end", err)
	}
	sizes, err := c.sizes(ctx, names)
	if err != nil {
		return nil, c.wrap("asking how large the tenants' topics are", err)
	}
	for i := range topics {
		t := &topics[i]
		for p := range int32(t.Partitions) {
			end, ok := ends.Lookup(t.Name, p)
			if !ok || end.Err != nil {
				t.End = -1
				break
			}
			t.End += end.Offset
		}
		for _, size := range sizes[t.Name] {
			t.Bytes += size
		}
	}
	return topics, nil
}

// allFailed reports whether no broker answered.
func allFailed(err error) bool {
	var shards *kadm.ShardErrors
	return !errors.As(err, &shards) || shards.AllFailed
}

// sizes returns the size of the largest replica of each partition, by topic.
func (c *Cluster) sizes(ctx context.Context, names []string) (map[string]map[int32]int64, error) {
	described, err := c.admin.DescribeAllLogDirs(ctx, nil)
	if err != nil && allFailed(err) {
		return nil, err
	}
	sizes := make(map[string]map[int32]int64, len(names))
	for _, name := range names {
		sizes[name] = map[int32]int64{}
	}
	described.Each(func(d kadm.DescribedLogDir) {
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			if of := sizes[p.Topic]; of != nil && !p.IsFuture {
				of[p.Partition] = max(of[p.Partition], p.Size)
			}
		})
	})
	return sizes, nil
}
