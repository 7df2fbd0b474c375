package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// StreamsGroupDescribe: v0 (KIP-1071)
//
// Behavior:
// * DESCRIBE on each group, else GROUP_AUTHORIZATION_FAILED for it. A group with a topic that may not be described
// is TOPIC_AUTHORIZATION_FAILED, without members and topology.
// * Topic names are translated, and internal topics have the tenant's number of replicas. A member's host is the
// client's, not the gateway's.
func streamsGroupDescribe(_ context.Context, s *session, r *kmsg.StreamsGroupDescribeRequest) (step, error) {
	var refused []kmsg.StreamsGroupDescribeResponseGroup
	r.Groups, refused = sift(r.Groups, func(group *string) (answer kmsg.StreamsGroupDescribeResponseGroup, _ bool) {
		code := s.groupError(authz.Describe, *group)
		if code == 0 {
			*group = s.physical(*group)
			return answer, false
		}
		answer = kmsg.NewStreamsGroupDescribeResponseGroup()
		answer.Group, answer.ErrorCode = *group, code
		return answer, true
	})
	if len(r.Groups) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.StreamsGroupDescribeResponse)
		response.Groups = refused
		return answered(response), nil
	}
	operations := r.IncludeAuthorizedOperations
	return forwarded(r, func(response *kmsg.StreamsGroupDescribeResponse) error {
		for i := range response.Groups {
			describeStreamsGroup(s, &response.Groups[i])
		}
		response.Groups = own(s, response.Groups, func(g *kmsg.StreamsGroupDescribeResponseGroup) *string { return &g.Group })
		for i := range response.Groups {
			g := &response.Groups[i]
			g.AuthorizedOperations = s.groupOperations(operations && g.ErrorCode == 0, g.Group)
		}
		response.Groups = append(refused, response.Groups...)
		return nil
	}), nil
}

// describeStreamsGroup translates a group that still has its physical name.
func describeStreamsGroup(s *session, g *kmsg.StreamsGroupDescribeResponseGroup) {
	g.ErrorMessage = s.errorText(g.ErrorMessage)
	for i := range g.Members {
		m := &g.Members[i]
		m.ClientHost = s.gateway.hosts.host(g.Group, m.MemberID)
	}
	if g.Topology == nil {
		return
	}
	described := true
	for i := range g.Topology.Subtopologies {
		t := &g.Topology.Subtopologies[i]
		for _, names := range [][]string{t.SourceTopics, t.RepartitionSinkTopics} {
			for j := range names {
				described = s.describeTopic(&names[j]) && described
			}
		}
		for _, infos := range [][]kmsg.TopicInfo{t.StateChangelogTopics, t.RepartitionSourceTopics} {
			for j := range infos {
				described = s.describeTopic(&infos[j].Topic) && described
				infos[j].ReplicationFactor = int16(s.tenant.ReplicationFactor)
			}
		}
	}
	if !described {
		g.ErrorCode, g.Members, g.Topology = kerr.TopicAuthorizationFailed.Code, nil, nil
		g.ErrorMessage = kmsg.StringPtr("The group uses topics that may not be described.")
	}
}
