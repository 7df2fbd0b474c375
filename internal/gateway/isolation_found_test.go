package gateway_test

import (
	"math/rand"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// What random requests found, one by one.
func TestIsolationFound(t *testing.T) {
	w := newWorld(t)
	thief := w.intruders[0]
	for name, request := range map[string]kmsg.Request{
		"forgotten topics of others": forgetting(thief.loot.stolenTopicIDs),
		"a produce request without topics and with a transactional id that is refused": producingNothing(""),
		"tagged fields that only a newer broker would know":                            tagging(),
		"a produce request without topics":                                             producingNothing("tx"),
	} {
		l := w.dial(thief)
		_, frame, err := l.exchange(request, patient)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		w.warden.checkAnswer(thief.party, request, request.AppendTo(nil), frame)
		for _, f := range w.taken() {
			t.Errorf("%s: %v", name, f)
		}
	}
}

// The embedded engine ends its process over a Produce with the ids of two topics that are gone.
func TestProduceToTopicsThatAreGone(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	names := []string{"first", "second", "there"}
	request := kmsg.NewPtrProduceRequest()
	request.Version, request.Acks, request.TimeoutMillis = 13, -1, 1000
	g := generator{random: rand.New(rand.NewSource(1)), loot: &loot{}}
	for _, name := range names {
		r.createTopic(name, 1)
		topic, partition := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
		topic.TopicID, partition.Records = r.topicID(name), g.batch(-1, 0, 0)
		topic.Partitions = append(topic.Partitions, partition)
		request.Topics = append(request.Topics, topic)
	}
	if _, err := r.admin().DeleteTopics(testContext(t), names[:2]...); err != nil {
		t.Fatal(err)
	}
	response := authenticated(t, c, r.key).ask(request).(*kmsg.ProduceResponse)
	codes := map[[16]byte]int16{}
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			codes[topic.TopicID] = p.ErrorCode
		}
	}
	for i, want := range []int16{kerr.UnknownTopicID.Code, kerr.UnknownTopicID.Code, 0} {
		if got, ok := codes[request.Topics[i].TopicID]; !ok || got != want {
			t.Errorf("%s: error %d (answered: %v), want %d", names[i], got, ok, want)
		}
	}
	consume(t, r.client(kgo.ConsumeTopics("there"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())), 1)
}

func forgetting(ids [][16]byte) kmsg.Request {
	request := kmsg.NewPtrFetchRequest()
	request.Version, request.MaxWaitMillis = 16, 1
	for _, id := range ids {
		request.ForgottenTopics = append(request.ForgottenTopics, kmsg.FetchRequestForgottenTopic{TopicID: id, Partitions: []int32{0}})
	}
	return request
}

func tagging() kmsg.Request {
	request := namingOrders().(*kmsg.MetadataRequest)
	request.Version = 12
	request.UnknownTags.Set(77, []byte(victimID+"_orders"))
	request.Topics[0].UnknownTags.Set(78, []byte(victimID+"_orders"))
	return request
}

func producingNothing(transactionalID string) kmsg.Request {
	request := kmsg.NewPtrProduceRequest()
	request.Version, request.Acks, request.TransactionID = 9, -1, &transactionalID
	return request
}
