package gateway_test

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// Who asks a broker that does not lead a partition is told where the leader is (KIP-951): at its gateway, never at
// the broker itself.
func TestLeadersAreToldByTheirGateways(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3})
	r := residents(t, c, "lkc-aaaaaa")[0]
	r.createTopic("orders", 12) // so that some are led elsewhere, wherever they are put
	l, g, id := authenticated(t, c, r.key), generator{loot: &loot{}}, r.topicID("orders")

	produce, written := kmsg.NewPtrProduceRequest(), kmsg.NewProduceRequestTopic()
	produce.Version, produce.Acks, produce.TimeoutMillis, written.Topic = 12, -1, 1000, "orders"
	fetch, read := kmsg.NewPtrFetchRequest(), kmsg.NewFetchRequestTopic()
	fetch.Version, fetch.MaxWaitMillis, fetch.SessionEpoch, read.TopicID = 16, 1, -1, id
	for n := range int32(12) {
		toWrite, toRead := kmsg.NewProduceRequestTopicPartition(), kmsg.NewFetchRequestTopicPartition()
		toWrite.Partition, toWrite.Records, toRead.Partition, toRead.CurrentLeaderEpoch = n, g.batch(-1, -1, 0), n, -1
		written.Partitions, read.Partitions = append(written.Partitions, toWrite), append(read.Partitions, toRead)
	}
	produce.Topics, fetch.Topics = append(produce.Topics, written), append(fetch.Topics, read)

	var told []string
	for _, b := range l.ask(produce).(*kmsg.ProduceResponse).Brokers {
		told = append(told, "Produce")
		expectGateway(t, c, "Produce", b.NodeID, b.Host, b.Port)
	}
	for _, b := range l.ask(fetch).(*kmsg.FetchResponse).Brokers {
		told = append(told, "Fetch")
		expectGateway(t, c, "Fetch", b.NodeID, b.Host, b.Port)
	}
	if !slices.Contains(told, "Produce") || !slices.Contains(told, "Fetch") {
		t.Errorf("only %q told where leaders are", told)
	}
}

func expectGateway(t *testing.T, c *gatewaytest.Cluster, who string, node int32, host string, port int32) {
	t.Helper()
	for _, b := range c.Endpoints.Brokers {
		if b.Node == node && b.Host == host && b.Port == port {
			return
		}
	}
	t.Errorf("%s says that broker %d is at %s:%d; the gateways are at %v", who, node, host, port, c.Endpoints.Brokers)
}
