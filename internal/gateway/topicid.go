package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// negativeTopicLife is for how long an id that no topic had stays unknown without asking again.
	negativeTopicLife = time.Second
	maxTopicIDs       = 1 << 20 // about 200 MB; in a full index each new id takes the place of any other
	maxNegativeIDs    = 1 << 14
)

// topicIndex knows the physical name behind each topic id, so that a request that carries only ids can be checked
// against its tenant. It is filled at start and from passing responses; on a miss it asks the broker.
type topicIndex struct {
	control *control
	now     func() time.Time
	lookups prometheus.Counter

	mu       sync.RWMutex
	names    map[[16]byte]string
	negative map[[16]byte]time.Time // id -> until when it counts as unknown
}

func newTopicIndex(control *control, now func() time.Time, lookups prometheus.Counter) *topicIndex {
	return &topicIndex{control: control, now: now, lookups: lookups, names: map[[16]byte]string{}, negative: map[[16]byte]time.Time{}}
}

// fill reads every topic of the physical cluster.
func (x *topicIndex) fill(ctx context.Context) error {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = nil
	response, err := request.RequestWith(ctx, x.control)
	if err != nil {
		return err
	}
	x.learnAll(response)
	return nil
}

func (x *topicIndex) learnAll(response *kmsg.MetadataResponse) {
	for _, t := range response.Topics {
		if t.Topic != nil && t.ErrorCode == 0 {
			x.learn(t.TopicID, *t.Topic)
		}
	}
}

// learn keeps the name of an id.
func (x *topicIndex) learn(id [16]byte, name string) {
	if id == ([16]byte{}) || name == "" {
		return
	}
	x.mu.RLock()
	known, ok := x.names[id]
	x.mu.RUnlock()
	if ok && known == name {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	makeRoom(x.names, maxTopicIDs)
	x.names[id] = name
	delete(x.negative, id)
}

// name returns the physical name of an id. On a miss it asks the broker: another gateway may just have created
// the topic.
func (x *topicIndex) name(ctx context.Context, id [16]byte) (string, bool) {
	name, ok, _ := x.lookup(ctx, id)
	return name, ok
}

// cached returns the physical name of an id where no broker has to be asked.
func (x *topicIndex) cached(id [16]byte) (string, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	name, ok := x.names[id]
	return name, ok
}

// lookup is name; it tells an id that no topic has from one that the broker could not be asked about.
func (x *topicIndex) lookup(ctx context.Context, id [16]byte) (string, bool, error) {
	now := x.now()
	x.mu.RLock()
	name, ok := x.names[id]
	until, absent := x.negative[id]
	x.mu.RUnlock()
	if ok || id == ([16]byte{}) || absent && now.Before(until) {
		return name, ok, nil
	}
	x.lookups.Inc()
	request := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.TopicID = id
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, x.control)
	if err != nil {
		return "", false, err // not remembered: the next request asks again
	}
	for _, t := range response.Topics {
		if t.TopicID == id && t.Topic != nil && t.ErrorCode == 0 {
			x.learn(id, *t.Topic)
			return *t.Topic, true, nil
		}
		if t.ErrorCode != 0 && t.ErrorCode != kerr.UnknownTopicID.Code && t.ErrorCode != kerr.UnknownTopicOrPartition.Code {
			return "", false, kerr.ErrorForCode(t.ErrorCode)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	makeRoom(x.negative, maxNegativeIDs)
	x.negative[id] = now.Add(negativeTopicLife)
	return "", false, nil
}

// makeRoom removes any one entry of a map that is full. To clear it would make every request that needs an entry ask
// the broker at once.
func makeRoom[K comparable, V any](m map[K]V, limit int) {
	if len(m) < limit {
		return
	}
	for k := range m {
		delete(m, k)
		return
	}
}
