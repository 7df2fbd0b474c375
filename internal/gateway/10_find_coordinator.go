package gateway

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// FindCoordinator: v0-6
//
// Behavior:
// * DESCRIBE on the group, else GROUP_AUTHORIZATION_FAILED; DESCRIBE on the transactional id, else
// TRANSACTIONAL_ID_AUTHORIZATION_FAILED. The other keys are answered.
// * A share coordinator's key is GROUP:TOPIC ID:PARTITION, with DESCRIBE on the group and on the topic; a topic id that
// is not the tenant's is UNKNOWN_TOPIC_ID, another form of key INVALID_REQUEST. It is brokers that look for these, so
// Apache Kafka answers CLUSTER_AUTHORIZATION_FAILED to who is none.
// * A coordinator has the address of its gateway.
//
// Version notes:
// * v1: transactional ids
// * v4: several keys
// * v6: share groups
func findCoordinator(ctx context.Context, s *session, r *kmsg.FindCoordinatorRequest) (step, error) {
	if r.Version < 4 {
		return findOneCoordinator(ctx, s, r)
	}
	var refused []kmsg.FindCoordinatorResponseCoordinator
	r.CoordinatorKeys, refused = sift(r.CoordinatorKeys, func(key *string) (answer kmsg.FindCoordinatorResponseCoordinator, _ bool) {
		if code := s.coordinatorError(ctx, r.CoordinatorType, *key, r.Version); code != 0 {
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
func findOneCoordinator(ctx context.Context, s *session, r *kmsg.FindCoordinatorRequest) (step, error) {
	if code := s.coordinatorError(ctx, r.CoordinatorType, r.CoordinatorKey, r.Version); code != 0 {
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
	shareCoordinator       = 2
)

func (s *session) coordinatorError(ctx context.Context, coordinatorType int8, key string, version int16) int16 {
	switch coordinatorType {
	case groupCoordinator:
		return s.groupError(authz.Describe, key)
	case transactionCoordinator:
		return s.transactionalIDError(authz.Describe, key)
	case shareCoordinator:
		if version >= 6 {
			return s.shareCoordinatorError(ctx, key)
		}
	}
	return kerr.InvalidRequest.Code
}

func (s *session) shareCoordinatorError(ctx context.Context, key string) int16 {
	parts := strings.Split(key, ":")
	if len(parts) < 3 { // a group id may have colons
		return kerr.InvalidRequest.Code
	}
	group, last := strings.Join(parts[:len(parts)-2], ":"), parts[len(parts)-2:]
	id, idError := base64.RawURLEncoding.DecodeString(last[0])
	if partition, err := strconv.ParseInt(last[1], 10, 32); err != nil || partition < 0 || idError != nil || len(id) != 16 {
		return kerr.InvalidRequest.Code
	}
	if code := s.groupError(authz.Describe, group); code != 0 {
		return code
	}
	return s.topicIDError(ctx, authz.Describe, [16]byte(id))
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
