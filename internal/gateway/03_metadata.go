package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// Metadata: v0-13
//
// Behavior:
// * DESCRIBE on each topic, else TOPIC_AUTHORIZATION_FAILED, without the name of one that was given by its id. A topic
// id that is not the tenant's is UNKNOWN_TOPIC_ID. The other topics are answered.
// * All topics (null, in v0 an empty list) are those of the tenant that may be described; the broker is asked for
// them by name (topiclist.go).
// * Topics are never created. Those that Kafka calls internal are told by the tenant's own names.
// * Brokers have the addresses of their gateways, the cluster id is the logical cluster's, authorized operations are
// the principal's in its own cluster.
//
// Version notes:
// * v1: null for all topics
// * v8: authorized operations of topics and, until v10, of the cluster
// * v10: topic ids
// * v13: an error of the whole response
func metadata(ctx context.Context, s *session, r *kmsg.MetadataRequest) (step, error) {
	version := r.Version
	all := r.Topics == nil || version == 0 && len(r.Topics) == 0
	r.AllowAutoTopicCreation = false
	topicOperations, clusterOperations := r.IncludeTopicAuthorizedOperations, r.IncludeClusterAuthorizedOperations
	r.IncludeTopicAuthorizedOperations, r.IncludeClusterAuthorizedOperations = false, false
	var refused []kmsg.MetadataResponseTopic
	if all {
		r.Topics = s.allTopics(ctx)
	} else {
		r.Topics, refused = sift(r.Topics, func(t *kmsg.MetadataRequestTopic) (answer kmsg.MetadataResponseTopic, _ bool) {
			code := s.metadataTopic(ctx, t)
			if code == 0 {
				return answer, false
			}
			answer = kmsg.NewMetadataResponseTopic()
			answer.Topic, answer.TopicID, answer.ErrorCode = t.Topic, t.TopicID, code
			if t.Topic == nil && r.Version < 12 {
				answer.Topic = new(string)
			}
			return answer, true
		})
	}
	if len(r.Topics) == 0 {
		r.Version = max(version, 1) // version 0 has one way to say all and none, and the embedded engine does not know it
	}
	return forwarded(r, func(response *kmsg.MetadataResponse) error {
		response.Version = version
		finishMetadata(s, response, all, topicOperations)
		response.Topics = append(refused, response.Topics...)
		response.AuthorizedOperations = s.clusterOperations(clusterOperations)
		return nil
	}), nil
}

// allTopics names the tenant's topics that may be described. It is null, which asks the broker for the topics of every
// tenant, where the list could not be had.
func (s *session) allTopics(ctx context.Context) []kmsg.MetadataRequestTopic {
	topics, err := s.describableTopics(ctx)
	if err != nil {
		s.gateway.warn("cannot list a tenant's topics; asking for all", err)
		return nil
	}
	named := make([]kmsg.MetadataRequestTopic, 0, len(topics))
	for i := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &topics[i].name
		named = append(named, t)
	}
	return named
}

// metadataTopic makes a topic's name physical, or returns why it may not be described.
func (s *session) metadataTopic(ctx context.Context, t *kmsg.MetadataRequestTopic) int16 {
	if t.TopicID != ([16]byte{}) {
		t.Topic = nil
		return s.topicIDError(ctx, authz.Describe, t.TopicID)
	}
	if t.Topic == nil {
		return kerr.UnknownTopicOrPartition.Code
	}
	if s.names().CheckTopic(*t.Topic) != nil {
		return kerr.InvalidTopicException.Code
	}
	name := *t.Topic
	code := s.topicError(authz.Describe, name)
	if code == 0 {
		name = s.physical(name)
		t.Topic = &name
	}
	return code
}

// finishMetadata leaves of the broker's answer what the tenant may see.
func finishMetadata(s *session, response *kmsg.MetadataResponse, all, operations bool) {
	s.gateway.topics.learnAll(response)
	kept := response.Topics[:0]
	for _, t := range response.Topics {
		switch {
		case all && t.ErrorCode == kerr.UnknownTopicOrPartition.Code: // deleted since it was listed
			continue
		case t.Topic == nil || *t.Topic == "":
			if !all { // an id that is gone by now
				kept = append(kept, t)
			}
			continue
		}
		name, ok := s.logical(*t.Topic)
		if !ok || s.topicError(authz.Describe, name) != 0 {
			continue
		}
		t.Topic, t.IsInternal = &name, tenancy.InternalTopic(name)
		t.AuthorizedOperations = s.topicOperations(operations, name)
		kept = append(kept, t)
	}
	response.Topics = kept
	response.Brokers = endpointsOf(s, response.Brokers, func(b *kmsg.MetadataResponseBroker) (int32, *string, *int32) {
		return b.NodeID, &b.Host, &b.Port
	})
	id := s.clusterID()
	response.ClusterID = &id
}
