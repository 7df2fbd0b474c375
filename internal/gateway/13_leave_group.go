package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// LeaveGroup: v0-5
//
// Behavior:
// * READ on the group, else GROUP_AUTHORIZATION_FAILED.
//
// Version notes:
// * v3: several members, also by group.instance.id
func leaveGroup(_ context.Context, s *session, r *kmsg.LeaveGroupRequest) (step, error) {
	if code := s.groupError(authz.Read, r.Group); code != 0 {
		response := r.ResponseKind().(*kmsg.LeaveGroupResponse)
		response.ErrorCode = code
		return answered(response), nil
	}
	r.Group = s.physical(r.Group)
	return step{forward: r}, nil
}
