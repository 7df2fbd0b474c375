package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// ConsumerGroupDescribe: v0-1 (KIP-848)
//
// Behavior:
// * DESCRIBE on each group, else GROUP_AUTHORIZATION_FAILED for it. A group with a topic that may not be described
// is TOPIC_AUTHORIZATION_FAILED, without members.
// * Topic names are translated and, where the embedded engine tells the id only, filled in. A member's host is the
// client's, not the gateway's. A regular expression matches what the member's own did, and may be written otherwise.
//
// Version notes:
// * v1: a member's type
func consumerGroupDescribe(ctx context.Context, s *session, r *kmsg.ConsumerGroupDescribeRequest) (step, error) {
	var refused []kmsg.ConsumerGroupDescribeResponseGroup
	r.Groups, refused = sift(r.Groups, func(group *string) (answer kmsg.ConsumerGroupDescribeResponseGroup, _ bool) {
		code := s.groupError(authz.Describe, *group)
		if code == 0 {
			*group = s.physical(*group)
			return answer, false
		}
		answer = kmsg.NewConsumerGroupDescribeResponseGroup()
		answer.Group, answer.ErrorCode = *group, code
		return answer, true
	})
	if len(r.Groups) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.ConsumerGroupDescribeResponse)
		response.Groups = refused
		return answered(response), nil
	}
	operations := r.IncludeAuthorizedOperations
	return forwarded(r, func(response *kmsg.ConsumerGroupDescribeResponse) error {
		for i := range response.Groups {
			describeConsumerGroup(ctx, s, &response.Groups[i])
		}
		response.Groups = own(s, response.Groups, func(g *kmsg.ConsumerGroupDescribeResponseGroup) *string { return &g.Group })
		for i := range response.Groups {
			g := &response.Groups[i]
			g.AuthorizedOperations = s.groupOperations(operations && g.ErrorCode == 0, g.Group)
		}
		response.Groups = append(refused, response.Groups...)
		return nil
	}), nil
}

// describeConsumerGroup translates a group that still has its physical name.
func describeConsumerGroup(ctx context.Context, s *session, g *kmsg.ConsumerGroupDescribeResponseGroup) {
	g.ErrorMessage = s.errorText(g.ErrorMessage)
	described := true
	for i := range g.Members {
		m := &g.Members[i]
		m.ClientHost = s.gateway.hosts.host(g.Group, m.MemberID)
		m.SubscribedTopicRegex = s.logicalRegex(m.SubscribedTopicRegex)
		for j := range m.SubscribedTopics {
			described = s.describeTopic(&m.SubscribedTopics[j]) && described
		}
		for _, assigned := range [][]kmsg.AssignmentTopicPartition{m.Assignment.TopicPartitions, m.TargetAssignment.TopicPartitions} {
			for j := range assigned {
				if assigned[j].Topic == "" {
					assigned[j].Topic, _ = s.topicName(ctx, assigned[j].TopicID)
				}
				described = s.describeTopic(&assigned[j].Topic) && described
			}
		}
	}
	if !described {
		g.ErrorCode, g.Members = kerr.TopicAuthorizationFailed.Code, nil
		g.ErrorMessage = kmsg.StringPtr("The group uses topics that may not be described.")
	}
}

// logicalRegex returns the expression within one that the gateway has rewritten.
func (s *session) logicalRegex(physical *string) *string {
	if physical == nil || *physical == "" {
		return physical
	}
	logical, ok := s.prefix.LogicalRegex(*physical)
	if !ok {
		return nil
	}
	return &logical
}

// describeTopic makes a physical name logical and reports whether its topic may be described. The name of a topic
// that is gone is empty, and may.
func (s *session) describeTopic(name *string) bool {
	if *name == "" {
		return true
	}
	logical, ok := s.logical(*name)
	*name = logical
	return ok && s.allowed(authz.Describe, orrery.CRNTopic, logical)
}
