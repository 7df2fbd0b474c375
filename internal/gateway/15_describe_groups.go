package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// DescribeGroups: v0-6
//
// Behavior:
// * DESCRIBE on each group, else GROUP_AUTHORIZATION_FAILED for it.
// * A member's metadata and assignment are translated where the group is a "consumer" one; its host is the
// client's, not the gateway's.
//
// Version notes:
// * v3: authorized operations, which are the gateway's to know
// * v6: an error message
func describeGroups(_ context.Context, s *session, r *kmsg.DescribeGroupsRequest) (step, error) {
	var refused []kmsg.DescribeGroupsResponseGroup
	r.Groups, refused = sift(r.Groups, func(group *string) (answer kmsg.DescribeGroupsResponseGroup, _ bool) {
		if code := s.groupError(authz.Describe, *group); code != 0 {
			answer = kmsg.NewDescribeGroupsResponseGroup()
			answer.Group, answer.ErrorCode = *group, code
			return answer, true
		}
		*group = s.physical(*group)
		return answer, false
	})
	if len(r.Groups) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.DescribeGroupsResponse)
		response.Groups = refused
		return answered(response), nil
	}
	operations := r.IncludeAuthorizedOperations
	return forwarded(r, func(response *kmsg.DescribeGroupsResponse) error {
		for i := range response.Groups {
			g := &response.Groups[i]
			g.ErrorMessage = s.errorText(g.ErrorMessage)
			for j := range g.Members {
				describeMember(s, g, &g.Members[j])
			}
		}
		response.Groups = own(s, response.Groups, func(g *kmsg.DescribeGroupsResponseGroup) *string { return &g.Group })
		for i := range response.Groups {
			g := &response.Groups[i]
			g.AuthorizedOperations = s.groupOperations(operations, g.Group)
		}
		response.Groups = append(refused, response.Groups...)
		return nil
	}), nil
}

// describeMember translates a member of a group that still has its physical name. A blob that cannot be
// translated is left out: it can only come from a client that broke the protocol.
func describeMember(s *session, g *kmsg.DescribeGroupsResponseGroup, m *kmsg.DescribeGroupsResponseGroupMember) {
	m.ClientHost = s.gateway.hosts.host(g.Group, m.MemberID)
	if g.ProtocolType != tenancy.ConsumerProtocol {
		return
	}
	m.ProtocolMetadata, _ = s.prefix.LogicalSubscription(m.ProtocolMetadata)
	m.MemberAssignment, _ = s.prefix.LogicalAssignment(m.MemberAssignment)
}
