package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// DeleteRecords: v0-2
//
// Behavior:
// * DELETE on each topic, else TOPIC_AUTHORIZATION_FAILED for its partitions.
func deleteRecords(ctx context.Context, s *session, r *kmsg.DeleteRecordsRequest) (step, error) {
	var refused []kmsg.DeleteRecordsResponseTopic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.DeleteRecordsRequestTopic) (answer kmsg.DeleteRecordsResponseTopic, _ bool) {
		code := s.translateTopic(ctx, authz.Delete, false, &t.Topic, [16]byte{})
		if code == 0 {
			return answer, false
		}
		answer = kmsg.NewDeleteRecordsResponseTopic()
		answer.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewDeleteRecordsResponseTopicPartition()
			partition.Partition, partition.LowWatermark, partition.ErrorCode = p.Partition, -1, code
			answer.Partitions = append(answer.Partitions, partition)
		}
		return answer, true
	})
	if len(r.Topics) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.DeleteRecordsResponse)
		response.Topics = refused
		return answered(response), nil
	}
	return forwarded(r, func(response *kmsg.DeleteRecordsResponse) error {
		response.Topics = own(s, response.Topics, func(t *kmsg.DeleteRecordsResponseTopic) *string { return &t.Topic })
		response.Topics = append(refused, response.Topics...)
		return nil
	}), nil
}
