package gateway

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxIsolationLevel is READ_COMMITTED (KIP-98). Over a level that it does not know Apache Kafka writes a stack trace
// to its log, so that a tenant could fill the broker's disk with it; the embedded engine takes any.
const maxIsolationLevel = 1

// unknownIsolationLevel reports whether a request must not be forwarded for its isolation level.
func unknownIsolationLevel(level int8) bool { return level < 0 || level > maxIsolationLevel }

// fetchAtUnknownLevel is Apache Kafka's answer: UNKNOWN_SERVER_ERROR for the fetch and for each partition.
func fetchAtUnknownLevel(r *kmsg.FetchRequest) step {
	response := r.ResponseKind().(*kmsg.FetchResponse)
	response.ErrorCode = kerr.UnknownServerError.Code
	for _, t := range r.Topics {
		answer := kmsg.NewFetchResponseTopic()
		answer.Topic, answer.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			partition := kmsg.NewFetchResponseTopicPartition()
			partition.Partition, partition.ErrorCode, partition.HighWatermark = p.Partition, kerr.UnknownServerError.Code, -1
			partition.RecordBatches = []byte{}
			answer.Partitions = append(answer.Partitions, partition)
		}
		response.Topics = append(response.Topics, answer)
	}
	return answered(response)
}

// listOffsetsAtUnknownLevel is Apache Kafka's answer: UNKNOWN_SERVER_ERROR for each partition.
func listOffsetsAtUnknownLevel(r *kmsg.ListOffsetsRequest) step {
	response := r.ResponseKind().(*kmsg.ListOffsetsResponse)
	for i := range r.Topics {
		response.Topics = append(response.Topics, unlisted(&r.Topics[i], kerr.UnknownServerError.Code))
	}
	return answered(response)
}
