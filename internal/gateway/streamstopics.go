package gateway

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A broker that misses internal topics of a streams group creates them with the rights of whoever's heartbeat comes
// next, whatever the tenant's limit is. It is kept from that (unplaceable), and the gateway does it in its place, like a
// CreateTopics (19) of the member's principal.

// creations are what was tried for streams groups (physical) within metadataLag: before it is over a broker may still
// miss what there is. The zero value is ready.
type creations struct {
	mu     sync.Mutex
	groups map[string]*creation
}

type creation struct {
	at     time.Time
	detail string // what members are told
}

// detail returns what a member is told about missing internal topics, after an attempt to create them where there was
// none a moment ago. It is not known where the topology is needed for that and is not given.
func (c *creations) detail(ctx context.Context, s *session, p *payers, group string, topology *kmsg.StreamsGroupHeartbeatRequestTopology) (detail string, known bool) {
	now := s.gateway.config.Now()
	c.mu.Lock()
	maps.DeleteFunc(c.groups, func(_ string, each *creation) bool { return now.Sub(each.at) >= metadataLag })
	tried := c.groups[group]
	switch {
	case tried != nil:
		defer c.mu.Unlock()
		return tried.detail, true
	case topology == nil:
		defer c.mu.Unlock()
		return "", false
	case c.groups == nil:
		c.groups = map[string]*creation{}
	}
	tried = &creation{now, "Internal topics are missing; they are being created."}
	c.groups[group] = tried
	c.mu.Unlock()
	detail, done := s.createInternalTopics(ctx, p, topology)
	c.mu.Lock()
	defer c.mu.Unlock()
	if tried.detail = detail; !done { // the next member that joins tries again
		delete(c.groups, group)
	}
	return detail, true
}

// createInternalTopics creates what a topology (physical names) misses, all or nothing, and returns what its members
// are told. It is done also where the tenant may not have them.
func (s *session) createInternalTopics(ctx context.Context, p *payers, topology *kmsg.StreamsGroupHeartbeatRequestTopology) (detail string, done bool) {
	quota := s.newPartitionQuota(p)
	quota.tooFast = kerr.ThrottlingQuotaExceeded.Code
	defer quota.settle()
	if err := quota.count(ctx); err != nil {
		s.gateway.warn("the topics of a tenant with a streams group cannot be counted; trying again", err)
		return "Internal topics are missing, and could not be created in time; trying again.", false
	}
	topics, err := internalTopics(topology, quota.topics)
	if err != nil { // this gateway's broker knows less than the coordinator did, or more
		return s.prefix.ErrorText(fmt.Sprintf("Internal topics are missing; %v; trying again.", err)), false
	}
	var names, problems []string
	for i := range topics {
		t := &topics[i]
		name, _ := s.logical(t.Topic)
		names = append(names, name)
		t.Topic = name
		switch code, why := admitTopic(ctx, s, t, quota); code {
		case 0:
		case kerr.TopicAuthorizationFailed.Code:
			problems = append(problems, "Unauthorized to CREATE on topic "+name)
		default:
			problems = append(problems, fmt.Sprintf("Creation failed: %s (%s)", name, why))
		}
		t.Topic = s.physical(name)
	}
	if len(problems) == 0 && len(topics) > 0 {
		problems, done = s.createTopics(ctx, topics)
	} else {
		done = len(topics) > 0 && quota.throttle == 0
	}
	problems = append([]string{"Internal topics are missing: [" + strings.Join(names, ", ") + "]"}, problems...)
	return s.prefix.ErrorText(strings.Join(problems, "; ")), done
}

// createTopics creates topics (physical names) with the platform's rights, and returns why some were not.
func (s *session) createTopics(ctx context.Context, topics []kmsg.CreateTopicsRequestTopic) (problems []string, done bool) {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = topics, int32(controlRequestTimeout.Milliseconds()/2)
	response, err := s.controlRequest(ctx, request)
	if err != nil {
		s.gateway.warn("the internal topics of a streams group cannot be created; trying again", err)
		return []string{"the cluster did not answer in time; trying again"}, false
	}
	made := map[string]int32{}
	for _, t := range topics {
		made[t.Topic] = t.NumPartitions
	}
	for _, t := range response.(*kmsg.CreateTopicsResponse).Topics {
		switch t.ErrorCode {
		case 0:
			s.changedTopic(t.Topic, made[t.Topic])
			s.learnTopic(t.TopicID, t.Topic)
		case kerr.TopicAlreadyExists.Code: // another gateway's group came first
		default:
			why := kerr.TypedErrorForCode(t.ErrorCode).Description
			if t.ErrorMessage != nil {
				why = *t.ErrorMessage
			}
			problems = append(problems, fmt.Sprintf("Creation failed: %s (%s)", t.Topic, why))
		}
	}
	return problems, true
}

