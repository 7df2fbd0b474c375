package gateway_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/poll"
)

// partitionsOfMine is so many that a list of a few topics takes several pages, which end inside of topics.
const partitionsOfMine = 7

// listAll asks a gateway for all topics, in each way that there is.
func listAll(t *testing.T, broker *kgo.Broker) [3][]string {
	t.Helper()
	ask := func(request kmsg.Request) kmsg.Response {
		response, err := broker.RetriableRequest(testContext(t), request)
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	var all [3][]string
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Topics = nil
	for _, topic := range ask(metadata).(*kmsg.MetadataResponse).Topics {
		if topic.ErrorCode == 0 && len(topic.Partitions) == partitionsOfMine && topic.TopicID != [16]byte{} {
			all[0] = append(all[0], *topic.Topic)
		}
	}
	partitions := kmsg.NewPtrDescribeTopicPartitionsRequest()
	for _, topic := range ask(partitions).(*kmsg.DescribeTopicPartitionsResponse).Topics {
		if topic.ErrorCode == 0 && len(topic.Partitions) > 0 {
			all[1] = append(all[1], *topic.Topic)
		}
	}
	resources := kmsg.NewPtrListConfigResourcesRequest()
	resources.ResourceTypes = []int8{int8(kmsg.ConfigResourceTypeTopic)}
	for _, resource := range ask(resources).(*kmsg.ListConfigResourcesResponse).ConfigResources {
		all[2] = append(all[2], resource.Name)
	}
	for _, names := range all {
		slices.Sort(names)
	}
	return all
}

// A topic is in every gateway's list as soon as that gateway's broker knows it, whichever gateway it was made through,
// and one that was deleted is not, however warm the lists are.
func TestEveryGatewayListsWhatAnotherMade(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3, Topics: gateway.NewTopicVersions()})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	client := both[0].client()
	both[1].createTopic("mine", partitionsOfMine)
	admin := kadm.NewClient(client)
	var want []string
	check := func(what string) {
		t.Helper()
		for _, gateway := range c.Endpoints.Brokers {
			broker := client.Broker(int(gateway.Node))
			for way, got := range listAll(t, broker) {
				if !slices.Equal(got, want) {
					t.Fatalf("%s, gateway %d, way %d: %q, want %q", what, gateway.Node, way, got, want)
				}
			}
		}
	}
	check("nothing yet")
	for i := range 8 {
		name := fmt.Sprint("topic-", i)
		if _, err := admin.CreateTopic(testContext(t), partitionsOfMine, 1, nil, name); err != nil {
			t.Fatal(err)
		}
		if err := gatewaytest.Known(testContext(t), c.Kafka, "lkc-aaaaaa_"+name); err != nil {
			t.Fatal(err)
		}
		want = append(want, name)
		check("created " + name)
		check("again")
	}
	for len(want) > 5 {
		if _, err := admin.DeleteTopic(testContext(t), want[0]); err != nil {
			t.Fatal(err)
		}
		gone := "lkc-aaaaaa_" + want[0]
		want = want[1:]
		awaitUnknown(t, c, gone)
		check("deleted " + gone)
	}
	if got := listAll(t, both[1].client().Broker(0)); !slices.Equal(got[0], []string{"mine"}) {
		t.Errorf("the other tenant: %q", got)
	}
}

// awaitUnknown waits until no broker knows a topic.
func awaitUnknown(t *testing.T, c *gatewaytest.Cluster, physical string) {
	t.Helper()
	superuser := c.Kafka.Client(t, "")
	for _, b := range c.Kafka.Brokers {
		poll.Until(t, "the broker to forget "+physical, func() bool {
			request := kmsg.NewPtrMetadataRequest()
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic = &physical
			request.Topics = append(request.Topics, topic)
			response, err := superuser.Broker(int(b.Node)).RetriableRequest(testContext(t), request)
			if err != nil {
				t.Fatal(err)
			}
			topics := response.(*kmsg.MetadataResponse).Topics
			return len(topics) == 1 && topics[0].ErrorCode == kerr.UnknownTopicOrPartition.Code
		})
	}
}
