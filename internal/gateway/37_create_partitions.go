package gateway

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// CreatePartitions: v0-3
//
// Behavior:
// * ALTER on each topic, else TOPIC_AUTHORIZATION_FAILED.
// * Assignments name brokers, which are the platform's: POLICY_VIOLATION. So are partitions beyond the tenant's
// limit. Partitions created too fast: THROTTLING_QUOTA_EXCEEDED, before v3 REQUEST_TIMED_OUT, with a throttle time.
// * The new count must be above the old one, else INVALID_PARTITIONS.
func createPartitions(ctx context.Context, s *session, r *kmsg.CreatePartitionsRequest) (step, error) {
	times := map[string]int{}
	for _, t := range r.Topics {
		times[t.Topic]++
	}
	quota := s.newPartitionQuota(s.connection.payers)
	if !r.ValidateOnly {
		quota.tooFast = tooFast(r.Version, 3)
	}
	var refused []kmsg.CreatePartitionsResponseTopic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.CreatePartitionsRequestTopic) (answer kmsg.CreatePartitionsResponseTopic, _ bool) {
		code, why := kerr.InvalidRequest.Code, "The request names the topic more than once."
		if times[t.Topic] == 1 {
			code, why = admitPartitions(ctx, s, t, quota)
		}
		if code == 0 {
			t.Topic = s.physical(t.Topic)
			return answer, false
		}
		answer = kmsg.NewCreatePartitionsResponseTopic()
		answer.Topic, answer.ErrorCode, answer.ErrorMessage = t.Topic, code, kmsg.StringPtr(why)
		return answer, true
	})
	nothingLeft := len(r.Topics) == 0 && len(refused) > 0
	if nothingLeft || r.ValidateOnly {
		quota.settle()
	}
	if nothingLeft {
		response := r.ResponseKind().(*kmsg.CreatePartitionsResponse)
		response.Topics = refused
		s.tell(response, quota.throttle)
		return answered(response), nil
	}
	grown := map[string]int32{}
	for _, t := range r.Topics {
		if !r.ValidateOnly {
			grown[t.Topic] = t.Count
		}
	}
	changed := s.changingTopics(ctx)
	return forwarded(r, func(response *kmsg.CreatePartitionsResponse) error {
		changed()
		for _, t := range response.Topics {
			if n := grown[t.Topic]; n > 0 && t.ErrorCode == 0 {
				s.changedTopic(t.Topic, n)
			}
		}
		quota.settle()
		response.Topics = own(s, response.Topics, func(t *kmsg.CreatePartitionsResponseTopic) *string { return &t.Topic })
		for i := range response.Topics {
			response.Topics[i].ErrorMessage = s.errorText(response.Topics[i].ErrorMessage)
		}
		response.Topics = append(refused, response.Topics...)
		s.tell(response, quota.throttle)
		return nil
	}), nil
}

// admitPartitions returns why a topic may not get more partitions; 0: it may.
func admitPartitions(ctx context.Context, s *session, t *kmsg.CreatePartitionsRequestTopic, quota *partitionQuota) (code int16, why string) {
	if code := s.topicError(authz.Alter, t.Topic); code != 0 {
		return code, kerr.TypedErrorForCode(code).Description
	}
	if len(t.Assignment) > 0 {
		return kerr.PolicyViolation.Code, "The service places replicas; an assignment cannot be given."
	}
	has, exists, err := quota.partitions(ctx, s.physical(t.Topic))
	switch {
	case err != nil:
		return quota.refusal(err)
	case !exists:
		return kerr.UnknownTopicOrPartition.Code, kerr.UnknownTopicOrPartition.Description
	case t.Count <= has:
		return kerr.InvalidPartitions.Code, fmt.Sprintf("The topic has %d partitions; the new number must be higher, and is %d.", has, t.Count)
	}
	return quota.refusal(quota.take(ctx, int(t.Count-has)))
}
