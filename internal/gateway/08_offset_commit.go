package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// OffsetCommit: v2-10
//
// Behavior:
// * READ on the group, else GROUP_AUTHORIZATION_FAILED for every partition.
// * A new group over the tenant's quota of groups is POLICY_VIOLATION for every partition.
// * READ on each topic, else TOPIC_AUTHORIZATION_FAILED for its partitions; the other topics are committed.
// * A topic id that is not the tenant's is UNKNOWN_TOPIC_ID.
//
// Version notes:
// * v10: topic ids instead of names
func offsetCommit(ctx context.Context, s *session, r *kmsg.OffsetCommitRequest) (step, error) {
	groupCode, byID := s.groupError(authz.Read, r.Group), r.Version >= 10
	if groupCode == 0 && r.Generation < 0 { // a member's commit begins no group
		groupCode = s.groupRoomError(ctx, r.Group)
	}
	var refused []kmsg.OffsetCommitResponseTopic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.OffsetCommitRequestTopic) (kmsg.OffsetCommitResponseTopic, bool) {
		code := groupCode
		if code == 0 {
			code = s.translateTopic(ctx, authz.Read, byID, &t.Topic, t.TopicID)
		}
		if code == 0 {
			return kmsg.OffsetCommitResponseTopic{}, false
		}
		return refusedOffsetCommit(t, code), true
	})
	if groupCode != 0 || len(r.Topics) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.OffsetCommitResponse)
		response.Topics = refused
		return answered(response), nil
	}
	r.Group = s.physical(r.Group)
	return forwarded(r, func(response *kmsg.OffsetCommitResponse) error {
		if !byID {
			response.Topics = own(s, response.Topics, func(t *kmsg.OffsetCommitResponseTopic) *string { return &t.Topic })
		}
		response.Topics = append(refused, response.Topics...)
		return nil
	}), nil
}

func refusedOffsetCommit(t *kmsg.OffsetCommitRequestTopic, code int16) kmsg.OffsetCommitResponseTopic {
	answer := kmsg.NewOffsetCommitResponseTopic()
	answer.Topic, answer.TopicID = t.Topic, t.TopicID
	for _, p := range t.Partitions {
		partition := kmsg.NewOffsetCommitResponseTopicPartition()
		partition.Partition, partition.ErrorCode = p.Partition, code
		answer.Partitions = append(answer.Partitions, partition)
	}
	return answer
}
