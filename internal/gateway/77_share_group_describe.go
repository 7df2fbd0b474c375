package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// ShareGroupDescribe: v1 (KIP-932)
//
// Behavior:
// * DESCRIBE on each group, else GROUP_AUTHORIZATION_FAILED for it. A group with a topic that may not be described
// is TOPIC_AUTHORIZATION_FAILED, without members.
// * Topic names are translated. A member's host is the client's, not the gateway's.
func shareGroupDescribe(ctx context.Context, s *session, r *kmsg.ShareGroupDescribeRequest) (step, error) {
	var refused []kmsg.ShareGroupDescribeResponseGroup
	r.GroupIDs, refused = sift(r.GroupIDs, func(group *string) (answer kmsg.ShareGroupDescribeResponseGroup, _ bool) {
		code := s.groupError(authz.Describe, *group)
		if code == 0 {
			*group = s.physical(*group)
			return answer, false
		}
		answer = kmsg.NewShareGroupDescribeResponseGroup()
		answer.GroupID, answer.ErrorCode = *group, code
		return answer, true
	})
	if len(r.GroupIDs) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.ShareGroupDescribeResponse)
		response.Groups = refused
		return answered(response), nil
	}
	operations := r.IncludeAuthorizedOperations
	r.IncludeAuthorizedOperations = false
	return forwarded(r, func(response *kmsg.ShareGroupDescribeResponse) error {
		for i := range response.Groups {
			describeShareGroup(ctx, s, &response.Groups[i])
		}
		response.Groups = own(s, response.Groups, func(g *kmsg.ShareGroupDescribeResponseGroup) *string { return &g.GroupID })
		for i := range response.Groups {
			g := &response.Groups[i]
			g.AuthorizedOperations = s.groupOperations(operations && g.ErrorCode == 0, g.GroupID)
		}
		response.Groups = append(refused, response.Groups...)
		return nil
	}), nil
}

// describeShareGroup translates a group that still has its physical name.
func describeShareGroup(ctx context.Context, s *session, g *kmsg.ShareGroupDescribeResponseGroup) {
	g.ErrorMessage = s.errorText(g.ErrorMessage)
	described := true
	for i := range g.Members {
		m := &g.Members[i]
		m.ClientHost = s.gateway.hosts.host(g.GroupID, m.MemberID)
		for j := range m.SubscribedTopicNames {
			described = s.describeTopic(&m.SubscribedTopicNames[j]) && described
		}
		for j := range m.Assignment.TopicPartitions {
			t := &m.Assignment.TopicPartitions[j]
			if t.Topic == "" {
				t.Topic, _ = s.topicName(ctx, t.TopicID)
			}
			described = s.describeTopic(&t.Topic) && described
		}
	}
	if !described {
		g.ErrorCode, g.Members = kerr.TopicAuthorizationFailed.Code, nil
		g.ErrorMessage = kmsg.StringPtr("The group uses topics that may not be described.")
	}
}
