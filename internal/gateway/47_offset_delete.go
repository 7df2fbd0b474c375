package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// OffsetDelete: v0
//
// Behavior:
// * DELETE on the group, else GROUP_AUTHORIZATION_FAILED.
// * READ on each topic, else TOPIC_AUTHORIZATION_FAILED for its partitions.
// * The broker protects the topics that a live group subscribes to; it knows them from the blobs of JoinGroup (11).
func offsetDelete(ctx context.Context, s *session, r *kmsg.OffsetDeleteRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.OffsetDeleteResponse)
	if response.ErrorCode = s.groupError(authz.Delete, r.Group); response.ErrorCode != 0 {
		return answered(response), nil
	}
	var refused []kmsg.OffsetDeleteResponseTopic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.OffsetDeleteRequestTopic) (answer kmsg.OffsetDeleteResponseTopic, _ bool) {
		code := s.translateTopic(ctx, authz.Read, false, &t.Topic, [16]byte{})
		if code == 0 {
			return answer, false
		}
		answer = kmsg.NewOffsetDeleteResponseTopic()
		answer.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewOffsetDeleteResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, code
			answer.Partitions = append(answer.Partitions, partition)
		}
		return answer, true
	})
	if len(r.Topics) == 0 && len(refused) > 0 {
		response.Topics = refused
		return answered(response), nil
	}
	r.Group = s.physical(r.Group)
	return forwarded(r, func(response *kmsg.OffsetDeleteResponse) error {
		response.Topics = own(s, response.Topics, func(t *kmsg.OffsetDeleteResponseTopic) *string { return &t.Topic })
		if response.ErrorCode == 0 {
			response.Topics = append(refused, response.Topics...)
		}
		return nil
	}), nil
}
