package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// A tenant's own topics are asked for often (Metadata without names, a new topic that must fit into the limit), and a
// broker that is asked for "all topics" answers with those of every tenant. So the gateway asks for the tenant's range
// of names (DescribeTopicPartitions goes by name, KIP-966), keeps it, and uses it for as long as the broker is at the
// same version of its topics: a small question, where it is one at all.

const (
	maxListedTopics = 1 << 18 // that are kept, of all tenants
	maxTopicPage    = 2000    // partitions; Apache Kafka's limit (max.request.partition.size.limit)
	// firstTopicPage is how many partitions are asked for beyond those that were there last time. What a tenant does not
	// fill is filled by the next tenants' topics.
	firstTopicPage = 16
	// maxTopicPages is beyond what a tenant can have, and ends a list whatever a broker answers.
	maxTopicPages = 1000
)

// topic is a topic of a tenant: its physical name and how many partitions it has.
type topic struct {
	name       string
	partitions int32
}

// topicLists are the tenants' topics as brokers know them.
type topicLists struct {
	mu    sync.Mutex
	lists map[topicListKey]topicList
	size  int // topics in all lists
}

type topicListKey struct {
	tenant string // lkc-…
	node   int32
}

// topicList is sorted by name and never changes.
type topicList struct {
	version int64
	topics  []topic
}

// get returns a tenant's topics as they were last, and whether they are those of a version.
func (l *topicLists) get(key topicListKey, version int64) (last []topic, current bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list, ok := l.lists[key]
	return list.topics, ok && list.version == version
}

// put keeps a tenant's topics, and drops others where there are too many.
func (l *topicLists) put(key topicListKey, list topicList) {
	if len(list.topics) > maxListedTopics {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lists == nil {
		l.lists = map[topicListKey]topicList{}
	}
	l.drop(key)
	for other := range l.lists {
		if l.size+len(list.topics) <= maxListedTopics && len(l.lists) < maxListedTopics {
			break
		}
		l.drop(other)
	}
	l.lists[key] = list
	l.size += len(list.topics)
}

// drop forgets a list. The caller holds the lock.
func (l *topicLists) drop(key topicListKey) {
	l.size -= len(l.lists[key].topics)
	delete(l.lists, key)
}

// ownTopics returns the topics of the session's tenant that its broker knows, sorted by name: those that were there
// when it was called and were not deleted meanwhile. The result must not be changed.
func (s *session) ownTopics(ctx context.Context) ([]topic, error) {
	g, key := s.gateway, topicListKey{s.LogicalClusterID, s.node}
	version, known, err := g.topicsVersion(ctx, s.LogicalClusterID, s.node)
	if err != nil {
		return nil, err
	}
	last, current := g.lists.get(key, version)
	if known && current {
		return last, nil
	}
	page := int32(firstTopicPage)
	for _, t := range last {
		page = min(page+t.partitions, maxTopicPage)
	}
	topics, err := s.askOwnTopics(ctx, page)
	if err != nil {
		return nil, err
	}
	if known { // what was listed is at least as new as the version
		g.lists.put(key, topicList{version, topics})
	}
	return topics, nil
}

// describableTopics returns those of ownTopics that the session may describe.
func (s *session) describableTopics(ctx context.Context) ([]topic, error) {
	topics, err := s.ownTopics(ctx)
	allowed := make([]topic, 0, len(topics))
	for _, t := range topics {
		if name, _ := s.logical(t.name); s.topicError(authz.Describe, name) == 0 {
			allowed = append(allowed, t)
		}
	}
	return allowed, err
}

// askOwnTopics reads the tenant's range of names from the broker, that many partitions first and then more at a time.
func (s *session) askOwnTopics(ctx context.Context, page int32) ([]topic, error) {
	request := kmsg.NewPtrDescribeTopicPartitionsRequest()
	cursor := kmsg.NewDescribeTopicPartitionsRequestCursor()
	cursor.Topic = s.physical("")
	request.Cursor = &cursor
	var topics []topic
	for range maxTopicPages {
		request.ResponsePartitionLimit = page
		page = min(4*page, maxTopicPage)
		answer, err := s.gateway.control.requestAt(ctx, s.node, request)
		if err != nil {
			return nil, err
		}
		response := answer.(*kmsg.DescribeTopicPartitionsResponse)
		for _, t := range response.Topics {
			switch {
			case t.Topic == nil || !s.prefix.Owns(*t.Topic) || t.ErrorCode == kerr.UnknownTopicOrPartition.Code:
			case t.ErrorCode != 0:
				return nil, fmt.Errorf("listing a tenant's topics: %w", kerr.ErrorForCode(t.ErrorCode))
			default:
				s.learnTopic(t.TopicID, *t.Topic)
				if last := len(topics) - 1; last >= 0 && topics[last].name == *t.Topic { // its pages go on
					topics[last].partitions += int32(len(t.Partitions))
				} else {
					topics = append(topics, topic{*t.Topic, int32(len(t.Partitions))})
				}
			}
		}
		next := response.NextCursor
		if next == nil || !s.prefix.Owns(next.Topic) {
			slices.SortFunc(topics, func(a, b topic) int { return strings.Compare(a.name, b.name) })
			return topics, nil
		}
		cursor.Topic, cursor.Partition = next.Topic, next.Partition
	}
	return nil, errors.New("listing a tenant's topics does not end")
}

// topicsVersion returns the version that a tenant's topics have at a broker; it is not known where a change is on its
// way. The embedded engine's brokers are one, and have no version of their own. Apache Kafka's is the offset of the
// metadata log that the broker has applied, which it tells with its features (KIP-584): it also grows by other
// changes, and by nothing at all twice a second (metadata.max.idle.interval.ms).
func (g *Gateway) topicsVersion(ctx context.Context, tenant string, node int32) (version int64, known bool, err error) {
	if g.config.EmbeddedEngine {
		if g.config.Topics == nil {
			return 0, false, nil
		}
		version, known = g.config.Topics.version(tenant, g.config.Now())
		return version, known, nil
	}
	version, err = g.metadataVersions.of(node).get(ctx)
	return version, err == nil && version > 0, err
}

// askMetadataVersion asks a broker which metadata it has applied.
func (g *Gateway) askMetadataVersion(ctx context.Context, node int32) (int64, error) {
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName, request.ClientSoftwareVersion = "orrery-gateway", "1"
	response, err := g.control.requestAt(ctx, node, request)
	if err != nil {
		return 0, err
	}
	versions := response.(*kmsg.ApiVersionsResponse)
	return versions.FinalizedFeaturesEpoch, kerr.ErrorForCode(versions.ErrorCode)
}

// perNode has one shared request for each broker.
type perNode[V any] struct {
	ask func(context.Context, int32) (V, error)

	mu    sync.Mutex
	nodes map[int32]*sharedRequest[V]
}

// of returns the shared request to a broker. Connections lead to brokers that exist, which bounds their number.
func (p *perNode[V]) of(node int32) *sharedRequest[V] {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nodes == nil {
		p.nodes = map[int32]*sharedRequest[V]{}
	}
	if p.nodes[node] == nil {
		p.nodes[node] = newSharedRequest(func(ctx context.Context) (V, error) { return p.ask(ctx, node) })
	}
	return p.nodes[node]
}
