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
// * A new group over the tenant's quota of groups is POLICY_VIOLATION.
// * The broker matches a subscription by regular expression against the names of all tenants, so it is rewritten for
// the tenant's (tenancy.Prefix.PhysicalRegex); one that is not valid or too large is INVALID_REGULAR_EXPRESSION. It is
// null where it has not changed, and the gateway does not remember it.
// * Of the partitions that the member says it owns, those of topic ids that are not the tenant's are left out.
// * Of those that it is assigned, those of topics without DESCRIBE are left out, which only an expression can lead to.
// Kafka leaves them to other members, here nobody reads them while this one is assigned them.
//
// Version notes:
// * v1: the client makes the member id, and may subscribe by regular expression
func consumerGroupHeartbeat(ctx context.Context, s *session, r *kmsg.ConsumerGroupHeartbeatRequest) (step, error) {
	code, why := admitSubscription(s, r)
	if code == 0 {
		code, why = s.newGroupError(ctx, r.Group)
	}
	if code != 0 {
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
		if a := response.Assignment; a != nil {
			var err error
			a.Topics, err = describable(ctx, s, a.Topics, func(t *kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic) [16]byte { return t.TopicID })
			if err != nil {
				return err
			}
		}
		if response.ErrorCode == 0 && response.MemberID != nil {
			s.gateway.hosts.remember(group, *response.MemberID, s.clientHost)
		}
		return nil
	}), nil
}

// admitSubscription returns why a member may not be in a group with its subscription; 0: it may, and its regular
// expression is rewritten.
func admitSubscription(s *session, r *kmsg.ConsumerGroupHeartbeatRequest) (code int16, why string) {
	if code := s.groupError(authz.Read, r.Group); code != 0 {
		return code, kerr.TypedErrorForCode(code).Description
	}
	if regex := r.SubscribedTopicRegex; regex != nil && *regex != "" { // "" ends a subscription
		physical, err := s.prefix.PhysicalRegex(*regex)
		if err != nil {
			return kerr.InvalidRegularExpression.Code, err.Error()
		}
		r.SubscribedTopicRegex = &physical
	}
	return s.subscriptionError(r.SubscribedTopicNames)
}

// subscriptionError returns why a member may not subscribe to topics; 0: it may.
func (s *session) subscriptionError(topics []string) (code int16, why string) {
	for _, name := range topics {
		if err := s.prefix.CheckTopic(name); err != nil {
			return kerr.InvalidRequest.Code, err.Error()
		}
		if code := s.topicError(authz.Describe, name); code != 0 {
			return code, kerr.TypedErrorForCode(code).Description
		}
	}
	return 0, ""
}

// describable leaves of what a member is assigned the topics that it may describe. The error is that of asking the
// broker whose a topic is: a client that loses the answer asks for all of it again.
func describable[Topic any](ctx context.Context, s *session, topics []Topic, id func(*Topic) [16]byte) ([]Topic, error) {
	var failed error
	kept, _ := sift(topics, func(t *Topic) (struct{}, bool) {
		physical, known, err := s.gateway.topics.lookup(ctx, id(t))
		if err != nil {
			failed = err
		}
		name, ok := s.logical(physical)
		return struct{}{}, !known || !ok || s.topicError(authz.Describe, name) != 0
	})
	return kept, failed
}
