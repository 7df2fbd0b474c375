package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// ShareAcknowledge: v1-2 (KIP-932)
//
// Behavior:
// * READ on the group, else GROUP_AUTHORIZATION_FAILED.
// * READ on each topic, else TOPIC_AUTHORIZATION_FAILED for its partitions; a topic id that is not the tenant's is
// UNKNOWN_TOPIC_ID. The other topics are acknowledged.
// * The session is one that ShareFetch (78) opened on the same connection; what may be acknowledged at once is capped.
//
// Version notes:
// * v2: renewal of locks (KIP-1222)
func shareAcknowledge(ctx context.Context, s *session, r *kmsg.ShareAcknowledgeRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.ShareAcknowledgeResponse)
	if r.ShareSessionEpoch == opening {
		response.ErrorCode = kerr.InvalidShareSessionEpoch.Code
		return answered(response), nil
	}
	use, code := s.admitShareSession(ctx, r.GroupID, r.MemberID, r.ShareSessionEpoch)
	total := uint64(0)
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			for _, b := range p.AcknowledgementBatches {
				if code == 0 && acknowledged(&total, b.FirstOffset, b.LastOffset) {
					code = kerr.InvalidRequest.Code
				}
			}
		}
	}
	if code != 0 {
		response.ErrorCode = code
		return answered(response), nil
	}
	r.GroupID = &use.key.group
	var refused []kmsg.ShareAcknowledgeResponseTopic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.ShareAcknowledgeRequestTopic) (answer kmsg.ShareAcknowledgeResponseTopic, _ bool) {
		code := s.topicIDError(ctx, authz.Read, t.TopicID)
		if code == 0 {
			return answer, false
		}
		answer = kmsg.NewShareAcknowledgeResponseTopic()
		answer.TopicID = t.TopicID
		for _, p := range t.Partitions {
			partition := kmsg.NewShareAcknowledgeResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, code
			partition.CurrentLeader.LeaderID, partition.CurrentLeader.LeaderEpoch = -1, -1
			answer.Partitions = append(answer.Partitions, partition)
		}
		return answer, true
	})
	// It goes to the broker even where no topic is left: the session's epoch moves on.
	return forwarded(r, func(response *kmsg.ShareAcknowledgeResponse) error {
		s.settleShareSession(use, response.ErrorCode)
		finishShareAcknowledge(s, response)
		if response.ErrorCode == 0 {
			response.Topics = append(response.Topics, refused...)
		}
		return nil
	}), nil
}

func finishShareAcknowledge(s *session, response *kmsg.ShareAcknowledgeResponse) {
	response.ErrorMessage = s.errorText(response.ErrorMessage)
	for i := range response.Topics {
		for j := range response.Topics[i].Partitions {
			p := &response.Topics[i].Partitions[j]
			p.ErrorMessage = s.errorText(p.ErrorMessage)
		}
	}
	response.NodeEndpoints = endpointsOf(s, response.NodeEndpoints, func(n *kmsg.ShareAcknowledgeResponseNodeEndpoint) (int32, *string, *int32) {
		return n.NodeID, &n.Host, &n.Port
	})
}
