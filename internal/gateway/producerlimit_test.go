package gateway_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// A tenant that takes producer ids, or makes them up, has to wait once it has had many. Nobody else has.
func TestNewProducerIDsAreBounded(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := gatewaytest.Start(t, gatewaytest.Options{Limits: gateway.Limits{ProducerIDs: 4}, Registerer: registry})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	both[0].createTopic("orders", 1)
	l := authenticated(t, c, both[0].key)
	idempotent := givenProducer(t, l, nil) // 1
	transactional := "bounded"
	givenProducer(t, l, &transactional) // 2
	produceAs(t, l, idempotent, 0)      // was counted when it was given
	produceAs(t, l, 1<<40, 0)           // 3
	produceAs(t, l, 1<<40, 0)           // a client sends a batch again
	produceAs(t, l, 1<<41, 0)           // 4
	another := "bounded-2"
	for _, id := range []*string{nil, &transactional, &another} {
		refused := l.ask(initProducer(id)).(*kmsg.InitProducerIDResponse)
		if refused.ErrorCode != kerr.CoordinatorLoadInProgress.Code || refused.ProducerID != -1 || refused.ThrottleMillis < 1 {
			t.Errorf("one too many is answered %+v", refused)
		}
	}
	produceAs(t, l, 1<<42, kerr.NotLeaderForPartition.Code)
	produceAs(t, authenticated(t, c, both[0].key), idempotent, 0) // on any connection
	produceAs(t, l, -1, 0)

	both[1].createTopic("orders", 1)
	givenProducer(t, authenticated(t, c, both[1].key), nil)
	if refused := gathered(t, registry, "orrery_gateway_producer_ids_refused_total"); refused != 4 {
		t.Errorf("%v refusals were counted, want 4", refused)
	}
}

// A client that has to wait for its producer id waits, and then writes.
func TestClientsWaitForProducerIDs(t *testing.T) {
	const often = 3000 // five come again each second
	c := gatewaytest.Start(t, gatewaytest.Options{Limits: gateway.Limits{ProducerIDs: often}})
	r := residents(t, c, "lkc-aaaaaa")[0]
	r.createTopic("orders", 1)
	l := authenticated(t, c, r.key)
	for refused := false; !refused; {
		const chunk = 50
		for range chunk {
			l.send(initProducer(nil))
		}
		for range chunk {
			_, response := l.receive(initProducer(nil))
			refused = refused || response.(*kmsg.InitProducerIDResponse).ErrorCode != 0
		}
	}
	writer := r.client()
	produceOne(t, writer, "orders", "of a producer that waited")
	process := r.client(kgo.TransactionalID("waiting"))
	if err := process.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produceOne(t, process, "orders", "in a transaction that waited")
	if err := process.EndTransaction(testContext(t), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
}

func initProducer(transactionalID *string) kmsg.Request {
	request := kmsg.NewPtrInitProducerIDRequest()
	request.Version, request.TransactionalID, request.TransactionTimeoutMillis = 4, transactionalID, 60_000
	request.ProducerID, request.ProducerEpoch = -1, -1
	return request
}

func givenProducer(t *testing.T, l *rawClient, transactionalID *string) int64 {
	t.Helper()
	given := l.ask(initProducer(transactionalID)).(*kmsg.InitProducerIDResponse)
	if given.ErrorCode != 0 {
		t.Fatalf("InitProducerId: %v", kerr.ErrorForCode(given.ErrorCode))
	}
	return given.ProducerID
}

// produceAs writes a batch of a producer that is new to the partition, or again, and expects an error code.
func produceAs(t *testing.T, l *rawClient, producer int64, want int16) {
	t.Helper()
	g := generator{loot: &loot{}}
	request, topic, partition := kmsg.NewPtrProduceRequest(), kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	request.Version, request.Acks, request.TimeoutMillis, topic.Topic = 9, -1, 1000, "orders"
	epoch := int16(0)
	if producer < 0 {
		epoch = -1
	}
	partition.Records = g.batch(producer, epoch, 0)
	topic.Partitions = append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	if code := l.ask(request).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode; code != want {
		t.Errorf("a batch of producer %d: %v, want %v", producer, kerr.ErrorForCode(code), kerr.ErrorForCode(want))
	}
}
