package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// TxnOffsetCommit: v0-6
//
// Behavior:
// * WRITE on the transactional id, else TRANSACTIONAL_ID_AUTHORIZATION_FAILED for every partition.
// * READ on the group, else GROUP_AUTHORIZATION_FAILED for every partition.
// * A new group over the tenant's quota of groups is POLICY_VIOLATION for every partition.
// * READ on each topic, else TOPIC_AUTHORIZATION_FAILED for its partitions; the other topics are committed.
// * A topic id that is not the tenant's is UNKNOWN_TOPIC_ID.
// * The producer id is the broker's to check, on either engine.
//
// Version notes:
// * v3: group membership is checked (KIP-447)
// * v6: topic ids instead of names
func txnOffsetCommit(ctx context.Context, s *session, r *kmsg.TxnOffsetCommitRequest) (step, error) {
	requestCode, byID := s.transactionalIDError(authz.Write, r.TransactionalID), r.Version >= 6
	if requestCode == 0 {
		requestCode = s.groupError(authz.Read, r.Group)
	}
	if requestCode == 0 && r.Generation < 0 { // a member's commit begins no group
		requestCode = s.groupRoomError(ctx, r.Group)
	}
	var refused []kmsg.TxnOffsetCommitResponseTopic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.TxnOffsetCommitRequestTopic) (kmsg.TxnOffsetCommitResponseTopic, bool) {
		code := requestCode
		if code == 0 {
			code = s.translateTopic(ctx, authz.Read, byID, &t.Topic, t.TopicID)
		}
		if code == 0 {
			return kmsg.TxnOffsetCommitResponseTopic{}, false
		}
		return refusedTxnOffsetCommit(t, code), true
	})
	if requestCode != 0 || len(r.Topics) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
		response.Topics = refused
		return answered(response), nil
	}
	r.TransactionalID, r.Group = s.physical(r.TransactionalID), s.physical(r.Group)
	return forwarded(r, func(response *kmsg.TxnOffsetCommitResponse) error {
		if !byID {
			response.Topics = own(s, response.Topics, func(t *kmsg.TxnOffsetCommitResponseTopic) *string { return &t.Topic })
		}
		response.Topics = append(refused, response.Topics...)
		return nil
	}), nil
}

func refusedTxnOffsetCommit(t *kmsg.TxnOffsetCommitRequestTopic, code int16) kmsg.TxnOffsetCommitResponseTopic {
	answer := kmsg.NewTxnOffsetCommitResponseTopic()
	answer.Topic, answer.TopicID = t.Topic, t.TopicID
	for _, p := range t.Partitions {
		partition := kmsg.NewTxnOffsetCommitResponseTopicPartition()
		partition.Partition, partition.ErrorCode = p.Partition, code
		answer.Partitions = append(answer.Partitions, partition)
	}
	return answer
}
