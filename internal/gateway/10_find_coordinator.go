package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// FindCoordinator: v0-6
//
// Behavior:
// * DESCRIBE on the group, else GROUP_AUTHORIZATION_FAILED; DESCRIBE on the transactional id, else
// TRANSACTIONAL_ID_AUTHORIZATION_FAILED. The other keys are answered.
// * Share coordinators are what brokers look for, not clients: INVALID_REQUEST.
// * A coordinator has the address of its gateway.
//
// Version notes:
// * v1: transactional ids
// * v4: several keys
// * v6: share groups
func findCoordinator(_ context.Context, s *session, r *kmsg.FindCoordinatorRequest) (step, error) {
	if r.Version < 4 {
		return findOneCoordinator(s, r)
	}
	var refused []kmsg.FindCoordinatorResponseCoordinator
	r.CoordinatorKeys, refused = sift(r.CoordinatorKeys, func(key *string) (answer kmsg.FindCoordinatorResponseCoordinator, _ bool) {
		if code := s.coordinatorError(r.CoordinatorType, *key); code != 0 {
			answer = kmsg.NewFindCoordinatorResponseCoordinator()
			answer.Key, answer.NodeID, answer.Port, answer.ErrorCode = *key, -1, -1, code
			return answer, true
		}
		*key = s.physical(*key)
		return answer, false
	})
	if len(r.CoordinatorKeys) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.FindCoordinatorResponse)
		response.Coordinators = refused
		return answered(response), nil
	}
	return forwarded(r, func(response *kmsg.FindCoordinatorResponse) error {
		response.Coordinators = own(s, response.Coordinators, func(c *kmsg.FindCoordinatorResponseCoordinator) *string { return &c.Key })
		for i := range response.Coordinators {
			c := &response.Coordinators[i]
			c.ErrorMessage = s.errorText(c.ErrorMessage)
			c.Host, c.Port, c.ErrorCode = s.coordinatorAddress(c.NodeID, c.ErrorCode)
		}
		response.Coordinators = append(refused, response.Coordinators...)
		return nil
	}), nil
}

// findOneCoordinator is FindCoordinator below version 4.
func findOneCoordinator(s *session, r *kmsg.FindCoordinatorRequest) (step, error) {
	if code := s.coordinatorError(r.CoordinatorType, r.CoordinatorKey); code != 0 {
		response := r.ResponseKind().(*kmsg.FindCoordinatorResponse)
		response.NodeID, response.Port, response.ErrorCode = -1, -1, code
		return answered(response), nil
	}
	r.CoordinatorKey = s.physical(r.CoordinatorKey)
	return forwarded(r, func(response *kmsg.FindCoordinatorResponse) error {
		response.ErrorMessage = s.errorText(response.ErrorMessage)
		response.Host, response.Port, response.ErrorCode = s.coordinatorAddress(response.NodeID, response.ErrorCode)
		return nil
	}), nil
}

// Types of coordinator.
const (
	groupCoordinator       = 0
	transactionCoordinator = 1
)

func (s *session) coordinatorError(coordinatorType int8, key string) int16 {
	switch coordinatorType {
	case groupCoordinator:
		return s.groupError(authz.Describe, key)
	case transactionCoordinator:
		return s.transactionalIDError(authz.Describe, key)
	}
	return kerr.InvalidRequest.Code
}

// coordinatorAddress returns the address of a coordinator's gateway.
func (s *session) coordinatorAddress(node int32, code int16) (string, int32, int16) {
	if code != 0 {
		return "", -1, code
	}
	host, port, ok := s.endpoint(node)
	if !ok {
		return "", -1, kerr.CoordinatorNotAvailable.Code
	}
	return host, port, 0
}
