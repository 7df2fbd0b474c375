package gateway_test

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
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
		"a produce request that the gateway writes in pieces":                          producingMuch(),
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
	t.Run("a topic that is gone, in a session that was opened by id and goes on by name", func(t *testing.T) {
		w.goOnByName(t, thief)
		for _, f := range w.taken() {
			t.Error(f)
		}
	})
}

// goOnByName opens a session with the id of a topic that is gone, and goes on by name. The embedded engine then has a
// topic without a name in its answer; Apache Kafka refuses to go on.
func (w *world) goOnByName(t *testing.T, who *intruder) {
	const name = "short-lived"
	l := w.dial(who)
	ask := func(request kmsg.Request) kmsg.Response {
		t.Helper()
		response, frame, err := l.exchange(request, patient)
		if err != nil {
			t.Fatalf("%s: %v", kmsg.NameForKey(request.Key()), err)
		}
		w.warden.checkAnswer(who.party, request, request.AppendTo(nil), frame)
		return response
	}
	create, topic := kmsg.NewPtrCreateTopicsRequest(), kmsg.NewCreateTopicsRequestTopic()
	create.Version, create.TimeoutMillis = 7, 10_000
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, -1
	create.Topics = append(create.Topics, topic)
	created := ask(create).(*kmsg.CreateTopicsResponse).Topics[0]
	if created.ErrorCode != 0 {
		t.Fatalf("creating a topic: error %d", created.ErrorCode)
	}
	fetch := kmsg.NewPtrFetchRequest()
	fetch.Version, fetch.MaxWaitMillis, fetch.MaxBytes = 13, 1, 1<<10
	wanted, partition := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	wanted.TopicID, partition.CurrentLeaderEpoch, partition.PartitionMaxBytes = created.TopicID, -1, 1<<10
	wanted.Partitions = append(wanted.Partitions, partition)
	fetch.Topics = append(fetch.Topics, wanted)
	eventually(t, func() string { // the broker may not know the topic yet; when it does, the gateway does, too
		fetch.SessionEpoch = -1
		if response := ask(fetch).(*kmsg.FetchResponse); len(response.Topics) != 1 || response.Topics[0].Partitions[0].ErrorCode != 0 {
			return fmt.Sprintf("the topic cannot be read: %+v", response)
		}
		return ""
	})
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.Version, remove.TimeoutMillis, remove.TopicNames = 5, 10_000, []string{name}
	if code := ask(remove).(*kmsg.DeleteTopicsResponse).Topics[0].ErrorCode; code != 0 {
		t.Fatalf("deleting the topic: error %d", code)
	}
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Version, metadata.Topics = 12, []kmsg.MetadataRequestTopic{{Topic: kmsg.StringPtr(name)}}
	eventually(t, func() string {
		if code := ask(metadata).(*kmsg.MetadataResponse).Topics[0].ErrorCode; code != kerr.UnknownTopicOrPartition.Code {
			return fmt.Sprintf("the topic is still there: error %d", code)
		}
		return ""
	})
	fetch.SessionEpoch = 0
	opened := ask(fetch).(*kmsg.FetchResponse)
	if opened.ErrorCode != 0 || opened.SessionID == 0 {
		t.Fatalf("opening a session: %+v", opened)
	}
	fetch.Version, fetch.SessionID, fetch.SessionEpoch, fetch.Topics = 12, opened.SessionID, 1, nil
	want := int16(0)
	if w.cluster.Kafka.Engine == kafkatest.Apache {
		want = kerr.FetchSessionTopicIDError.Code
	}
	if response := ask(fetch).(*kmsg.FetchResponse); response.ErrorCode != want || len(response.Topics) > 0 {
		t.Errorf("going on by name: %+v, want error %d and no topic", response, want)
	}
	ask(metadata) // the connection is still there
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

// producingMuch has a batch whose bytes go to the broker from where they are.
func producingMuch() kmsg.Request {
	request := kmsg.NewPtrProduceRequest()
	request.Version, request.Acks, request.TimeoutMillis = 9, -1, 1000
	topic, partition := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	g := generator{random: rand.New(rand.NewSource(1)), loot: &loot{}}
	topic.Topic, partition.Records = "orders", append(g.batch(-1, 0, 0), make([]byte, 64<<10)...)
	topic.Partitions = append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	return request
}
