package gateway_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// describePages follows the cursor to the end and returns what the pages had, as topic-partition.
func describePages(t *testing.T, client *kgo.Client, limit int32, topics ...string) []string {
	t.Helper()
	var all []string
	request := kmsg.NewPtrDescribeTopicPartitionsRequest()
	request.ResponsePartitionLimit = limit
	for range 100 {
		request.Topics = nil
		for _, topic := range topics {
			request.Topics = append(request.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: topic})
		}
		response, err := request.RequestWith(testContext(t), client)
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range response.Topics {
			if topic.ErrorCode != 0 {
				all = append(all, fmt.Sprint(*topic.Topic, " ", kerr.ErrorForCode(topic.ErrorCode)))
			}
			if topic.ErrorCode == 0 && (topic.TopicID == [16]byte{} || topic.AuthorizedOperations == 0 || topic.IsInternal) {
				t.Errorf("a topic is %+v", topic)
			}
			for _, p := range topic.Partitions {
				all = append(all, fmt.Sprintf("%s-%d", *topic.Topic, p.Partition))
			}
		}
		if response.NextCursor == nil {
			return all
		}
		request.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: response.NextCursor.Topic, Partition: response.NextCursor.Partition}
	}
	t.Fatal("the pages do not end")
	return nil
}

func TestDescribeTopicPartitions(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	all := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb", "lkc-cccccc", "lkc-dddddd")
	for i, r := range all[:3] {
		r.createTopic(fmt.Sprint("first-", i), 3)
		r.createTopic("second", 1)
		r.createTopic("__internal", 2)
	}
	middle := all[1].client()
	want := []string{"__internal-0", "__internal-1", "first-1-0", "first-1-1", "first-1-2", "second-0"}
	for _, limit := range []int32{0, 1, 2, 3, 5, 6, 7, 2000} {
		if got := describePages(t, middle, limit); !slices.Equal(got, want) {
			t.Errorf("%d at a time: %q", limit, got)
		}
	}
	named := []string{"first-1-0", "first-1-1", "first-1-2", "first-2 " + kerr.UnknownTopicOrPartition.Error(), "second-0"}
	for _, limit := range []int32{1, 4, 2000} {
		if got := describePages(t, middle, limit, "second", "first-2", "first-1"); !slices.Equal(got, named) {
			t.Errorf("%d at a time, by name: %q", limit, got)
		}
	}
	for i, r := range map[int]*resident{0: all[0], 2: all[2]} {
		if got := describePages(t, r.client(), 2000); len(got) != 6 || got[2] != fmt.Sprintf("first-%d-0", i) {
			t.Errorf("tenant %d: %q", i, got)
		}
	}
	if got := describePages(t, all[3].client(), 1); len(got) != 0 {
		t.Errorf("a tenant without topics: %q", got)
	}
	if got := describePages(t, all[1].nobody().client(), 1); len(got) != 0 {
		t.Errorf("without any right: %q", got)
	}
	for _, cursor := range []kmsg.DescribeTopicPartitionsRequestCursor{{Topic: "elsewhere"}, {Topic: "second", Partition: -1}} {
		request := kmsg.NewPtrDescribeTopicPartitionsRequest()
		request.Topics, request.Cursor = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "second"}}, &cursor
		response, err := request.RequestWith(testContext(t), middle)
		if err != nil || len(response.Topics) != 1 || response.Topics[0].ErrorCode != kerr.InvalidRequest.Code {
			t.Errorf("the cursor %+v: %+v, %v", cursor, response, err)
		}
	}
}
