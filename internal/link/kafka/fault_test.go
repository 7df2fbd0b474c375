package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/link/kafka"
	"github.com/orrery-kafka/orrery/internal/poll"
)

// Every error that a broker or coordinator may give for a while is survived, and what is received is whole.
func TestErrorsThatPass(t *testing.T) {
	for _, c := range []struct {
		key  kmsg.Key
		errs []*kerr.Error
	}{
		{kmsg.AddPartitionsToTxn, []*kerr.Error{kerr.ConcurrentTransactions, kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.UnknownServerError}},
		{kmsg.Produce, []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.RequestTimedOut, kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID, kerr.UnknownTopicOrPartition}},
		{kmsg.EndTxn, []*kerr.Error{kerr.NotCoordinator, kerr.ConcurrentTransactions, kerr.UnknownServerError}},
		{kmsg.FindCoordinator, []*kerr.Error{kerr.CoordinatorNotAvailable}},
		{kmsg.Metadata, []*kerr.Error{kerr.LeaderNotAvailable}},
	} {
		for _, err := range c.errs {
			t.Run(fmt.Sprintf("%s/%s", c.key.Name(), err.Message), func(t *testing.T) {
				b := start(t, 3)
				mothership, satellite := b.mothership(t, nil, "sat-1"), b.satellite(t, nil, "sat-1")
				send(t, mothership, 1)
				await(t, satellite, 1)
				// Both, so that it is also met while what the first left is settled.
				b.Fault(kfake.Fault{Keys: []kmsg.Key{c.key}, Err: err, Count: 2})
				send(t, mothership, 2)
				await(t, satellite, 2)
				send(t, mothership, 3)
				await(t, satellite, 3)
			})
		}
	}
}

// A commit whose answer is lost is tried again from the start: the messages come at least once.
func TestTheAnswerToACommitIsLost(t *testing.T) {
	b := start(t, 1)
	mothership, satellite := b.mothership(t, nil, "sat-1"), b.satellite(t, nil, "sat-1")
	settled := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Count: -1, Observe: true})
	var once atomic.Bool
	b.ControlKey(kmsg.EndTxn.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		if request.(*kmsg.EndTxnRequest).Commit && once.CompareAndSwap(false, true) {
			b.SleepControl(func() { b.Cut(false) })
		}
		return nil, nil, false
	})
	send(t, mothership, 1)
	await(t, satellite, 1)
	if settled.Hits() == 0 {
		t.Error("nothing had to be settled, so no answer was lost")
	}
	send(t, mothership, 2)
	await(t, satellite, 2)
}

// A sender whose connection broke asks whether it is still the holder before it goes on, so that it does not
// fence its successor.
func TestFencedWhileTheConnectionWasBroken(t *testing.T) {
	b := start(t, 1)
	old := b.mothership(t, nil, "sat-1")
	send(t, old, 1)
	b.Cut(true)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := old.Send(ctx, "sat-1", []link.Message{psc(9)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Send without brokers returned %v", err)
	}
	b.Cut(false)
	next := b.mothership(t, nil, "sat-1")
	for range 3 {
		if err := old.Send(t.Context(), "sat-1", []link.Message{psc(9)}); !isFenced(err) {
			t.Fatalf("Send returned %v; want ErrFenced", err)
		}
	}
	send(t, next, 2)
	satellite := b.satellite(t, nil, "sat-1")
	await(t, satellite, 2)
}

// A sender is fenced in the middle of its transaction: nothing of it is visible.
func TestFencedInTheMiddleOfSend(t *testing.T) {
	b := start(t, 1)
	old := b.mothership(t, nil, "sat-1")
	reached, taken := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	b.ControlKey(kmsg.EndTxn.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		if request.(*kmsg.EndTxnRequest).Commit && first.CompareAndSwap(false, true) {
			close(reached)
			b.SleepControl(func() { <-taken })
		}
		return nil, nil, false
	})
	failed := make(chan error, 1)
	go func() { failed <- old.Send(t.Context(), "sat-1", []link.Message{psc(9)}) }()
	<-reached
	next := b.mothership(t, nil, "sat-1")
	close(taken)
	if err := <-failed; !isFenced(err) {
		t.Errorf("Send returned %v; want ErrFenced", err)
	}
	send(t, next, 2)
	satellite := b.satellite(t, nil, "sat-1")
	await(t, satellite, 2) // fails at generation 9
}