// internalTopics are the topics that a topology needs and that do not exist, with as many partitions as Kafka would
// give them (KIP-1071): a repartition topic has what it asks for, or else the most of what feeds it, or else what
// those have that it is joined with; a changelog has the most of what its subtopology reads.
func internalTopics(topology *kmsg.StreamsGroupHeartbeatRequestTopology, existing map[string]int32) ([]kmsg.CreateTopicsRequestTopic, error) {
	p := partitioning{topology.Subtopologies, existing, map[string]int32{}}
	if err := p.decideRepartitions(); err != nil {
		return nil, err
	}
	p.joinCopartitions()
	for _, t := range p.subtopologies {
		most, err := p.most(t)
		if err != nil {
			return nil, err
		}
		for _, changelog := range t.StateChangelogTopics {
			p.decided[changelog.Topic] = most
		}
	}
	missing := map[string]kmsg.CreateTopicsRequestTopic{}
	for _, t := range p.subtopologies {
		for _, info := range slices.Concat(t.RepartitionSourceTopics, t.StateChangelogTopics) {
			if _, exists := existing[info.Topic]; exists {
				continue
			}
			topic := kmsg.NewCreateTopicsRequestTopic()
			topic.Topic, topic.NumPartitions, topic.ReplicationFactor = info.Topic, p.decided[info.Topic], -1
			for _, c := range info.Configs {
				topic.Configs = append(topic.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: c.Key, Value: &c.Value})
			}
			missing[info.Topic] = topic
		}
	}
	var topics []kmsg.CreateTopicsRequestTopic
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		topics = append(topics, missing[name])
	}
	return topics, nil
}

// partitioning is what is known on the way to the numbers of partitions.
type partitioning struct {
	subtopologies []kmsg.StreamsGroupHeartbeatRequestTopologySubtopology
	// existing counts win over decided ones, as in Kafka.
	existing, decided map[string]int32
}

func (p partitioning) of(topic string) (n int32, known bool) {
	if n, known = p.existing[topic]; !known {
		n, known = p.decided[topic]
	}
	return n, known
}

// most is the highest number among what a subtopology reads; the error names what has none yet.
func (p partitioning) most(t kmsg.StreamsGroupHeartbeatRequestTopologySubtopology) (most int32, err error) {
	names := slices.Clone(t.SourceTopics)
	for _, info := range t.RepartitionSourceTopics {
		names = append(names, info.Topic)
	}
	for _, name := range names {
		n, known := p.of(name)
		if !known {
			err = fmt.Errorf("the number of partitions of %s is not known", name)
		}
		most = max(most, n)
	}
	if most == 0 && err == nil {
		err = fmt.Errorf("the subtopology %.100q reads nothing", t.SubtopologyID)
	}
	return most, err
}

// decideRepartitions goes from source topics downstream, round by round.
func (p partitioning) decideRepartitions() error {
	open := map[string]bool{}
	for _, t := range p.subtopologies {
		for _, info := range t.RepartitionSourceTopics {
			if open[info.Topic] = info.NumPartitions == 0; !open[info.Topic] {
				p.decided[info.Topic] = info.NumPartitions
			}
		}
	}
	maps.DeleteFunc(open, func(_ string, needed bool) bool { return !needed })
	for len(open) > 0 {
		before := len(open)
		found := map[string]int32{}
		blocked := map[string]error{}
		for _, t := range p.subtopologies {
			most, err := p.most(t)
			for _, sink := range t.RepartitionSinkTopics {
				if !open[sink] {
					continue
				}
				if found[sink] = max(found[sink], most); err != nil {
					blocked[sink] = err
				}
			}
		}
		for sink, n := range found {
			if blocked[sink] == nil {
				p.decided[sink] = n
				delete(open, sink)
			}
		}
		if len(open) == before {
			name := slices.Sorted(maps.Keys(open))[0]
			return fmt.Errorf("the number of partitions of %s cannot be decided", name)
		}
	}
	return nil
}

// joinCopartitions gives repartition topics without a number of their own that of what they are joined with. Where
// topics that exist or have a number differ, the broker says so.
func (p partitioning) joinCopartitions() {
	for _, t := range p.subtopologies {
		for _, group := range t.CopartitionGroups {
			var flexible []string
			var fixed, most int32
			for _, i := range group.RepartitionSourceTopics {
				if int(i) < 0 || int(i) >= len(t.RepartitionSourceTopics) {
					continue // the broker refuses it
				}
				info := t.RepartitionSourceTopics[i]
				n, _ := p.of(info.Topic)
				if most = max(most, n); info.NumPartitions == 0 {
					flexible = append(flexible, info.Topic)
				} else {
					fixed = info.NumPartitions
				}
			}
			for _, i := range group.SourceTopics {
				if int(i) >= 0 && int(i) < len(t.SourceTopics) {
					fixed, _ = p.of(t.SourceTopics[i])
				}
			}
			for _, name := range flexible {
				if p.decided[name] = most; fixed > 0 {
					p.decided[name] = fixed
				}
			}
		}
	}
}
