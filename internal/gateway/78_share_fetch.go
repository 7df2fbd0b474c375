package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ShareFetch: v1-2 (KIP-932)
//
// Behavior:
// * READ on the group, else GROUP_AUTHORIZATION_FAILED.
// * READ on each topic, else TOPIC_AUTHORIZATION_FAILED for its partitions; a topic id that is not the tenant's is
// UNKNOWN_TOPIC_ID. The other topics are fetched.
// * A session belongs to the connection that opened it, under the rights of that time, else SHARE_SESSION_NOT_FOUND. A
// tenant that has as many as it may gets SHARE_SESSION_LIMIT_REACHED.
// * The size of a response, the wait for one, and what may be acknowledged at once are capped.
//
// Version notes:
// * v1: the first that is stable; batch size (KIP-1206)
// * v2: renewal of locks (KIP-1222)
func shareFetch(ctx context.Context, s *session, r *kmsg.ShareFetchRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.ShareFetchResponse)
	use, code := s.admitShareSession(ctx, r.GroupID, r.MemberID, r.ShareSessionEpoch)
	if code == 0 && acknowledgesTooMuch(r) {
		code = kerr.InvalidRequest.Code
		s.settleShareSession(use, code)
	}
	if code != 0 {
		response.ErrorCode = code
		return answered(response), nil
	}
	r.GroupID = &use.key.group
	r.MaxBytes = min(r.MaxBytes, s.connection.maxFetchBytes())
	r.MaxRecords = min(r.MaxRecords, maxShareRecords)
	r.MaxWaitMillis = min(r.MaxWaitMillis, maxFetchWaitMillis)
	var refused []kmsg.ShareFetchResponseTopic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.ShareFetchRequestTopic) (answer kmsg.ShareFetchResponseTopic, _ bool) {
		code := s.shareTopicError(ctx, &use, t.TopicID)
		if code == 0 {
			return answer, false
		}
		return refusedShareFetch(t, code), true
	})
	r.ForgottenTopicsData, _ = sift(r.ForgottenTopicsData, func(t *kmsg.ShareFetchRequestForgottenTopicsData) (struct{}, bool) {
		_, ok := s.topicName(ctx, t.TopicID)
		return struct{}{}, !ok
	})
	// It goes to the broker even where no topic is left: the session's topics are fetched, and its epoch moves on.
	return forwarded(r, func(response *kmsg.ShareFetchResponse) error {
		s.settleShareSession(use, response.ErrorCode)
		finishShareFetch(s, response)
		if response.ErrorCode != 0 {
			return nil
		}
		err := s.fillHoles(ctx, response)
		response.Topics = append(response.Topics, refused...)
		return err
	}), nil
}

// maxShareRecords bounds the records of one response. The embedded engine does not look at the bytes that a client
// asks for, so it is what keeps a response of records of 1 MiB within what the gateway takes from a broker.
const maxShareRecords = 250

func acknowledgesTooMuch(r *kmsg.ShareFetchRequest) bool {
	total := uint64(0)
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			for _, b := range p.AcknowledgementBatches {
				if acknowledged(&total, b.FirstOffset, b.LastOffset) {
					return true
				}
			}
		}
	}
	return false
}

func refusedShareFetch(t *kmsg.ShareFetchRequestTopic, code int16) kmsg.ShareFetchResponseTopic {
	answer := kmsg.NewShareFetchResponseTopic()
	answer.TopicID = t.TopicID
	for _, p := range t.Partitions {
		partition := kmsg.NewShareFetchResponseTopicPartition()
		partition.Partition, partition.ErrorCode = p.Partition, code
		partition.CurrentLeader.LeaderID, partition.CurrentLeader.LeaderEpoch = -1, -1
		if len(p.AcknowledgementBatches) > 0 {
			partition.AcknowledgeErrorCode = code
		}
		answer.Partitions = append(answer.Partitions, partition)
	}
	return answer
}

func finishShareFetch(s *session, response *kmsg.ShareFetchResponse) {
	response.ErrorMessage = s.errorText(response.ErrorMessage)
	for i := range response.Topics {
		for j := range response.Topics[i].Partitions {
			p := &response.Topics[i].Partitions[j]
			p.ErrorMessage, p.AcknowledgeErrorMessage = s.errorText(p.ErrorMessage), s.errorText(p.AcknowledgeErrorMessage)
		}
	}
	response.NodeEndpoints = endpointsOf(s, response.NodeEndpoints, func(n *kmsg.ShareFetchResponseNodeEndpoint) (int32, *string, *int32) {
		return n.NodeID, &n.Host, &n.Port
	})
}
