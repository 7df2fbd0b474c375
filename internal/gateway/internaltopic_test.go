package gateway_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// TestInternalTopicNames expects clients to be told what Kafka calls internal: nothing of the brokers' own, but a
// tenant's topic of such a name.
func TestInternalTopicNames(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	all := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	one, other := all[0], all[1]
	want := map[string]bool{"__consumer_offsets": true, "__transaction_state": true, "__share_group_state": true, "__consumer_offsets_2": false, "orders": false}
	for name := range want {
		one.createTopic(name, 1)
	}
	metadata, err := kmsg.NewPtrMetadataRequest().RequestWith(testContext(t), one.client())
	if err != nil {
		t.Fatal(err)
	}
	partitions, err := kmsg.NewPtrDescribeTopicPartitionsRequest().RequestWith(testContext(t), one.client())
	if err != nil {
		t.Fatal(err)
	}
	if len(metadata.Topics) != len(want) || len(partitions.Topics) != len(want) {
		t.Fatalf("Metadata has %d topics, DescribeTopicPartitions %d, want %d", len(metadata.Topics), len(partitions.Topics), len(want))
	}
	for _, topic := range metadata.Topics {
		if internal, ok := want[*topic.Topic]; !ok || topic.IsInternal != internal {
			t.Errorf("Metadata: %s, internal %v", *topic.Topic, topic.IsInternal)
		}
	}
	for _, topic := range partitions.Topics {
		if internal, ok := want[*topic.Topic]; !ok || topic.IsInternal != internal {
			t.Errorf("DescribeTopicPartitions: %s, internal %v", *topic.Topic, topic.IsInternal)
		}
	}
	if metadata, err = kmsg.NewPtrMetadataRequest().RequestWith(testContext(t), other.client()); err != nil || len(metadata.Topics) != 0 {
		t.Errorf("another tenant sees %+v, %v", metadata.Topics, err)
	}
}
