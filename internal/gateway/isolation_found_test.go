package gateway_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What random requests found, one by one.
func TestIsolationFound(t *testing.T) {
	w := newWorld(t)
	thief := w.intruders[0]
	for name, request := range map[string]kmsg.Request{
		"forgotten topics of others": forgetting(thief.loot.stolenTopicIDs),
		"a produce request without topics and with a transactional id that is refused": producingNothing(""),
		"a produce request without topics": producingNothing("tx"),
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

func forgetting(ids [][16]byte) kmsg.Request {
	request := kmsg.NewPtrFetchRequest()
	request.Version, request.MaxWaitMillis = 16, 1
	for _, id := range ids {
		request.ForgottenTopics = append(request.ForgottenTopics, kmsg.FetchRequestForgottenTopic{TopicID: id, Partitions: []int32{0}})
	}
	return request
}

func producingNothing(transactionalID string) kmsg.Request {
	request := kmsg.NewPtrProduceRequest()
	request.Version, request.Acks, request.TransactionID = 9, -1, &transactionalID
	return request
}
