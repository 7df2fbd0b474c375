package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// DescribeProducers: v0
//
// Behavior:
// * READ on each topic, else TOPIC_AUTHORIZATION_FAILED for its partitions. The other topics are answered.
// * Producer ids are numbers of the whole physical cluster.
func describeProducers(ctx context.Context, s *session, r *kmsg.DescribeProducersRequest) (step, error) {
	var refused []kmsg.DescribeProducersResponseTopic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.DescribeProducersRequestTopic) (answer kmsg.DescribeProducersResponseTopic, _ bool) {
		code := s.translateTopic(ctx, authz.Read, false, &t.Topic, [16]byte{})
		if code == 0 {
			return answer, false
		}
		answer = kmsg.NewDescribeProducersResponseTopic()
		answer.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewDescribeProducersResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p, code
			answer.Partitions = append(answer.Partitions, partition)
		}
		return answer, true
	})
	if len(r.Topics) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.DescribeProducersResponse)
		response.Topics = refused
		return answered(response), nil
	}
	return forwarded(r, func(response *kmsg.DescribeProducersResponse) error {
		response.Topics = own(s, response.Topics, func(t *kmsg.DescribeProducersResponseTopic) *string { return &t.Topic })
		for i := range response.Topics {
			for j := range response.Topics[i].Partitions {
				p := &response.Topics[i].Partitions[j]
				p.ErrorMessage = s.errorText(p.ErrorMessage)
			}
		}
		response.Topics = append(refused, response.Topics...)
		return nil
	}), nil
}
