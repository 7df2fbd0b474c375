package gateway_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
)

// An isolation level that Kafka does not have is answered as Apache Kafka answers it, in every version that has the
// field, and does not reach the broker, which would write a stack trace to its log each time.
func TestUnknownIsolationLevels(t *testing.T) {
	const inLog = "Unknown isolation level"
	c := gatewaytest.Start(t, gatewaytest.Options{Own: true})
	r := residents(t, c, "lkc-aaaaaa")[0]
	r.createTopic("orders", 1)
	client, id := authenticated(t, c, r.key), r.topicID("orders")
	versions := map[int16][]int16{}
	ask := kmsg.NewPtrApiVersionsRequest()
	ask.Version, ask.ClientSoftwareName, ask.ClientSoftwareVersion = 4, "isolation", "1"
	for _, k := range client.ask(ask).(*kmsg.ApiVersionsResponse).ApiKeys {
		for v := max(k.MinVersion, 2); v <= k.MaxVersion; v++ { // ListOffsets has the field since version 2
			versions[k.ApiKey] = append(versions[k.ApiKey], v)
		}
	}
	for _, level := range []int8{-1, 2, 5} {
		for _, key := range []kmsg.Key{kmsg.Fetch, kmsg.ListOffsets} {
			for _, version := range versions[key.Int16()] {
				request := atLevel(key, version, level, "orders", id)
				if codes := codesOf(client.ask(request)); !onlyServerErrors(codes) {
					t.Errorf("%s %d at level %d: errors %v", key.Name(), version, level, codes)
				}
			}
		}
	}
	for level := range int8(2) {
		for _, key := range []kmsg.Key{kmsg.Fetch, kmsg.ListOffsets} {
			for code := range codesOf(client.ask(atLevel(key, 10, level, "orders", id))) {
				if code != 0 {
					t.Errorf("%s at level %d: error %d", key.Name(), level, code)
				}
			}
		}
	}
	if c.Kafka.Engine != kafkatest.Apache {
		return // the embedded engine takes any level, and has no log
	}
	if strings.Contains(c.Kafka.Logs(), inLog) {
		t.Errorf("it reached the broker:\n%s", c.Kafka.Logs())
	}
	answer, err := engineClient(t, c).Broker(0).Request(testContext(t), atLevel(kmsg.ListOffsets, 10, 5, "lkc-aaaaaa_orders", id))
	if err != nil {
		t.Fatal(err)
	}
	if codes := codesOf(answer); !onlyServerErrors(codes) {
		t.Errorf("the broker itself answers errors %v", codes)
	}
	eventually(t, func() string {
		if !strings.Contains(c.Kafka.Logs(), inLog) {
			return "the broker's log does not show what reaches it"
		}
		return ""
	})
}

// atLevel asks for one partition.
func atLevel(key kmsg.Key, version int16, level int8, topic string, id [16]byte) kmsg.Request {
	if key == kmsg.ListOffsets {
		request := kmsg.NewPtrListOffsetsRequest()
		request.Version, request.ReplicaID, request.IsolationLevel = version, -1, level
		t, p := kmsg.NewListOffsetsRequestTopic(), kmsg.NewListOffsetsRequestTopicPartition()
		t.Topic, p.Timestamp, p.CurrentLeaderEpoch = topic, -1, -1
		t.Partitions = append(t.Partitions, p)
		request.Topics = append(request.Topics, t)
		return request
	}
	request := kmsg.NewPtrFetchRequest()
	request.Version, request.SessionEpoch, request.IsolationLevel, request.MaxWaitMillis, request.MaxBytes = version, -1, level, 1, 1<<10
	t, p := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	t.Topic, t.TopicID, p.CurrentLeaderEpoch, p.PartitionMaxBytes = topic, id, -1, 1<<10
	t.Partitions = append(t.Partitions, p)
	request.Topics = append(request.Topics, t)
	return request
}

// codesOf counts the errors of an answer: that of the whole, where the version has one, and those of the partitions.
func codesOf(r kmsg.Response) map[int16]int {
	codes := map[int16]int{}
	switch response := r.(type) {
	case *kmsg.FetchResponse:
		if response.Version >= 7 {
			codes[response.ErrorCode]++
		}
		for _, t := range response.Topics {
			for _, p := range t.Partitions {
				codes[p.ErrorCode]++
			}
		}
	case *kmsg.ListOffsetsResponse:
		for _, t := range response.Topics {
			for _, p := range t.Partitions {
				codes[p.ErrorCode]++
			}
		}
	}
	return codes
}

// onlyServerErrors reports whether there is the error that is meant, and no other.
func onlyServerErrors(codes map[int16]int) bool {
	return len(codes) == 1 && codes[kerr.UnknownServerError.Code] > 0
}
