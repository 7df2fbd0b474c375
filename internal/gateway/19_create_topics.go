package gateway

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// CreateTopics: v2-7
//
// Behavior:
// * CREATE on the cluster or the topic, else TOPIC_AUTHORIZATION_FAILED.
// * The name is checked here, because the embedded engine takes any: INVALID_TOPIC_EXCEPTION.
// * -1 partitions are tenancy.DefaultPartitions. The replication factor is the cluster's, whatever was asked for.
// Replica assignments name brokers, which are the platform's: POLICY_VIOLATION.
// * Configurations are those of tenancy.TopicConfigs: INVALID_CONFIG, or POLICY_VIOLATION out of bounds.
// * Partitions beyond the tenant's limit: POLICY_VIOLATION. Of a topic that exists the broker says so. It may be gone
// when the broker looks, and another request's delete is all that takes; so one for which there is no room beside the
// one that exists is not asked about: TOPIC_ALREADY_EXISTS.
// * Partitions created too fast: THROTTLING_QUOTA_EXCEEDED, before v6 REQUEST_TIMED_OUT, with a throttle time (KIP-599).
// * The response's configurations need DESCRIBE_CONFIGS on the topic, as in Kafka.
//
// Version notes:
// * v5: the response tells partitions, replication factor and configurations
// * v7: the response tells the topic id
func createTopics(ctx context.Context, s *session, r *kmsg.CreateTopicsRequest) (step, error) {
	times := map[string]int{}
	for _, t := range r.Topics {
		times[t.Topic]++
	}
	quota := s.newPartitionQuota(s.connection.payers)
	if !r.ValidateOnly {
		quota.tooFast = tooFast(r.Version, 6)
	}
	var refused []kmsg.CreateTopicsResponseTopic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.CreateTopicsRequestTopic) (answer kmsg.CreateTopicsResponseTopic, _ bool) {
		code, why := kerr.InvalidRequest.Code, "The request names the topic more than once."
		if times[t.Topic] == 1 {
			code, why = admitTopic(ctx, s, t, quota)
		}
		if code == 0 {
			t.Topic = s.physical(t.Topic)
			return answer, false
		}
		answer = kmsg.NewCreateTopicsResponseTopic()
		answer.Topic, answer.ErrorCode, answer.ErrorMessage = t.Topic, code, kmsg.StringPtr(why)
		answer.NumPartitions, answer.ReplicationFactor = -1, -1
		return answer, true
	})
	nothingLeft := len(r.Topics) == 0 && len(refused) > 0
	if nothingLeft || r.ValidateOnly {
		quota.settle()
	}
	if nothingLeft {
		response := r.ResponseKind().(*kmsg.CreateTopicsResponse)
		response.Topics = refused
		s.tell(response, quota.throttle)
		return answered(response), nil
	}
	given := map[[2]string]bool{} // topic, configuration
	for _, t := range r.Topics {
		for _, c := range t.Configs {
			given[[2]string{t.Topic, c.Name}] = true
		}
	}
	made := map[string]int32{}
	for _, t := range r.Topics {
		if !r.ValidateOnly {
			made[t.Topic] = t.NumPartitions
		}
	}
	changed := s.changingTopics(ctx)
	return forwarded(r, func(response *kmsg.CreateTopicsResponse) error {
		changed()
		for _, t := range response.Topics {
			if n := made[t.Topic]; n > 0 && t.ErrorCode == 0 {
				s.changedTopic(t.Topic, n)
				quota.made(t.Topic, int(n))
			}
		}
		quota.settle()
		for i := range response.Topics {
			finishCreatedTopic(s, &response.Topics[i], given)
		}
		response.Topics = own(s, response.Topics, func(t *kmsg.CreateTopicsResponseTopic) *string { return &t.Topic })
		response.Topics = append(refused, response.Topics...)
		s.tell(response, quota.throttle)
		return nil
	}), nil
}

// admitTopic completes a topic and returns why it may not be created; 0: it may.
func admitTopic(ctx context.Context, s *session, t *kmsg.CreateTopicsRequestTopic, quota *partitionQuota) (code int16, why string) {
	if err := s.prefix.CheckTopic(t.Topic); err != nil {
		return kerr.InvalidTopicException.Code, orrery.ErrorMessage(err)
	}
	if !s.allowed(authz.Create, orrery.CRNKafka, "") && !s.allowed(authz.Create, orrery.CRNTopic, t.Topic) {
		return kerr.TopicAuthorizationFailed.Code, "Authorization failed."
	}
	switch {
	case len(t.ReplicaAssignment) > 0:
		return kerr.PolicyViolation.Code, "The service places replicas; a replica assignment cannot be given."
	case t.NumPartitions == -1:
		t.NumPartitions = tenancy.DefaultPartitions
	case t.NumPartitions < 1:
		return kerr.InvalidPartitions.Code, "The number of partitions must be at least 1, or -1 for the default."
	}
	if t.ReplicationFactor < 1 && t.ReplicationFactor != -1 {
		return kerr.InvalidReplicationFactor.Code, "The replication factor must be at least 1, or -1 for the default."
	}
	t.ReplicationFactor = int16(s.tenant.ReplicationFactor)
	for _, c := range t.Configs {
		if code, why := setError(s, tenancy.TopicConfigs, c.Name, c.Value); code != 0 {
			return code, why
		}
	}
	_, exists, err := quota.partitions(ctx, s.physical(t.Topic))
	switch {
	case err == nil && !exists:
		err = quota.take(ctx, int(t.NumPartitions))
	case err == nil && quota.grow(int(t.NumPartitions)) != nil:
		return kerr.TopicAlreadyExists.Code, fmt.Sprintf("Topic '%s' already exists.", t.Topic)
	}
	return quota.refusal(err)
}

// finishCreatedTopic completes what the broker says about a topic that still has its physical name.
func finishCreatedTopic(s *session, t *kmsg.CreateTopicsResponseTopic, given map[[2]string]bool) {
	name, _ := s.logical(t.Topic)
	t.ErrorMessage = s.errorText(t.ErrorMessage)
	if t.ErrorCode != 0 {
		t.NumPartitions, t.ReplicationFactor, t.Configs = -1, -1, nil
		return
	}
	s.learnTopic(t.TopicID, t.Topic)
	if !s.allowed(authz.DescribeConfigs, orrery.CRNTopic, name) {
		t.ConfigErrorCode = kerr.TopicAuthorizationFailed.Code
		t.NumPartitions, t.ReplicationFactor, t.Configs = -1, -1, nil
		return
	}
	t.Configs, _ = sift(t.Configs, func(c *kmsg.CreateTopicsResponseTopicConfig) (struct{}, bool) {
		config, ok := tenancy.TopicConfigs.Find(c.Name)
		c.ReadOnly = config.ReadOnly
		c.Source = int8(kmsg.ConfigSourceDefaultConfig)
		if given[[2]string{t.Topic, c.Name}] {
			c.Source = int8(kmsg.ConfigSourceDynamicTopicConfig)
		}
		return struct{}{}, !ok
	})
	if t.Configs == nil { // null means an error to the Java client
		t.Configs = []kmsg.CreateTopicsResponseTopicConfig{}
	}
}
