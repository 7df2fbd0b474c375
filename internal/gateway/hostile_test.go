package gateway_test

import (
	"context"

	"math"
	"math/rand"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// A tenant may send anything that can be encoded. Whatever it is, the engine, which serves every tenant in one
// process, goes on, nothing of another tenant is told or changed, and the connection gets an answer or ends.
func TestHostileRequests(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	victim, hostile := both[0], both[1]
	victim.createTopic("orders", 2)
	hostile.createTopic("orders", 2)
	produceMany(t, victim, "orders", 10)
	writer := victim.client(kgo.TransactionalID("tx"), kgo.TransactionTimeout(10*time.Minute))
	if err := writer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produceOne(t, writer, "orders", victim.tenant.LogicalClusterID+"/10")
	producerID, _, err := writer.ProducerID(testContext(t))
	if err != nil {
		t.Fatal(err)
	}

	stolen := filler{producerID: producerID, topicIDs: [][16]byte{victim.topicID("orders"), hostile.topicID("orders")}}
	var running sync.WaitGroup
	for seed := range int64(hostileClients) {
		running.Go(func() {
			f := stolen
			f.random = rand.New(rand.NewSource(seed))
			f.attack(hostile)
		})
	}
	running.Wait()
	if err := writer.EndTransaction(testContext(t), kgo.TryCommit); err != nil {
		t.Errorf("the victim could not commit: %v", err)
	}
	reader := victim.client(kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	consumeOwn(t, victim, reader, 11)
}

const (
	hostileClients = 4
	hostileRounds  = 60
)

// filler makes requests of what is likely to be accepted halfway.
type filler struct {
	random     *rand.Rand
	producerID int64
	topicIDs   [][16]byte
	members    []string // ids that the engine gave
}

// attack sends every request that is offered, again and again.
func (f filler) attack(r *resident) {
	client := r.client(kgo.RequestRetries(0))
	for range hostileRounds {
		for key := range int16(kmsg.MaxKey + 1) {
			request := kmsg.RequestForKey(key)
			switch kmsg.Key(key) {
			case kmsg.ApiVersions, kmsg.SASLHandshake, kmsg.SASLAuthenticate:
				continue // the client sends them itself
			}
			if request == nil {
				continue
			}
			f.fill(reflect.ValueOf(request).Elem(), 0)
			f.steer(request)
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			response, err := client.Broker(0).Request(ctx, request)
			if err != nil && ctx.Err() != nil {
				client.Close() // a request that waits would hold up those behind it
				client = r.client(kgo.RequestRetries(0))
			}
			cancel()
			if joined, ok := response.(*kmsg.JoinGroupResponse); ok && err == nil && joined.MemberID != "" {
				f.members = append(f.members, joined.MemberID)
			}
		}
	}
}

// steer makes a request pass the first checks more often.
func (f filler) steer(request kmsg.Request) {
	switch r := request.(type) {
	case *kmsg.JoinGroupRequest:
		if f.random.Intn(4) > 0 {
			r.SessionTimeoutMillis, r.RebalanceTimeoutMillis, r.ProtocolType = 6000, 100, pick(f.random, "consumer", "connect")
		}
		if len(f.members) > 0 && f.random.Intn(2) == 0 {
			r.MemberID = pick(f.random, f.members...)
		}
	case *kmsg.SyncGroupRequest:
		if len(f.members) > 0 {
			r.MemberID = pick(f.random, f.members...)
		}
	case *kmsg.ConsumerGroupHeartbeatRequest:
		r.SubscribedTopicRegex = nil
		r.Group = "next"
		if f.random.Intn(2) == 0 {
			r.MemberEpoch, r.Topics, r.SubscribedTopicNames, r.ServerAssignor = 0, []kmsg.ConsumerGroupHeartbeatRequestTopic{}, []string{"orders"}, nil
		}
	}
}

func (f filler) fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[kmsg.Tags]() {
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				f.fill(v.Field(i), depth)
			}
		}
	case reflect.Pointer:
		v.SetZero()
		if f.random.Intn(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem(), depth)
		}
	case reflect.Slice:
		f.fillSlice(v, depth)
	case reflect.Array:
		v.Set(reflect.ValueOf(f.topicIDs[f.random.Intn(len(f.topicIDs))]))
	case reflect.String:
		v.SetString(pick(f.random, "", "orders", "orders", "workers", "workers", "tx", "tx", "consumer", "range", "nothing", "0", "cleanup.policy", "compact", "uniform", ".*"))
	case reflect.Bool:
		v.SetBool(f.random.Intn(2) == 0)
	default:
		f.fillNumber(v)
	}
}

func (f filler) fillSlice(v reflect.Value, depth int) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		metadata := kmsg.NewConsumerMemberMetadata()
		metadata.Topics = []string{"orders"}
		v.SetBytes(pick(f.random, nil, []byte{}, []byte{0, 1, 2}, metadata.AppendTo(nil)))
		return
	}
	v.SetZero()
	n := f.random.Intn(4) - 1
	if n < 0 || depth > 4 {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		f.fill(v.Index(i), depth+1)
	}
}

func (f filler) fillNumber(v reflect.Value) {
	if !v.CanInt() {
		return
	}
	n := pick(f.random, -2, -1, 0, 0, 0, 1, 1, 2, 3, 4, 32, 100, 30_000, math.MaxInt16, math.MaxInt32, math.MinInt32, math.MaxInt64, f.producerID)
	if v.OverflowInt(n) {
		n = 1
	}
	v.SetInt(n)
}

func pick[T any](random *rand.Rand, values ...T) T { return values[random.Intn(len(values))] }
