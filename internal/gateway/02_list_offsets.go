package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// ListOffsets: v1-11
//
// Behavior:
// * DESCRIBE on each topic, else TOPIC_AUTHORIZATION_FAILED for its partitions. The other topics are answered.
// * A tenant is never a follower: ReplicaId is -1.
// * The special timestamps pass; what they mean is the broker's.
// * An isolation level that Kafka does not have is UNKNOWN_SERVER_ERROR, as from Apache Kafka (isolationlevel.go).
//
// Version notes:
// * v2: isolation level
// * v4: leader epochs
// * v6: flexible versions
func listOffsets(ctx context.Context, s *session, r *kmsg.ListOffsetsRequest) (step, error) {
	if unknownIsolationLevel(r.IsolationLevel) {
		return listOffsetsAtUnknownLevel(r), nil
	}
	r.ReplicaID = -1
	var refused []kmsg.ListOffsetsResponseTopic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.ListOffsetsRequestTopic) (answer kmsg.ListOffsetsResponseTopic, _ bool) {
		code := s.translateTopic(ctx, authz.Describe, false, &t.Topic, [16]byte{})
		if code == 0 {
			return answer, false
		}
		return unlisted(t, code), true
	})
	if len(r.Topics) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.ListOffsetsResponse)
		response.Topics = refused
		return answered(response), nil
	}
	return forwarded(r, func(response *kmsg.ListOffsetsResponse) error {
		response.Topics = own(s, response.Topics, func(t *kmsg.ListOffsetsResponseTopic) *string { return &t.Topic })
		response.Topics = append(refused, response.Topics...)
		return nil
	}), nil
}

// unlisted answers an error for every partition of a topic.
func unlisted(t *kmsg.ListOffsetsRequestTopic, code int16) kmsg.ListOffsetsResponseTopic {
	answer := kmsg.NewListOffsetsResponseTopic()
	answer.Topic = t.Topic
	for _, p := range t.Partitions {
		partition := kmsg.NewListOffsetsResponseTopicPartition()
		partition.Partition, partition.ErrorCode = p.Partition, code
		answer.Partitions = append(answer.Partitions, partition)
	}
	return answer
}
