package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// OffsetForLeaderEpoch: v2-4
//
// Behavior:
// * DESCRIBE on each topic, else TOPIC_AUTHORIZATION_FAILED for its partitions. The other topics are answered.
// * A tenant is never a follower: ReplicaId is -1.
//
// Version notes:
// * v3: ReplicaId
// * v4: flexible versions
func offsetForLeaderEpoch(ctx context.Context, s *session, r *kmsg.OffsetForLeaderEpochRequest) (step, error) {
	r.ReplicaID = -1
	var refused []kmsg.OffsetForLeaderEpochResponseTopic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.OffsetForLeaderEpochRequestTopic) (answer kmsg.OffsetForLeaderEpochResponseTopic, _ bool) {
		code := s.translateTopic(ctx, authz.Describe, false, &t.Topic, [16]byte{})
		if code == 0 {
			return answer, false
		}
		answer = kmsg.NewOffsetForLeaderEpochResponseTopic()
		answer.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, code
			answer.Partitions = append(answer.Partitions, partition)
		}
		return answer, true
	})
	if len(r.Topics) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		response.Topics = refused
		return answered(response), nil
	}
	return forwarded(r, func(response *kmsg.OffsetForLeaderEpochResponse) error {
		response.Topics = own(s, response.Topics, func(t *kmsg.OffsetForLeaderEpochResponseTopic) *string { return &t.Topic })
		response.Topics = append(refused, response.Topics...)
		return nil
	}), nil
}
