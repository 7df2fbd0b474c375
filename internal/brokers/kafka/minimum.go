package kafka

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// minimumAge is how old what is known of the topics' min.insync.replicas may be.
	minimumAge = 30 * time.Second
	// topicsPerPage bounds the topics of one request.
	topicsPerPage = 1000
)

// minimum is the min.insync.replicas of each topic as it was read. It is never changed in place.
type minimum struct {
	read   time.Time // all of them
	topics map[[16]byte]int
}

// minimums returns the topics' min.insync.replicas. It asks for those that it does not know, and after a while for all.
// Of a topic whose setting cannot be read it says that every replica is needed.
func (c *Cluster) minimums(ctx context.Context, topics []kmsg.MetadataResponseTopic, now time.Time) (func(topic string) int, error) {
	before := c.minInSync.Load()
	if before == nil || now.Sub(before.read) > minimumAge {
		before = &minimum{read: now}
	}
	after := &minimum{read: before.read, topics: make(map[[16]byte]int, len(topics))}
	ids := make(map[string][16]byte, len(topics))
	var unknown []string
	for _, t := range topics {
		if t.Topic == nil {
			continue
		}
		ids[*t.Topic] = t.TopicID
		if n, ok := before.topics[t.TopicID]; ok {
			after.topics[t.TopicID] = n
		} else {
			unknown = append(unknown, *t.Topic)
		}
	}
	err := c.topicSettings(ctx, unknown, []string{"min.insync.replicas"}, func(topic string, setting kmsg.DescribeConfigsResponseResourceConfig) {
		if setting.Value == nil {
			return
		}
		if n, err := strconv.Atoi(*setting.Value); err == nil {
			after.topics[ids[topic]] = n
		}
	})
	if err != nil {
		return nil, err
	}
	c.minInSync.Store(after)
	return func(topic string) int {
		if n, ok := after.topics[ids[topic]]; ok {
			return n
		}
		return math.MaxInt
	}, nil
}

// topicSettings calls each with these settings of topics, asked for a page at a time. Topics that are gone are left out.
func (c *Cluster) topicSettings(ctx context.Context, topics, names []string, each func(topic string, setting kmsg.DescribeConfigsResponseResourceConfig)) error {
	for len(topics) > 0 {
		page := topics[:min(topicsPerPage, len(topics))]
		topics = topics[len(page):]
		request := kmsg.NewPtrDescribeConfigsRequest()
		for _, topic := range page {
			resource := kmsg.NewDescribeConfigsRequestResource()
			resource.ResourceType, resource.ResourceName, resource.ConfigNames = kmsg.ConfigResourceTypeTopic, topic, names
			request.Resources = append(request.Resources, resource)
		}
		response, err := ask(ctx, c, request)
		if err != nil {
			return err
		}
		for _, resource := range response.Resources {
			for _, setting := range resource.Configs {
				each(resource.ResourceName, setting)
			}
		}
	}
	return nil
}
