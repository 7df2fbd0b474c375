package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// DeleteShareGroupOffsets: v0 (KIP-932)
//
// Behavior:
// * DELETE on the group, else GROUP_AUTHORIZATION_FAILED.
// * READ on each topic, else TOPIC_AUTHORIZATION_FAILED for it. The offsets of the other topics are deleted.
func deleteShareGroupOffsets(ctx context.Context, s *session, r *kmsg.DeleteShareGroupOffsetsRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.DeleteShareGroupOffsetsResponse)
	if response.ErrorCode = s.groupError(authz.Delete, r.GroupID); response.ErrorCode != 0 {
		return answered(response), nil
	}
	type topic = kmsg.DeleteShareGroupOffsetsResponseTopic
	var refused []topic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.DeleteShareGroupOffsetsRequestTopic) (answer topic, _ bool) {
		code := s.translateTopic(ctx, authz.Read, false, &t.Topic, [16]byte{})
		if code == 0 {
			return answer, false
		}
		answer = kmsg.NewDeleteShareGroupOffsetsResponseTopic()
		answer.Topic, answer.ErrorCode = t.Topic, code
		return answer, true
	})
	if len(r.Topics) == 0 && len(refused) > 0 {
		response.Topics = refused
		return answered(response), nil
	}
	r.GroupID = s.physical(r.GroupID)
	return forwarded(r, func(response *kmsg.DeleteShareGroupOffsetsResponse) error {
		response.ErrorMessage = s.errorText(response.ErrorMessage)
		response.Topics = own(s, response.Topics, func(t *topic) *string { return &t.Topic })
		for i := range response.Topics {
			t := &response.Topics[i]
			s.learnTopic(t.TopicID, s.physical(t.Topic))
			t.ErrorMessage = s.errorText(t.ErrorMessage)
		}
		if response.ErrorCode == 0 {
			response.Topics = append(refused, response.Topics...)
		}
		return nil
	}), nil
}
