package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// OffsetFetch: v1-10
//
// Behavior:
// * DESCRIBE on the group, else GROUP_AUTHORIZATION_FAILED for the group.
// * DESCRIBE on each topic, else TOPIC_AUTHORIZATION_FAILED for its partitions. Null topics, which are all of the
// group's, leave out the topics that may not be described.
// * A topic id that is not the tenant's is UNKNOWN_TOPIC_ID.
//
// Version notes:
// * v1: an error is told for each partition
// * v2: null topics, and an error of the group
// * v8: several groups
// * v10: topic ids instead of names
func offsetFetch(ctx context.Context, s *session, r *kmsg.OffsetFetchRequest) (step, error) {
	if r.Version < 8 {
		return offsetFetchOne(ctx, s, r)
	}
	refusedTopics := map[string][]kmsg.OffsetFetchResponseGroupTopic{} // of each group that goes on
	var refused []kmsg.OffsetFetchResponseGroup
	r.Groups, refused = sift(r.Groups, func(g *kmsg.OffsetFetchRequestGroup) (answer kmsg.OffsetFetchResponseGroup, _ bool) {
		if code := s.groupError(authz.Describe, g.Group); code != 0 {
			answer = kmsg.NewOffsetFetchResponseGroup()
			answer.Group, answer.ErrorCode = g.Group, code
			return answer, true
		}
		g.Group = s.physical(g.Group)
		g.Topics, refusedTopics[g.Group] = siftOffsetFetchTopics(ctx, s, r.Version >= 10, g.Topics)
		return answer, false
	})
	if len(r.Groups) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.OffsetFetchResponse)
		response.Groups = refused
		return answered(response), nil
	}
	return forwarded(r, func(response *kmsg.OffsetFetchResponse) error {
		for i := range response.Groups {
			g := &response.Groups[i]
			finishOffsetFetchGroup(ctx, s, r.Version >= 10, g)
			if g.ErrorCode == 0 {
				g.Topics = append(refusedTopics[g.Group], g.Topics...)
			}
		}
		response.Groups = own(s, response.Groups, func(g *kmsg.OffsetFetchResponseGroup) *string { return &g.Group })
		response.Groups = append(refused, response.Groups...)
		return nil
	}), nil
}

func siftOffsetFetchTopics(ctx context.Context, s *session, byID bool, topics []kmsg.OffsetFetchRequestGroupTopic) ([]kmsg.OffsetFetchRequestGroupTopic, []kmsg.OffsetFetchResponseGroupTopic) {
	return sift(topics, func(t *kmsg.OffsetFetchRequestGroupTopic) (answer kmsg.OffsetFetchResponseGroupTopic, _ bool) {
		code := s.translateTopic(ctx, authz.Describe, byID, &t.Topic, t.TopicID)
		if code == 0 {
			return answer, false
		}
		answer = kmsg.NewOffsetFetchResponseGroupTopic()
		answer.Topic, answer.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			partition := kmsg.NewOffsetFetchResponseGroupTopicPartition()
			partition.Partition, partition.Offset, partition.LeaderEpoch, partition.ErrorCode = p, -1, -1, code
			answer.Partitions = append(answer.Partitions, partition)
		}
		return answer, true
	})
}

// finishOffsetFetchGroup leaves of a group's topics those that are the tenant's and may be described, which
// matters where the request named none.
func finishOffsetFetchGroup(ctx context.Context, s *session, byID bool, g *kmsg.OffsetFetchResponseGroup) {
	g.Topics, _ = sift(g.Topics, func(t *kmsg.OffsetFetchResponseGroupTopic) (struct{}, bool) {
		if byID {
			return struct{}{}, s.topicIDError(ctx, authz.Describe, t.TopicID) != 0
		}
		name, ok := s.logical(t.Topic)
		t.Topic = name
		return struct{}{}, !ok || !s.allowed(authz.Describe, orrery.CRNTopic, name)
	})
}

func offsetFetchOne(ctx context.Context, s *session, r *kmsg.OffsetFetchRequest) (step, error) {
	groupCode := s.groupError(authz.Describe, r.Group)
	var refused []kmsg.OffsetFetchResponseTopic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.OffsetFetchRequestTopic) (answer kmsg.OffsetFetchResponseTopic, _ bool) {
		code := groupCode
		if code == 0 {
			code = s.translateTopic(ctx, authz.Describe, false, &t.Topic, [16]byte{})
		}
		if code == 0 {
			return answer, false
		}
		answer = kmsg.NewOffsetFetchResponseTopic()
		answer.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewOffsetFetchResponseTopicPartition()
			partition.Partition, partition.Offset, partition.LeaderEpoch, partition.ErrorCode = p, -1, -1, code
			answer.Partitions = append(answer.Partitions, partition)
		}
		return answer, true
	})
	if groupCode != 0 || len(r.Topics) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.OffsetFetchResponse)
		response.Topics, response.ErrorCode = refused, groupCode
		return answered(response), nil
	}
	r.Group = s.physical(r.Group)
	return forwarded(r, func(response *kmsg.OffsetFetchResponse) error {
		response.Topics = own(s, response.Topics, func(t *kmsg.OffsetFetchResponseTopic) *string { return &t.Topic })
		response.Topics, _ = sift(response.Topics, func(t *kmsg.OffsetFetchResponseTopic) (struct{}, bool) {
			return struct{}{}, !s.allowed(authz.Describe, orrery.CRNTopic, t.Topic)
		})
		response.Topics = append(refused, response.Topics...)
		return nil
	}), nil
}
