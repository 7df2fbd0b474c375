package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// AddPartitionsToTxn: v0-3
//
// Behavior:
// * WRITE on the transactional id, else TRANSACTIONAL_ID_AUTHORIZATION_FAILED for every partition.
// * A producer id that is not the transactional id's is INVALID_PRODUCER_ID_MAPPING for every partition.
// * WRITE on each topic, else TOPIC_AUTHORIZATION_FAILED for its partitions and OPERATION_NOT_ATTEMPTED for the
// others: it is all or nothing.
//
// Version notes:
// * v4: several transactions, for brokers only (KIP-890), not offered
func addPartitionsToTxn(ctx context.Context, s *session, r *kmsg.AddPartitionsToTxnRequest) (step, error) {
	code := s.transactionalIDError(authz.Write, r.TransactionalID)
	physical := s.physical(r.TransactionalID)
	if code == 0 {
		code = s.producerError(ctx, physical, r.ProducerID, kerr.CoordinatorNotAvailable)
	}
	response := r.ResponseKind().(*kmsg.AddPartitionsToTxnResponse)
	refused := code != 0
	for _, t := range r.Topics {
		topicCode := code
		if topicCode == 0 {
			topicCode = s.topicError(authz.Write, t.Topic)
		}
		refused = refused || topicCode != 0
		if topicCode == 0 {
			topicCode = kerr.OperationNotAttempted.Code
		}
		response.Topics = append(response.Topics, refusedAddition(t, topicCode))
	}
	if refused {
		return answered(response), nil
	}
	r.TransactionalID = physical
	for i := range r.Topics {
		r.Topics[i].Topic = s.physical(r.Topics[i].Topic)
	}
	return forwarded(r, func(response *kmsg.AddPartitionsToTxnResponse) error {
		response.Topics = own(s, response.Topics, func(t *kmsg.AddPartitionsToTxnResponseTopic) *string { return &t.Topic })
		return nil
	}), nil
}

func refusedAddition(t kmsg.AddPartitionsToTxnRequestTopic, code int16) kmsg.AddPartitionsToTxnResponseTopic {
	answer := kmsg.NewAddPartitionsToTxnResponseTopic()
	answer.Topic = t.Topic
	for _, p := range t.Partitions {
		partition := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
		partition.Partition, partition.ErrorCode = p, code
		answer.Partitions = append(answer.Partitions, partition)
	}
	return answer
}
