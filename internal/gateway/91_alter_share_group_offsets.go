package gateway

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// AlterShareGroupOffsets: v0 (KIP-932)
//
// Behavior:
// * READ on the group, else GROUP_AUTHORIZATION_FAILED.
// * A new group over the tenant's quota of groups is POLICY_VIOLATION.
// * READ on each topic, else TOPIC_AUTHORIZATION_FAILED for its partitions. The other topics are altered.
// * An offset below 0 is INVALID_REQUEST for every partition of its topic: the embedded engine would hand out records
// that never were.
func alterShareGroupOffsets(ctx context.Context, s *session, r *kmsg.AlterShareGroupOffsetsRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.AlterShareGroupOffsetsResponse)
	if response.ErrorCode = s.groupError(authz.Read, r.GroupID); response.ErrorCode == 0 {
		response.ErrorCode = s.groupRoomError(ctx, r.GroupID)
	}
	if response.ErrorCode != 0 {
		return answered(response), nil
	}
	type topic = kmsg.AlterShareGroupOffsetsResponseTopic
	var refused []topic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.AlterShareGroupOffsetsRequestTopic) (answer topic, _ bool) {
		code := int16(0)
		if slices.ContainsFunc(t.Partitions, func(p kmsg.AlterShareGroupOffsetsRequestTopicPartition) bool { return p.StartOffset < 0 }) {
			code = kerr.InvalidRequest.Code
		} else {
			code = s.translateTopic(ctx, authz.Read, false, &t.Topic, [16]byte{})
		}
		if code == 0 {
			return answer, false
		}
		answer = kmsg.NewAlterShareGroupOffsetsResponseTopic()
		answer.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewAlterShareGroupOffsetsResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, code
			answer.Partitions = append(answer.Partitions, partition)
		}
		return answer, true
	})
	if len(r.Topics) == 0 && len(refused) > 0 {
		response.Topics = refused
		return answered(response), nil
	}
	r.GroupID = s.physical(r.GroupID)
	return forwarded(r, func(response *kmsg.AlterShareGroupOffsetsResponse) error {
		response.ErrorMessage = s.errorText(response.ErrorMessage)
		response.Topics = own(s, response.Topics, func(t *topic) *string { return &t.Topic })
		for i := range response.Topics {
			t := &response.Topics[i]
			s.learnTopic(t.TopicID, s.physical(t.Topic))
			for j := range t.Partitions {
				t.Partitions[j].ErrorMessage = s.errorText(t.Partitions[j].ErrorMessage)
			}
		}
		if response.ErrorCode == 0 {
			response.Topics = append(refused, response.Topics...)
		}
		return nil
	}), nil
}
