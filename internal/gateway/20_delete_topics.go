package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// DeleteTopics: v1-6
//
// Behavior:
// * DESCRIBE and DELETE on each topic, else TOPIC_AUTHORIZATION_FAILED; the name of a topic that was given by id
// and may not be described is not told.
// * A topic id that is not the tenant's is UNKNOWN_TOPIC_ID. A topic with both name and id is INVALID_REQUEST.
// * Partitions deleted too fast: THROTTLING_QUOTA_EXCEEDED, before v5 REQUEST_TIMED_OUT, with a throttle time (KIP-599).
//
// Version notes:
// * v5: an error message
// * v6: topics by name or id
func deleteTopics(ctx context.Context, s *session, r *kmsg.DeleteTopicsRequest) (step, error) {
	var refused []kmsg.DeleteTopicsResponseTopic
	quota := s.newPartitionQuota(s.connection.payers)
	quota.tooFast = tooFast(r.Version, 5)
	defer quota.settle()
	if r.Version >= 6 {
		r.Topics, refused = sift(r.Topics, func(t *kmsg.DeleteTopicsRequestTopic) (kmsg.DeleteTopicsResponseTopic, bool) {
			return admitDeletion(ctx, s, t, quota)
		})
	} else {
		r.TopicNames, refused = sift(r.TopicNames, func(name *string) (answer kmsg.DeleteTopicsResponseTopic, _ bool) {
			t := kmsg.DeleteTopicsRequestTopic{Topic: kmsg.StringPtr(*name)}
			answer, isRefused := admitDeletion(ctx, s, &t, quota)
			*name = *t.Topic
			return answer, isRefused
		})
	}
	if len(r.Topics)+len(r.TopicNames) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.DeleteTopicsResponse)
		response.Topics = refused
		s.tell(response, quota.throttle)
		return answered(response), nil
	}
	changed := s.changingTopics(ctx)
	return forwarded(r, func(response *kmsg.DeleteTopicsResponse) error {
		changed()
		response.Topics, _ = sift(response.Topics, func(t *kmsg.DeleteTopicsResponseTopic) (struct{}, bool) {
			t.ErrorMessage = s.errorText(t.ErrorMessage)
			if t.Topic == nil || *t.Topic == "" {
				t.Topic = nil // the id of a topic that is gone
				return struct{}{}, false
			}
			if t.ErrorCode == 0 {
				s.changedTopic(*t.Topic, 0)
			}
			name, ok := s.logical(*t.Topic)
			t.Topic = &name
			return struct{}{}, !ok
		})
		response.Topics = append(refused, response.Topics...)
		s.tell(response, quota.throttle)
		return nil
	}), nil
}

// admitDeletion makes a topic's name physical, or answers why it may not be deleted.
func admitDeletion(ctx context.Context, s *session, t *kmsg.DeleteTopicsRequestTopic, quota *partitionQuota) (answer kmsg.DeleteTopicsResponseTopic, refused bool) {
	byName := t.Topic != nil
	var code int16
	switch {
	case byName && t.TopicID != [16]byte{}:
		code = kerr.InvalidRequest.Code
	case byName:
		if code = s.topicError(authz.Describe, *t.Topic); code == 0 {
			code = s.topicError(authz.Delete, *t.Topic)
		}
	default:
		if code = s.topicIDError(ctx, authz.Describe, t.TopicID); code == 0 {
			code = s.topicIDError(ctx, authz.Delete, t.TopicID)
		}
	}
	var why string
	if code == 0 {
		physical, _ := s.topicName(ctx, t.TopicID)
		if byName {
			physical = s.physical(*t.Topic)
		}
		if code, why = quota.refusal(quota.delete(ctx, physical)); code == 0 {
			if byName {
				t.Topic = &physical
			}
			return answer, false
		}
	}
	answer = kmsg.NewDeleteTopicsResponseTopic()
	answer.Topic, answer.TopicID, answer.ErrorCode = t.Topic, t.TopicID, code
	if why != "" {
		answer.ErrorMessage = &why
	}
	if physical, ok := s.topicName(ctx, t.TopicID); !byName && ok {
		if name, _ := s.logical(physical); s.allowed(authz.Describe, orrery.CRNTopic, name) {
			answer.Topic = &name
		}
	}
	return answer, true
}