// The coordinator forgets a transactional id that was not used for a week; its holder goes on.
func TestTheCoordinatorForgets(t *testing.T) {
	b := start(t, 1)
	mothership, satellite := b.mothership(t, nil, "sat-1"), b.satellite(t, nil, "sat-1")
	send(t, mothership, 1)
	await(t, satellite, 1)
	admin := kadm.NewClient(b.client(t))
	if _, err := admin.AlterBrokerConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "transactional.id.expiration.ms", Value: kadm.StringPtr("1")}}); err != nil {
		t.Fatal(err)
	}
	poll.Until(t, "the coordinator to forget the transactional id", func() bool {
		known, err := admin.ListTransactions(t.Context(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, ok := known["orrery-desired-sat-1"]
		return !ok
	})
	if _, err := admin.AlterBrokerConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.DeleteConfig, Name: "transactional.id.expiration.ms"}}); err != nil {
		t.Fatal(err)
	}
	send(t, mothership, 2)
	await(t, satellite, 2)
}

// Everything is killed in the middle of a Send and started again on what is on disk, twice: what was being sent
// never counts, and receivers are caught up although the log ends with it.
func TestEverythingIsKilledInTheMiddleOfSend(t *testing.T) {
	b := start(t, 1)
	mothership := b.mothership(t, nil, "sat-1")
	send(t, mothership, 1)
	mothership.Close()
	leaveOpen(t, b, 9)
	for number := int64(2); number <= 3; number++ {
		b = &brokers{b.Killed(t)}
		mothership, satellite := b.mothership(t, nil, "sat-1"), b.satellite(t, nil, "sat-1")
		await(t, satellite, number-1)
		caughtUp(t, satellite)
		send(t, mothership, number)
		await(t, satellite, number)
		mothership.Close()
		satellite.Close()
	}
}

// leaveOpen appends a message in the mothership's transaction and does not end it.
func leaveOpen(t *testing.T, b *brokers, number int64) {
	t.Helper()
	dying := b.client(t, kgo.TransactionalID("orrery-desired-sat-1"))
	if err := dying.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	key, value, err := link.Encode(psc(number))
	if err != nil {
		t.Fatal(err)
	}
	if err := dying.ProduceSync(t.Context(), &kgo.Record{Topic: "desired.sat-1", Key: key, Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkSendToReceive is the time from Send to the nudge of the other end, which is most of a hop.
func BenchmarkSendToReceive(b *testing.B) {
	dir := b.TempDir()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(dir), kfake.SyncWrites())
	if err != nil {
		b.Fatal(err)
	}
	defer cluster.Close()
	nudged := make(chan struct{}, 1)
	config := kafka.Config{Seeds: cluster.ListenAddrs()}
	mothership, err := kafka.OpenMothership(b.Context(), config, "sat-1")
	if err != nil {
		b.Fatal(err)
	}
	defer mothership.Close()
	config.Arrived = func() {
		select {
		case nudged <- struct{}{}:
		default:
		}
	}
	satellite, err := kafka.OpenSatellite(b.Context(), config, "sat-1")
	if err != nil {
		b.Fatal(err)
	}
	defer satellite.Close()
	for number := int64(1); b.Loop(); number++ {
		if err := mothership.Send(b.Context(), "sat-1", []link.Message{psc(number)}); err != nil {
			b.Fatal(err)
		}
		for got := []link.Message(nil); len(got) == 0; {
			<-nudged
			if got, err = satellite.Receive(b.Context(), 10); err != nil {
				b.Fatal(err)
			}
		}
	}
}
