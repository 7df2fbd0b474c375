package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// InitProducerID: v0-5
//
// Behavior:
// * With a transactional id: WRITE on it, else TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
// * Without: IDEMPOTENT_WRITE on the cluster or WRITE on any topic (KIP-679), else CLUSTER_AUTHORIZATION_FAILED.
// * What would be one producer id too many in too short a time is COORDINATOR_LOAD_IN_PROGRESS, with the time to wait
// as throttle time: clients of every age try again then, and few do after THROTTLING_QUOTA_EXCEEDED.
// * A producer id that the client brings must be the transactional id's: INVALID_PRODUCER_ID_MAPPING.
//
// Version notes:
// * v3: a client may bring the producer id and epoch that it has (KIP-360)
// * v6: two-phase commit (KIP-939), not offered
func initProducerID(ctx context.Context, s *session, r *kmsg.InitProducerIDRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.InitProducerIDResponse)
	response.ProducerID, response.ProducerEpoch = -1, -1
	if r.TransactionalID == nil {
		if !s.allowed(authz.IdempotentWrite, orrery.CRNKafka, "") && !s.allowedSomewhere(authz.Write) {
			response.ErrorCode = kerr.ClusterAuthorizationFailed.Code
			return answered(response), nil
		}
		if s.throttleProducer(response) {
			return answered(response), nil
		}
		return forwarded(r, func(response *kmsg.InitProducerIDResponse) error {
			if response.ErrorCode == 0 {
				s.learnGivenProducer(response.ProducerID)
			}
			return nil
		}), nil
	}
	if response.ErrorCode = s.transactionalIDError(authz.Write, *r.TransactionalID); response.ErrorCode != 0 {
		return answered(response), nil
	}
	physical := s.physical(*r.TransactionalID)
	if r.Version >= 3 && r.ProducerID >= 0 {
		if response.ErrorCode = s.producerError(ctx, physical, r.ProducerID, kerr.CoordinatorNotAvailable); response.ErrorCode != 0 {
			return answered(response), nil
		}
	} else if s.throttleProducer(response) {
		return answered(response), nil
	}
	r.TransactionalID = &physical
	return forwarded(r, func(response *kmsg.InitProducerIDResponse) error {
		if response.ErrorCode == 0 {
			s.learnProducer(physical, response.ProducerID)
			s.learnGivenProducer(response.ProducerID)
		}
		return nil
	}), nil
}

// throttleProducer reports whether the client has to wait for a new producer id, and says so in the response.
func (s *session) throttleProducer(response *kmsg.InitProducerIDResponse) bool {
	wait := s.newProducer()
	if wait > 0 {
		response.ErrorCode = kerr.CoordinatorLoadInProgress.Code
		response.ThrottleMillis = int32(min(wait, maxThrottle).Milliseconds() + 1)
	}
	return wait > 0
}
