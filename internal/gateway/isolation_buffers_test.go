package gateway_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Gateways use the memory of frames again, of all tenants. While the victim moves records through them, hostile
// tenants that pipeline their requests get none of its bytes.
func TestIsolationOfBuffers(t *testing.T) {
	w := newWorld(t)
	all := slices.DeleteFunc(w.offered(), func(kv keyVersion) bool {
		switch kmsg.Key(kv.key) {
		case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.SASLHandshake, kmsg.SASLAuthenticate: // wait for others, or end the connection
			return true
		}
		return false
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var victim sync.WaitGroup
	victim.Go(func() { w.keepBusy(ctx) })
	deadline := time.Now().Add(5 * time.Second)
	if soak() {
		deadline = time.Now().Add(2 * time.Minute)
	}
	var total tally
	for seed := int64(1); time.Now().Before(deadline); seed++ {
		var running sync.WaitGroup
		var mu sync.Mutex
		for _, who := range w.intruders {
			running.Go(func() {
				done := w.pipeline(who, seed, all, deadline)
				mu.Lock()
				defer mu.Unlock()
				total.add(done)
			})
		}
		running.Wait()
		if found := w.taken(); len(found) > 0 {
			t.Errorf("seed %d: %v", seed, found)
			break
		}
	}
	cancel()
	victim.Wait()
	t.Logf("%d requests: %d answered, %d times the connection was lost", total.sent, total.answered, total.closed)
	if total.answered < total.sent/2 {
		t.Error("most requests were not answered")
	}
}

// keepBusy writes records of the victim, and reads them again and again.
func (w *world) keepBusy(ctx context.Context) {
	value := bytes.Repeat([]byte(canary), 10_000)
	producer := w.victim.client(kgo.ProducerBatchMaxBytes(1<<20), kgo.ProducerBatchCompression(kgo.NoCompression()))
	const records = 100
	for range records {
		if err := producer.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: value}).FirstErr(); err != nil {
			w.t.Error(err)
			return
		}
	}
	for ctx.Err() == nil {
		reader := w.victim.client(kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		for seen := 0; seen < records && ctx.Err() == nil; {
			fetches := reader.PollFetches(ctx)
			if err := fetches.Err(); err != nil && ctx.Err() == nil {
				w.t.Error(err)
				return
			}
			fetches.EachRecord(func(r *kgo.Record) {
				if seen++; !bytes.HasPrefix(r.Value, []byte(canary)) {
					w.t.Errorf("the victim read %.40q", r.Value)
				}
			})
		}
		reader.Close()
	}
}

// pipeline is attack with several requests on their way at once, until it is late.
func (w *world) pipeline(who *intruder, seed int64, all []keyVersion, deadline time.Time) tally {
	random := rand.New(rand.NewSource(seed))
	l := who.loot
	g := generator{random, &l}
	done := tally{covered: map[keyVersion]int{}}
	all = slices.Clone(all)
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	conn := w.dial(who)
	defer func() { conn.conn.Close() }()
	for chunk := range slices.Chunk(all, 8) {
		if time.Now().After(deadline) {
			break
		}
		var requests []kmsg.Request
		for _, kv := range chunk {
			request := g.request(kv.key, kv.version)
			if produce, ok := request.(*kmsg.ProduceRequest); ok && produce.Acks == 0 {
				produce.Acks = 1
			}
			requests = append(requests, request)
		}
		done.sent += len(requests)
		answered, err := w.exchangeAll(conn, requests)
		if done.answered += answered; err == nil {
			continue
		}
		done.closed++
		conn.conn.Close()
		next, err := w.open(who)
		if err != nil {
			w.t.Error(err)
			return done
		}
		conn = next
	}
	return done
}

// exchangeAll sends requests as one, and checks their answers.
func (w *world) exchangeAll(l *line, requests []kmsg.Request) (answered int, err error) {
	var frames []byte
	first := l.next + 1
	for _, request := range requests {
		l.next++
		frames = append(frames, l.format.AppendRequest(nil, request, l.next)...)
	}
	l.conn.SetDeadline(time.Now().Add(3 * time.Second)) // Apache Kafka holds some DescribeShareGroupOffsets longer than anybody waits
	if _, err := l.conn.Write(frames); err != nil {
		return 0, err
	}
	for i, request := range requests {
		var size [4]byte
		if _, err := io.ReadFull(l.conn, size[:]); err != nil {
			return i, err
		}
		frame := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(l.conn, frame); err != nil {
			return i, err
		}
		if id := int32(binary.BigEndian.Uint32(frame)); id != first+int32(i) {
			w.find(finding{l.who.logicalClusterID, "from the gateway", "the answers are not in the order of the requests"})
			return i, errors.New("answers out of order")
		}
		w.warden.checkAnswer(l.who.party, request, request.AppendTo(nil), frame)
	}
	return len(requests), nil
}
