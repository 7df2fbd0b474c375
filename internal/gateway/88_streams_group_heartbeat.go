package gateway

import (
	"context"
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// StreamsGroupHeartbeat: v0 (KIP-1071)
//
// Behavior:
// * READ on the group, else GROUP_AUTHORIZATION_FAILED; DESCRIBE on every topic of the topology, else
// TOPIC_AUTHORIZATION_FAILED for the request.
// * A new group over the tenant's quota of groups is POLICY_VIOLATION.
// * Expressions for source topics are rewritten like those of ConsumerGroupHeartbeat (68). Apache Kafka 4.3 refuses
// every one.
// * Internal topics may have the configurations of tenancy.TopicConfigs, and are no more than the tenant's limit of
// partitions: STREAMS_INVALID_TOPOLOGY.
// * A broker creates missing internal topics by itself, now or later. So it is told a number of replicas that it never
// has, and the gateway creates them (streamstopics.go). It needs the topology for that: a member whose heartbeat has
// none is told FENCED_MEMBER_EPOCH, and comes again with it.
// * What the broker says about where members have which partitions is left with topics that may be described.
func streamsGroupHeartbeat(ctx context.Context, s *session, r *kmsg.StreamsGroupHeartbeatRequest) (step, error) {
	code, why := admitStreamsMember(s, r)
	if code == 0 {
		code, why = s.newGroupError(ctx, r.Group)
	}
	if code != 0 {
		response := r.ResponseKind().(*kmsg.StreamsGroupHeartbeatResponse)
		response.ErrorCode, response.ErrorMessage = code, kmsg.StringPtr(why)
		return answered(response), nil
	}
	r.Group = s.physical(r.Group)
	group, member, topology := r.Group, r.MemberID, r.Topology // the client makes its member id
	payers := s.connection.payers
	return forwarded(r, func(response *kmsg.StreamsGroupHeartbeatResponse) error {
		response.ErrorMessage = s.errorText(response.ErrorMessage)
		if response.ErrorCode == 0 {
			s.gateway.hosts.remember(group, member, s.clientHost)
		}
		for i := range response.Status {
			status := &response.Status[i]
			status.StatusDetail = s.prefix.ErrorText(status.StatusDetail)
			if status.StatusCode == missingInternalTopics {
				var known bool
				if status.StatusDetail, known = s.gateway.creations.detail(ctx, s, payers, group, topology); !known {
					fenceStreamsMember(response)
					return nil
				}
			}
		}
		for i := range response.PartitionsByUserEndpoint {
			e := &response.PartitionsByUserEndpoint[i]
			e.ActivePartitions, _ = sift(e.ActivePartitions, func(p *kmsg.StreamsGroupHeartbeatResponsePartitionsByUserEndpointActivePartition) (struct{}, bool) {
				return struct{}{}, !s.describeTopic(&p.Topic)
			})
			e.StandbyPartitions, _ = sift(e.StandbyPartitions, func(p *kmsg.StreamsGroupHeartbeatResponsePartitionsByUserEndpointStandbyPartition) (struct{}, bool) {
				return struct{}{}, !s.describeTopic(&p.Topic)
			})
		}
		return nil
	}), nil
}

// fenceStreamsMember makes a member join again.
func fenceStreamsMember(response *kmsg.StreamsGroupHeartbeatResponse) {
	version := response.Version
	*response = kmsg.NewStreamsGroupHeartbeatResponse()
	response.Version, response.ErrorCode = version, kerr.FencedMemberEpoch.Code
	response.ErrorMessage = kmsg.StringPtr("The group's internal topics are missing; join with the topology.")
}

const (
	// missingInternalTopics is the status with which a broker says that it creates topics.
	missingInternalTopics = 3
	// unplaceable is a number of replicas that no cluster has brokers for.
	unplaceable = math.MaxInt16
	// maxSourceExpressions bounds the regular expressions of one topology, each of which is rewritten.
	maxSourceExpressions = 64
)

// admitStreamsMember returns why a member may not be in a group with its topology; 0: it may, and the topology is the
// broker's.
func admitStreamsMember(s *session, r *kmsg.StreamsGroupHeartbeatRequest) (code int16, why string) {
	if code := s.groupError(authz.Read, r.Group); code != 0 {
		return code, kerr.TypedErrorForCode(code).Description
	}
	if r.Topology == nil {
		return 0, ""
	}
	internal, expressions := map[string]bool{}, 0
	for i := range r.Topology.Subtopologies {
		t := &r.Topology.Subtopologies[i]
		for _, infos := range [][]kmsg.TopicInfo{t.StateChangelogTopics, t.RepartitionSourceTopics} {
			for j := range infos {
				internal[infos[j].Topic] = true
				if code, why := admitInternalTopic(s, &infos[j]); code != 0 {
					return code, why
				}
			}
		}
		for _, names := range [][]string{t.SourceTopics, t.RepartitionSinkTopics} {
			for j := range names {
				if code, why := admitTopologyTopic(s, &names[j]); code != 0 {
					return code, why
				}
			}
		}
		if expressions += len(t.SourceTopicRegex); expressions > maxSourceExpressions {
			return kerr.StreamsInvalidTopology.Code, fmt.Sprintf("The topology has more than %d regular expressions.", maxSourceExpressions)
		}
		for j := range t.SourceTopicRegex {
			physical, err := s.prefix.PhysicalRegex(t.SourceTopicRegex[j])
			if err != nil {
				return kerr.InvalidRegularExpression.Code, err.Error()
			}
			t.SourceTopicRegex[j] = physical
		}
	}
	if limit := s.tenant.MaxPartitions; len(internal) > limit {
		return kerr.StreamsInvalidTopology.Code, fmt.Sprintf("The topology has %d internal topics; this cluster may have %d partitions.", len(internal), limit)
	}
	return 0, ""
}

// admitTopologyTopic checks a topic of a topology and makes its name physical.
func admitTopologyTopic(s *session, name *string) (code int16, why string) {
	if err := s.prefix.CheckTopic(*name); err != nil {
		return kerr.StreamsInvalidTopology.Code, err.Error()
	}
	if code := s.topicError(authz.Describe, *name); code != 0 {
		return code, kerr.TypedErrorForCode(code).Description
	}
	*name = s.physical(*name)
	return 0, ""
}

// admitInternalTopic is admitTopologyTopic for one that is created for the application.
func admitInternalTopic(s *session, t *kmsg.TopicInfo) (code int16, why string) {
	for _, c := range t.Configs {
		if code, why := setError(s, tenancy.TopicConfigs, c.Key, &c.Value); code != 0 {
			return kerr.StreamsInvalidTopology.Code, fmt.Sprintf("The internal topic %.249s: %s", t.Topic, why)
		}
	}
	t.ReplicationFactor = unplaceable
	return admitTopologyTopic(s, &t.Topic)
}
