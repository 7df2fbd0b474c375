package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// ShareGroupHeartbeat: v1 (KIP-932)
//
// Behavior:
// * READ on the group, else GROUP_AUTHORIZATION_FAILED; DESCRIBE on every topic of the subscription, else
// TOPIC_AUTHORIZATION_FAILED for the request.
// * A new group over the tenant's quota of groups is POLICY_VIOLATION.
// * Of the partitions that the member is assigned, those of topics that may not be described any more are left out.
func shareGroupHeartbeat(ctx context.Context, s *session, r *kmsg.ShareGroupHeartbeatRequest) (step, error) {
	code, why := admitShareMember(s, r)
	if code == 0 {
		code, why = s.newGroupError(ctx, r.GroupID)
	}
	if code != 0 {
		response := r.ResponseKind().(*kmsg.ShareGroupHeartbeatResponse)
		response.ErrorCode, response.ErrorMessage = code, kmsg.StringPtr(why)
		return answered(response), nil
	}
	r.GroupID = s.physical(r.GroupID)
	for i := range r.SubscribedTopicNames {
		r.SubscribedTopicNames[i] = s.physical(r.SubscribedTopicNames[i])
	}
	group := r.GroupID
	return forwarded(r, func(response *kmsg.ShareGroupHeartbeatResponse) error {
		response.ErrorMessage = s.errorText(response.ErrorMessage)
		if response.ErrorCode == 0 && response.MemberID != nil {
			s.gateway.hosts.remember(group, *response.MemberID, s.clientHost)
		}
		if response.Assignment == nil {
			return nil
		}
		var err error
		response.Assignment.TopicPartitions, err = describable(ctx, s, response.Assignment.TopicPartitions,
			func(t *kmsg.ShareGroupHeartbeatResponseAssignmentTopicPartition) [16]byte { return t.TopicID })
		return err
	}), nil
}

// admitShareMember returns why a member may not be in a share group with its subscription; 0: it may.
func admitShareMember(s *session, r *kmsg.ShareGroupHeartbeatRequest) (code int16, why string) {
	if code := s.groupError(authz.Read, r.GroupID); code != 0 {
		return code, kerr.TypedErrorForCode(code).Description
	}
	return s.subscriptionError(r.SubscribedTopicNames)
}
