package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// EndTxn: v0-5
//
// Behavior:
// * WRITE on the transactional id, else TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
// * A producer id that is not the transactional id's is INVALID_PRODUCER_ID_MAPPING.
//
// Version notes:
// * v5: the response tells the next epoch, and the next producer id where the epochs are used up (KIP-890)
func endTxn(ctx context.Context, s *session, r *kmsg.EndTxnRequest) (step, error) {
	code := s.transactionalIDError(authz.Write, r.TransactionalID)
	physical := s.physical(r.TransactionalID)
	if code == 0 {
		code = s.producerError(ctx, physical, r.ProducerID, kerr.CoordinatorNotAvailable)
	}
	if code != 0 {
		response := r.ResponseKind().(*kmsg.EndTxnResponse)
		response.ErrorCode, response.ProducerID, response.ProducerEpoch = code, -1, -1
		return answered(response), nil
	}
	r.TransactionalID = physical
	return forwarded(r, func(response *kmsg.EndTxnResponse) error {
		if response.ErrorCode == 0 && response.Version >= 5 {
			s.learnProducer(physical, response.ProducerID)
		}
		return nil
	}), nil
}
