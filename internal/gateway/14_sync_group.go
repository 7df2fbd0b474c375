package gateway

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// SyncGroup: v0-5
//
// Behavior:
// * READ on the group, else GROUP_AUTHORIZATION_FAILED.
// * The leader's assignments of a "consumer" group, and each member's own in the response, have their topic names
// translated. An assignment that cannot be read is INCONSISTENT_GROUP_PROTOCOL.
//
// Version notes:
// * v0-4: do not tell the group's type; it is the one with which this connection joined, else the broker is asked
// * v5: tells it, or null
func syncGroup(ctx context.Context, s *session, r *kmsg.SyncGroupRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.SyncGroupResponse)
	if response.ErrorCode = s.groupError(authz.Read, r.Group); response.ErrorCode != 0 {
		return answered(response), nil
	}
	protocolType, err := syncedGroupType(ctx, s, r)
	if err != nil {
		response.ErrorCode = kerr.CoordinatorNotAvailable.Code // a client tries again
		return answered(response), nil
	}
	consumer := protocolType == tenancy.ConsumerProtocol
	for i := range r.GroupAssignment {
		if !consumer {
			break
		}
		blob, err := s.prefix.PhysicalAssignment(r.GroupAssignment[i].MemberAssignment)
		if err != nil {
			response.ErrorCode = kerr.InconsistentGroupProtocol.Code
			return answered(response), nil
		}
		r.GroupAssignment[i].MemberAssignment = blob
	}
	r.Group = s.physical(r.Group)
	return forwarded(r, func(response *kmsg.SyncGroupResponse) error {
		if t := response.ProtocolType; t != nil && response.Version >= 5 {
			consumer = *t == tenancy.ConsumerProtocol
		}
		if !consumer || response.ErrorCode != 0 {
			return nil
		}
		blob, err := s.prefix.LogicalAssignment(response.MemberAssignment)
		if err != nil {
			return fmt.Errorf("the assignment of a group member: %w", err)
		}
		response.MemberAssignment = blob
		return nil
	}), nil
}

// syncedGroupType returns the protocol type of the group that a SyncGroup is about.
func syncedGroupType(ctx context.Context, s *session, r *kmsg.SyncGroupRequest) (string, error) {
	if r.Version >= 5 && r.ProtocolType != nil {
		return *r.ProtocolType, nil
	}
	if t := s.groupType(r.Group); t != "" {
		return t, nil
	}
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups = []string{s.physical(r.Group)}
	response, err := s.controlRequest(ctx, request)
	if err != nil {
		return "", err
	}
	groups := response.(*kmsg.DescribeGroupsResponse).Groups
	if len(groups) != 1 || groups[0].Group != request.Groups[0] {
		return "", fmt.Errorf("describing a group gave %d groups", len(groups))
	}
	s.rememberGroupType(r.Group, groups[0].ProtocolType)
	return groups[0].ProtocolType, kerr.ErrorForCode(groups[0].ErrorCode)
}
