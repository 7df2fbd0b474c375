package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// AddOffsetsToTxn: v0-4
//
// Behavior:
// * WRITE on the transactional id, else TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
// * READ on the group, else GROUP_AUTHORIZATION_FAILED.
// * A producer id that is not the transactional id's is INVALID_PRODUCER_ID_MAPPING.
func addOffsetsToTxn(ctx context.Context, s *session, r *kmsg.AddOffsetsToTxnRequest) (step, error) {
	code := s.transactionalIDError(authz.Write, r.TransactionalID)
	if code == 0 {
		code = s.groupError(authz.Read, r.Group)
	}
	r.TransactionalID, r.Group = s.physical(r.TransactionalID), s.physical(r.Group)
	if code == 0 {
		code = s.producerError(ctx, r.TransactionalID, r.ProducerID, kerr.CoordinatorNotAvailable)
	}
	if code != 0 {
		response := r.ResponseKind().(*kmsg.AddOffsetsToTxnResponse)
		response.ErrorCode = code
		return answered(response), nil
	}
	return step{forward: r}, nil
}
