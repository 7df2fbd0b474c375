package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// Heartbeat: v0-4
//
// Behavior:
// * READ on the group, else GROUP_AUTHORIZATION_FAILED.
func heartbeat(_ context.Context, s *session, r *kmsg.HeartbeatRequest) (step, error) {
	if code := s.groupError(authz.Read, r.Group); code != 0 {
		response := r.ResponseKind().(*kmsg.HeartbeatResponse)
		response.ErrorCode = code
		return answered(response), nil
	}
	r.Group = s.physical(r.Group)
	group, member := r.Group, r.MemberID
	return forwarded(r, func(response *kmsg.HeartbeatResponse) error {
		if response.ErrorCode == 0 {
			s.gateway.hosts.remember(group, member, s.clientHost)
		}
		return nil
	}), nil
}
