package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// ConsumerGroupHeartbeat: v0-1 (KIP-848)
//
// Behavior:
// * READ on the group, else GROUP_AUTHORIZATION_FAILED; DESCRIBE on every topic of the subscription, else
// TOPIC_AUTHORIZATION_FAILED for the request.
// * A subscription by regular expression would be matched by the broker against the names of all tenants. It is
// not offered: INVALID_REGULAR_EXPRESSION.
// * Of the partitions that the member says it owns, those of topic ids that are not the tenant's are left out.
//
// Version notes:
// * v1: the client makes the member id, and may subscribe by regular expression
func consumerGroupHeartbeat(ctx context.Context, s *session, r *kmsg.ConsumerGroupHeartbeatRequest) (step, error) {
	if code, why := admitSubscription(s, r); code != 0 {
		response := r.ResponseKind().(*kmsg.ConsumerGroupHeartbeatResponse)
		response.ErrorCode, response.ErrorMessage = code, kmsg.StringPtr(why)
		return answered(response), nil
	}
	r.Group = s.physical(r.Group)
	for i := range r.SubscribedTopicNames {
		r.SubscribedTopicNames[i] = s.physical(r.SubscribedTopicNames[i])
	}
	r.Topics, _ = sift(r.Topics, func(t *kmsg.ConsumerGroupHeartbeatRequestTopic) (struct{}, bool) {
		_, ok := s.topicName(ctx, t.TopicID)
		return struct{}{}, !ok
	})
	group := r.Group
	return forwarded(r, func(response *kmsg.ConsumerGroupHeartbeatResponse) error {
		response.ErrorMessage = s.errorText(response.ErrorMessage)
		if response.ErrorCode == 0 && response.MemberID != nil {
			s.gateway.hosts.remember(group, *response.MemberID, s.clientHost)
		}
		return nil
	}), nil
}

// admitSubscription returns why a member may not be in a group with its subscription; 0: it may.
func admitSubscription(s *session, r *kmsg.ConsumerGroupHeartbeatRequest) (code int16, why string) {
	if code := s.groupError(authz.Read, r.Group); code != 0 {
		return code, kerr.TypedErrorForCode(code).Description
	}
	if r.SubscribedTopicRegex != nil && *r.SubscribedTopicRegex != "" {
		return kerr.InvalidRegularExpression.Code, "A subscription by regular expression that the broker matches is not offered yet. Name the topics, or use the classic group protocol, where the client matches."
	}
	for _, name := range r.SubscribedTopicNames {
		if err := s.prefix.CheckTopic(name); err != nil {
			return kerr.InvalidRequest.Code, err.Error()
		}
		if code := s.topicError(authz.Describe, name); code != 0 {
			return code, kerr.TypedErrorForCode(code).Description
		}
	}
	return 0, ""
}
