package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// DescribeTopicPartitions: v0 (KIP-966)
//
// Behavior:
// * DESCRIBE on each named topic, else TOPIC_AUTHORIZATION_FAILED. The other topics are answered.
// * All topics (an empty list) are those of the tenant that may be described; the broker is asked for them by name
// (topiclist.go). Where they cannot be listed it goes through the topics of all tenants by name, so it is sent to the
// tenant's first, and a cursor behind the tenant's last ends the list. A page may have fewer topics than were asked
// for, or none, and a cursor all the same.
// * Topics that Kafka calls internal are told by the tenant's own names.
// * A cursor that is not in the list of topics, or has a negative partition, is INVALID_REQUEST for every topic.
func describeTopicPartitions(ctx context.Context, s *session, r *kmsg.DescribeTopicPartitionsRequest) (step, error) {
	type topic = kmsg.DescribeTopicPartitionsResponseTopic
	answer := func(name string, code int16) topic {
		t := kmsg.NewDescribeTopicPartitionsResponseTopic()
		t.Topic, t.ErrorCode = &name, code
		return t
	}
	response := r.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
	if !cursorIsValid(r) {
		for _, t := range r.Topics {
			response.Topics = append(response.Topics, answer(t.Topic, kerr.InvalidRequest.Code))
		}
		return answered(response), nil
	}
	all, from := len(r.Topics) == 0, ""
	if all && s.nameTopics(ctx, r) && len(r.Topics) == 0 {
		return answered(response), nil
	}
	ranged := len(r.Topics) == 0
	if r.Cursor != nil {
		from = r.Cursor.Topic
		r.Cursor.Topic = s.physical(from)
	} else if ranged {
		cursor := kmsg.NewDescribeTopicPartitionsRequestCursor()
		cursor.Topic = s.physical("")
		r.Cursor = &cursor
	}
	var refused []topic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.DescribeTopicPartitionsRequestTopic) (topic, bool) {
		if t.Topic < from {
			return topic{}, true // on an earlier page
		}
		code := s.topicError(authz.Describe, t.Topic)
		if code == 0 {
			t.Topic = s.physical(t.Topic)
			return topic{}, false
		}
		return answer(t.Topic, code), true
	})
	refused, _ = sift(refused, func(t *topic) (struct{}, bool) { return struct{}{}, t.Topic == nil })
	if !ranged && len(r.Topics) == 0 {
		response.Topics = refused
		return answered(response), nil
	}
	if !ranged && r.Cursor != nil && s.topicError(authz.Describe, from) != 0 {
		r.Cursor = nil // the broker is not asked about that topic, and those behind it have no pages yet
	}
	return forwarded(r, func(response *kmsg.DescribeTopicPartitionsResponse) error {
		finishTopicPartitions(s, response, all)
		response.Topics = append(refused, response.Topics...)
		return nil
	}), nil
}

// nameTopics makes of a request for all topics one for the tenant's, from the cursor on. It reports false, and changes
// nothing, where they could not be listed.
func (s *session) nameTopics(ctx context.Context, r *kmsg.DescribeTopicPartitionsRequest) bool {
	topics, err := s.describableTopics(ctx)
	if err != nil {
		s.gateway.warn("cannot list a tenant's topics; asking for all", err)
		return false
	}
	for _, t := range topics {
		name, _ := s.logical(t.name)
		if r.Cursor == nil || name >= r.Cursor.Topic {
			r.Topics = append(r.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
		}
	}
	if r.Cursor != nil && (len(r.Topics) == 0 || r.Topics[0].Topic != r.Cursor.Topic) {
		r.Cursor = nil // that topic is gone; the next one is described from its beginning
	}
	return true
}

func cursorIsValid(r *kmsg.DescribeTopicPartitionsRequest) bool {
	if r.Cursor == nil {
		return true
	}
	listed := len(r.Topics) == 0
	for _, t := range r.Topics {
		listed = listed || t.Topic == r.Cursor.Topic
	}
	return listed && r.Cursor.Partition >= 0
}

// finishTopicPartitions leaves of the broker's answer what the tenant may see.
func finishTopicPartitions(s *session, response *kmsg.DescribeTopicPartitionsResponse, all bool) {
	response.Topics, _ = sift(response.Topics, func(t *kmsg.DescribeTopicPartitionsResponseTopic) (struct{}, bool) {
		if t.Topic == nil || all && t.ErrorCode == kerr.UnknownTopicOrPartition.Code { // deleted since it was listed
			return struct{}{}, true
		}
		name, ok := s.logical(*t.Topic)
		if !ok || s.topicError(authz.Describe, name) != 0 {
			return struct{}{}, true
		}
		s.learnTopic(t.TopicID, *t.Topic)
		t.Topic, t.IsInternal = &name, tenancy.InternalTopic(name)
		t.AuthorizedOperations = s.topicOperations(true, name)
		for i := range t.Partitions { // null, which the embedded engine sends, is an exception to the Java client
			p := &t.Partitions[i]
			p.EligibleLeaderReplicas, p.LastKnownELR = append([]int32{}, p.EligibleLeaderReplicas...), append([]int32{}, p.LastKnownELR...)
		}
		return struct{}{}, false
	})
	if cursor := response.NextCursor; cursor != nil {
		if name, ok := s.logical(cursor.Topic); ok {
			cursor.Topic = name
		} else {
			response.NextCursor = nil
		}
	}
}
