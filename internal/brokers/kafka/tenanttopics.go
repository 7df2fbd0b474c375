package kafka

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/brokers"
)

// sizesTimeout bounds the question how large everything is: a broker that hangs is given up while there is time left.
const sizesTimeout = 3 * time.Second

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
		if t.ErrorCode == 0 && t.Topic != nil && strings.HasPrefix(*t.Topic, brokers.PrefixTenants) && !brokers.IsProbe(*t.Topic) {
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
	sizes, err := c.sizes(ctx, metadata, func(topic string) bool { return strings.HasPrefix(topic, brokers.PrefixTenants) })
	if err != nil {
		return nil, c.wrap("asking how large the tenants' topics are", err)
	}
	largest := map[string]map[int32]int64{}
	for r, size := range sizes {
		if largest[r.topic] == nil {
			largest[r.topic] = map[int32]int64{}
		}
		largest[r.topic][r.number] = max(largest[r.topic][r.number], size)
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
		for _, size := range largest[t.Name] {
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

// replica is one copy of a partition.
type replica struct {
	topic  string
	number int32
	node   int32
}

// sizes asks every broker that is known to be alive at once, and returns the sizes of the replicas of some topics; those
// on a broker that does not answer soon are missing. It is an error where none answers.
func (c *Cluster) sizes(ctx context.Context, metadata *kmsg.MetadataResponse, of func(topic string) bool) (map[replica]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, sizesTimeout)
	defer cancel()
	type answer struct {
		node     int32
		response kmsg.Response
		err      error
	}
	answers := make(chan answer, len(metadata.Brokers))
	for _, b := range metadata.Brokers {
		go func() {
			response, err := c.client.Broker(int(b.NodeID)).RetriableRequest(ctx, kmsg.NewPtrDescribeLogDirsRequest())
			answers <- answer{b.NodeID, response, err}
		}()
	}
	sizes := map[replica]int64{}
	failed, last := 0, error(nil)
	for range metadata.Brokers {
		a := <-answers
		if a.err != nil {
			failed++
			last = fmt.Errorf("broker %d: %w", a.node, a.err)
			continue
		}
		for _, dir := range a.response.(*kmsg.DescribeLogDirsResponse).Dirs {
			for _, t := range dir.Topics {
				for _, p := range t.Partitions {
					if !p.IsFuture && of(t.Topic) {
						sizes[replica{t.Topic, p.Partition, a.node}] = p.Size
					}
				}
			}
		}
	}
	if failed == len(metadata.Brokers) {
		return nil, last
	}
	return sizes, nil
}
