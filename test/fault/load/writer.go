package load

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// maxUnanswered is how many records of a stream may be on their way; a partition that does not answer gets no more, and
// keeps no other from getting theirs.
const maxUnanswered = 100

// writer is one producer. It writes to every partition in turn.
type writer struct {
	load   *Load
	number int32
	client *kgo.Client

	mu         sync.Mutex // guards what follows, by partition
	sent       []int64
	unanswered []int
}

func (l *Load) startWriter(ctx context.Context, number int32) error {
	w := &writer{load: l, number: number, sent: make([]int64, l.config.Partitions), unanswered: make([]int, l.config.Partitions)}
	var err error
	w.client, err = l.client(kgo.DefaultProduceTopic(l.config.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.StopProducerOnDataLossDetected(), kgo.MaxBufferedRecords(maxUnanswered*int(l.config.Partitions)))
	if err != nil {
		return err
	}
	l.writers = append(l.writers, w)
	l.writing.Go(func() { w.run(ctx) })
	return nil
}

func (w *writer) run(ctx context.Context) {
	tick := time.NewTicker(w.load.config.Interval)
	defer tick.Stop()
	for {
		for partition := range w.load.config.Partitions {
			w.send(partition)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// send hands the next record of a partition to the client. What the client gives up is a finding: it may try for ever.
func (w *writer) send(partition int32) {
	w.mu.Lock()
	if w.unanswered[partition] == maxUnanswered {
		w.mu.Unlock()
		return
	}
	w.unanswered[partition]++
	w.sent[partition]++
	s, sequence := Stream{w.number, partition}, w.sent[partition]
	w.mu.Unlock()

	key, value := encode(w.load.history.run, s, sequence)
	w.client.Produce(context.Background(), &kgo.Record{Partition: partition, Key: key, Value: value}, func(_ *kgo.Record, err error) {
		if err == nil {
			w.load.history.Acknowledged(s, sequence, time.Now())
		} else if !w.load.refused(err) {
			w.load.history.Find("%v: the client gave record %d up: %v", s, sequence, err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.unanswered[partition]--
	})
}

// next is the number that the next record of a partition gets.
func (w *writer) next(partition int32) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent[partition] + 1
}

// end waits until everything is answered, and closes the client.
func (w *writer) end(ctx context.Context) {
	if err := w.client.Flush(ctx); err != nil {
		w.mu.Lock()
		left := append([]int(nil), w.unanswered...)
		w.mu.Unlock()
		w.load.history.Find("producer %d: still without an answer at the end, by partition: %v", w.number, left)
	}
	w.client.Close()
}
