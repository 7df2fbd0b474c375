package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// Fetch: v4-18
//
// Behavior:
// * READ on each topic, else TOPIC_AUTHORIZATION_FAILED; a topic id that is not the tenant's is UNKNOWN_TOPIC_ID. The
// other topics are fetched.
// * A tenant is never a follower: ReplicaId is -1, and ReplicaState is dropped.
// * The cluster id, where it is given, must be the tenant's (INCONSISTENT_CLUSTER_ID), and is not passed on.
// * Incremental sessions (KIP-227) live in the broker. Their ids are numbers that can be guessed, so a session must
// have been opened by the same connection under the rights that hold now, else FETCH_SESSION_ID_NOT_FOUND, after
// which the client fetches in full. Where something is refused, or the tenant has as many sessions as it may,
// the fetch is answered without a session.
// * The size of a response and the wait for one are capped, the size further where something is refused.
// * An isolation level that Kafka does not have is UNKNOWN_SERVER_ERROR, as from Apache Kafka (isolationlevel.go).
// * What nothing is refused of takes the raw lane (rawfetch.go).
//
// Version notes:
// * v7: sessions
// * v12: cluster id, flexible versions
// * v13: topic ids instead of names
// * v15: ReplicaState instead of ReplicaId
// * v16: NodeEndpoints
func fetch(ctx context.Context, s *session, r *kmsg.FetchRequest) (step, error) {
	if unknownIsolationLevel(r.IsolationLevel) {
		return fetchAtUnknownLevel(r), nil
	}
	if r.ClusterID != nil && *r.ClusterID != s.clusterID() {
		return fetchRefused(r, kerr.InconsistentClusterID.Code), nil
	}
	r.ClusterID, r.ReplicaID, r.ReplicaState = nil, -1, kmsg.NewFetchRequestReplicaState()
	r.MaxBytes = min(r.MaxBytes, s.connection.maxFetchBytes(), decodedFetchBytes)
	r.MaxWaitMillis = min(r.MaxWaitMillis, maxFetchWaitMillis)
	var refused []kmsg.FetchResponseTopic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.FetchRequestTopic) (answer kmsg.FetchResponseTopic, _ bool) {
		code := s.translateTopic(ctx, authz.Read, r.Version >= 13, &t.Topic, t.TopicID)
		if code == 0 {
			return answer, false
		}
		answer = kmsg.NewFetchResponseTopic()
		answer.Topic, answer.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			partition := kmsg.NewFetchResponseTopicPartition()
			partition.Partition, partition.ErrorCode, partition.HighWatermark = p.Partition, code, -1
			partition.RecordBatches = []byte{}
			answer.Partitions = append(answer.Partitions, partition)
		}
		return answer, true
	})
	r.ForgottenTopics, _ = sift(r.ForgottenTopics, func(t *kmsg.FetchRequestForgottenTopic) (struct{}, bool) {
		if r.Version < 13 {
			t.Topic = s.physical(t.Topic)
			return struct{}{}, false
		}
		_, ok := s.topicName(ctx, t.TopicID)
		return struct{}{}, !ok // it cannot be in a session of the tenant
	})
	use := sessionUse{}
	if r.Version >= 7 {
		var code int16
		if use, code = s.admitFetchSession(&r.SessionID, &r.SessionEpoch, len(refused) > 0); code != 0 {
			return fetchRefused(r, code), nil
		}
	}
	if len(r.Topics) == 0 && len(refused) > 0 && use.ended == 0 {
		response := r.ResponseKind().(*kmsg.FetchResponse)
		response.Topics = refused
		return answered(response), nil
	}
	return forwarded(r, func(response *kmsg.FetchResponse) error {
		s.settleFetchSession(use, response.ErrorCode, response.SessionID)
		return finishFetch(s, response, refused)
	}), nil
}

// decodedFetchBytes caps the response to a fetch that comes here: it is held in memory as a whole, while one that took
// the raw lane streams. A client gets the rest with its next fetch.
const decodedFetchBytes = 1 << 20

// maxFetchWaitMillis bounds how long a fetch may wait for records; a client asks again after it.
const maxFetchWaitMillis = 60_000

// fetchRefused answers a fetch as a whole, which only versions with sessions or a cluster id need.
func fetchRefused(r *kmsg.FetchRequest, code int16) step {
	response := r.ResponseKind().(*kmsg.FetchResponse)
	response.ErrorCode = code
	return answered(response)
}

func finishFetch(s *session, response *kmsg.FetchResponse, refused []kmsg.FetchResponseTopic) error {
	if response.Version < 13 {
		kept := response.Topics[:0]
		for _, t := range response.Topics {
			name, ok := s.logical(t.Topic)
			switch {
			case ok:
				t.Topic = name
				kept = append(kept, t)
			case t.Topic != "": // else it came into the session by its id, and is gone
				return errForeignTopic
			}
		}
		response.Topics = kept
	}
	response.Topics = append(response.Topics, refused...)
	response.Brokers = endpointsOf(s, response.Brokers, func(b *kmsg.FetchResponseBroker) (int32, *string, *int32) {
		return b.NodeID, &b.Host, &b.Port
	})
	return nil
}
