package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// DescribeShareGroupOffsets: v0-1 (KIP-932)
//
// Behavior:
// * DESCRIBE on each group, else GROUP_AUTHORIZATION_FAILED for it.
// * DESCRIBE on each topic, else TOPIC_AUTHORIZATION_FAILED for its partitions. Null topics, which are all of the
// group's, leave out the topics that may not be described.
//
// Version notes:
// * v1: lag (KIP-1226)
func describeShareGroupOffsets(ctx context.Context, s *session, r *kmsg.DescribeShareGroupOffsetsRequest) (step, error) {
	type group = kmsg.DescribeShareGroupOffsetsResponseGroup
	refusedTopics := map[string][]kmsg.DescribeShareGroupOffsetsResponseGroupTopic{} // of each group that goes on
	var refused []group
	r.Groups, refused = sift(r.Groups, func(g *kmsg.DescribeShareGroupOffsetsRequestGroup) (answer group, _ bool) {
		if code := s.groupError(authz.Describe, g.GroupID); code != 0 {
			answer = kmsg.NewDescribeShareGroupOffsetsResponseGroup()
			answer.GroupID, answer.ErrorCode = g.GroupID, code
			return answer, true
		}
		g.GroupID = s.physical(g.GroupID)
		g.Topics, refusedTopics[g.GroupID] = siftShareOffsetTopics(ctx, s, g.Topics)
		return answer, false
	})
	if len(r.Groups) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.DescribeShareGroupOffsetsResponse)
		response.Groups = refused
		return answered(response), nil
	}
	return forwarded(r, func(response *kmsg.DescribeShareGroupOffsetsResponse) error {
		for i := range response.Groups {
			g := &response.Groups[i]
			finishShareOffsets(s, g)
			if g.ErrorCode == 0 {
				g.Topics = append(refusedTopics[g.GroupID], g.Topics...)
			}
		}
		response.Groups = own(s, response.Groups, func(g *group) *string { return &g.GroupID })
		response.Groups = append(refused, response.Groups...)
		return nil
	}), nil
}

func siftShareOffsetTopics(ctx context.Context, s *session, topics []kmsg.DescribeShareGroupOffsetsRequestGroupTopic) ([]kmsg.DescribeShareGroupOffsetsRequestGroupTopic, []kmsg.DescribeShareGroupOffsetsResponseGroupTopic) {
	return sift(topics, func(t *kmsg.DescribeShareGroupOffsetsRequestGroupTopic) (answer kmsg.DescribeShareGroupOffsetsResponseGroupTopic, _ bool) {
		code := s.translateTopic(ctx, authz.Describe, false, &t.Topic, [16]byte{})
		if code == 0 {
			return answer, false
		}
		answer = kmsg.NewDescribeShareGroupOffsetsResponseGroupTopic()
		answer.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewDescribeShareGroupOffsetsResponseGroupTopicPartition()
			partition.Partition, partition.StartOffset, partition.Lag, partition.ErrorCode = p, -1, -1, code
			answer.Partitions = append(answer.Partitions, partition)
		}
		return answer, true
	})
}

// finishShareOffsets leaves of a group's topics those that are the tenant's and may be described, which matters
// where the request named none.
func finishShareOffsets(s *session, g *kmsg.DescribeShareGroupOffsetsResponseGroup) {
	g.ErrorMessage = s.errorText(g.ErrorMessage)
	g.Topics = own(s, g.Topics, func(t *kmsg.DescribeShareGroupOffsetsResponseGroupTopic) *string { return &t.Topic })
	g.Topics, _ = sift(g.Topics, func(t *kmsg.DescribeShareGroupOffsetsResponseGroupTopic) (struct{}, bool) {
		s.learnTopic(t.TopicID, s.physical(t.Topic))
		for i := range t.Partitions {
			t.Partitions[i].ErrorMessage = s.errorText(t.Partitions[i].ErrorMessage)
		}
		return struct{}{}, s.topicError(authz.Describe, t.Topic) != 0
	})
}
