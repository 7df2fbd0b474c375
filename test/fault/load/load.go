package load

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Config says what to keep busy, and how.
type Config struct {
	// Client are the options that every client gets: the bootstrap address, TLS and the login.
	Client []kgo.Opt
	// Topic is a topic of so many Partitions. It is empty, and nobody else writes to it.
	Topic      string
	Partitions int32
	// Producers write one record to every partition each Interval.
	Producers int32
	Interval  time.Duration
	// Group has so many Members, which share the topic; without members there is none.
	Group   string
	Members int
	// RequestTimeout is how long the clients wait for an answer before they ask again, maybe somebody else. It bounds
	// from below how soon they leave a broker that stands still.
	RequestTimeout time.Duration
	// Programs are producers that are programs of their own, beside the Producers: each a command line, to which what it
	// is to write is appended (test/clients/java/Load.java says how).
	Programs [][]string
	// Refusal says whether an error of a record is an answer that the test wants, such as that there is no room. Such
	// a record counts as one that was not acknowledged. Nil is no error.
	Refusal func(error) bool
}

// Load is a topic that is kept busy.
type Load struct {
	config  Config
	history *History
	writers []*writer
	readers []*Reader

	processes []*process

	writing, reading         sync.WaitGroup
	stopWriting, stopReading context.CancelFunc

	sessions, commits, refusals atomic.Int64
}

// Report is what there was to check, and what else clients went through.
type Report struct {
	// Acknowledged is the number of records; Refused that of those that Config.Refusal took for an answer.
	Acknowledged, Refused int64
	// Sessions is how often a member of the group lost its session, Commits how often a commit failed, and Deliveries how
	// many records the group got again because it had not committed them.
	Sessions, Commits, Deliveries int64
}

// Start starts the clients, and returns once each producer has written to each partition and all of it was read. What
// goes wrong from then on is in Err. The load runs until Stop.
func Start(ctx context.Context, config Config) (*Load, error) {
	var run [8]byte
	if _, err := rand.Read(run[:]); err != nil {
		return nil, err
	}
	l := &Load{config: config, history: NewHistory(binary.BigEndian.Uint64(run[:]), config.Partitions, time.Now())}
	var writing, reading context.Context
	writing, l.stopWriting = context.WithCancel(context.Background())
	reading, l.stopReading = context.WithCancel(context.Background())
	err := l.startReader(reading)
	if config.Members > 0 {
		group := l.history.Reader("the group "+config.Group, true)
		l.readers = append(l.readers, group)
		for range config.Members {
			err = errors.Join(err, l.startMember(reading, group))
		}
	}
	for number := range config.Producers {
		err = errors.Join(err, l.startWriter(writing, number))
	}
	for n, command := range config.Programs {
		err = errors.Join(err, l.startProcess(config.Producers+int32(n), command))
	}
	if err == nil {
		err = l.Settle(ctx)
	}
	if err != nil {
		l.Abandon()
		return nil, err
	}
	l.Mark()
	return l, nil
}

// client opens one of the clients, which stays as it is.
func (l *Load) client(options ...kgo.Opt) (*kgo.Client, error) {
	all := append([]kgo.Opt{
		kgo.RequestTimeoutOverhead(l.config.RequestTimeout), kgo.ProduceRequestTimeout(l.config.RequestTimeout), kgo.MetadataMinAge(250 * time.Millisecond),
	}, l.config.Client...)
	return kgo.NewClient(append(all, options...)...)
}

func (l *Load) refused(err error) bool {
	if l.config.Refusal == nil || !l.config.Refusal(err) {
		return false
	}
	l.refusals.Add(1)
	return true
}

// Mark begins a new measurement of Gaps.
func (l *Load) Mark() { l.history.Mark(time.Now()) }

// Gaps are the longest times without an acknowledgement since Mark.
func (l *Load) Gaps() Gaps { return l.history.Gaps(time.Now()) }

// Err is everything wrong that was found so far, nil for nothing. Records that were not read yet are found by Stop.
func (l *Load) Err() error { return l.history.Err() }

const settleInterval = 20 * time.Millisecond

// Settle waits until each producer has got a record acknowledged in each partition that it had not sent before, and
// until the reader and the group have read everything that is acknowledged then. Its error says what they wait for.
func (l *Load) Settle(ctx context.Context) error {
	wanted := map[Stream]int64{}
	for _, w := range l.writers {
		for partition := range l.config.Partitions {
			wanted[Stream{w.number, partition}] = w.next(partition)
		}
	}
	for _, p := range l.processes { // what it has sent is not known, but it is no more than that before the last that was acknowledged
		for partition := range l.config.Partitions {
			s := Stream{p.number, partition}
			wanted[s] = l.history.last(s) + maxUnanswered + 1
		}
	}
	err := l.await(ctx, func() string {
		for s, sequence := range wanted {
			if last := l.history.last(s); last < sequence {
				return fmt.Sprintf("%v: record %d is not acknowledged, the last one that is is %d", s, sequence, last)
			}
		}
		return ""
	})
	if err != nil {
		return err
	}
	return l.caughtUp(ctx, l.history.snapshot())
}

// caughtUp waits until the reader and the group have read what was acknowledged.
func (l *Load) caughtUp(ctx context.Context, acknowledged map[Stream]intervals) error {
	return l.await(ctx, func() string {
		for _, r := range l.readers {
			if missing := r.missing(acknowledged); missing != "" {
				return fmt.Sprintf("%s has not read: %s", r.name, missing)
			}
		}
		return ""
	})
}

// await polls until there is nothing left to wait for.
func (l *Load) await(ctx context.Context, left func() string) error {
	tick := time.NewTicker(settleInterval)
	defer tick.Stop()
	for {
		waits := left()
		if waits == "" {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%w: %s", context.Cause(ctx), waits), l.Err())
		}
	}
}

// Stop ends the writers, waits for what is under way, has the readers come to the end, and reads the whole topic once
// more with a new client. It returns everything that is wrong.
func (l *Load) Stop(ctx context.Context) (Report, error) {
	l.stopWriting()
	l.writing.Wait()
	for _, w := range l.writers {
		w.end(ctx)
	}
	for _, p := range l.processes {
		p.end(ctx, l.history)
	}
	err := l.caughtUp(ctx, l.history.snapshot())
	l.stopReading()
	l.reading.Wait()
	err = errors.Join(err, l.verify(ctx))
	report := Report{Acknowledged: l.history.Total(), Refused: l.refusals.Load(), Sessions: l.sessions.Load(), Commits: l.commits.Load()}
	for _, r := range l.readers {
		r.End()
		report.Deliveries += r.Deliveries()
	}
	return report, errors.Join(err, l.Err())
}

// Abandon ends every client at once and checks nothing. After Stop it does nothing.
func (l *Load) Abandon() {
	l.stopWriting()
	l.stopReading()
	for _, w := range l.writers {
		w.client.Close()
	}
	for _, p := range l.processes {
		p.abandon()
	}
	l.writing.Wait()
	l.reading.Wait()
}
