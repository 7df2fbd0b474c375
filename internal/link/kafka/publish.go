package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/link"
)

// transactionTimeout is after how long the coordinator ends a transaction by itself and raises the epoch, which
// looks like being fenced. It is what brokers allow at most by default (transaction.max.timeout.ms): a
// transaction that is left open disturbs nobody, because only its own successor writes to the topic, and that
// ends it at once.
const transactionTimeout = 15 * time.Minute

// publisher writes to one topic with one transactional id.
type publisher struct {
	client          *kgo.Client
	admin           *kadm.Client
	topic           string
	transactionalID string

	turn chan struct{} // holds one token: whoever has it may use what follows
	// producerID and epoch are what the coordinator gave; the epoch is what a successor raises.
	producerID int64
	epoch      int16
	sequence   int32 // of the next record
	// coordinator and leader are the brokers to ask, -1 where not known.
	coordinator, leader int32
	// doubt is true while a transaction may be open or its end unknown.
	doubt  bool
	fenced bool
}

func newPublisher(client *kgo.Client, admin *kadm.Client, topic string) *publisher {
	p := &publisher{client: client, admin: admin, topic: topic, transactionalID: transactionalID(topic),
		turn: make(chan struct{}, 1), producerID: -1, epoch: -1, coordinator: -1, leader: -1}
	p.turn <- struct{}{}
	return p
}

// open takes the transactional id over and fences whoever had it, then ends an empty transaction. The mark that
// this leaves in the log stands behind everything that the predecessor may have left unfinished: it tells a
// receiver (and an engine that recovers from its log alone) that those records do not count.
func (p *publisher) open(ctx context.Context) error {
	return p.exclusively(ctx, func() error {
		return p.persist(ctx, func() error {
			if err := p.initialise(ctx, -1, -1); err != nil {
				return err
			}
			if err := p.begin(ctx); err != nil {
				return err
			}
			return p.finish(ctx, false)
		})
	})
}

// verify returns ErrFenced if somebody took the transactional id over.
func (p *publisher) verify(ctx context.Context) error {
	return p.exclusively(ctx, func() error {
		return p.persist(ctx, func() error { return p.abort(ctx) })
	})
}

// send appends the batches in one transaction. After an error that may pass, such as a lost connection or a new
// leader, it settles what the failed try left and tries again until ctx ends.
func (p *publisher) send(ctx context.Context, batches []batch) error {
	return p.exclusively(ctx, func() error {
		return p.persist(ctx, func() error {
			if p.doubt {
				if err := p.settle(ctx); err != nil {
					return err
				}
			}
			return p.transact(ctx, batches)
		})
	})
}

// exclusively runs do while no other call does.
func (p *publisher) exclusively(ctx context.Context, do func() error) error {
	select {
	case <-p.turn:
		defer func() { p.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.fenced {
		return link.ErrFenced
	}
	return do()
}

// persist repeats try while its errors may pass.
func (p *publisher) persist(ctx context.Context, try func() error) error {
	for failures := 1; ; failures++ {
		err := try()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, kerr.ProducerFenced), errors.Is(err, kerr.InvalidProducerEpoch):
			p.fenced = true
			return fmt.Errorf("%w (topic %s: %w)", link.ErrFenced, p.topic, err)
		case final(err):
			return err
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			if err := createTopics(ctx, p.client, p.topic); err != nil && final(err) {
				return err
			}
		}
		p.coordinator, p.leader = -1, -1
		if pause(ctx, backoff(failures)) != nil {
			return fmt.Errorf("%w (last: %w)", ctx.Err(), err)
		}
	}
}

// final reports whether trying again cannot help. Errors of the network may pass; of Kafka's, those that it
// calls retriable and those that mean that the transaction must be settled first.
func final(err error) bool {
	if errors.Is(err, kgo.ErrClientClosed) {
		return true
	}
	var code *kerr.Error
	if !errors.As(err, &code) {
		return false
	}
	switch code {
	case kerr.InvalidProducerIDMapping, kerr.InvalidTxnState, kerr.UnknownProducerID, kerr.OutOfOrderSequenceNumber,
		kerr.ConcurrentTransactions, kerr.OperationNotAttempted, kerr.TransactionAbortable, kerr.UnknownServerError:
		return false
	}
	return !code.Retriable
}

// transact is one try: begin, append, commit. A commit whose answer is lost counts as a failure, never as a
// success: an engine that lost the transaction in a crash may call it committed when asked again.
func (p *publisher) transact(ctx context.Context, batches []batch) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	p.doubt = true
	for _, b := range batches {
		if err := p.produce(ctx, b); err != nil {
			return err
		}
	}
	if err := p.finish(ctx, true); err != nil {
		return err
	}
	p.doubt = false
	return nil
}

// settle ends what a failed try left and begins anew with a higher epoch, in which sequence numbers start at 0
// again. The abort before it is also the question whether this sender still holds the id; a sender that does not
// must not ask for a higher epoch.
func (p *publisher) settle(ctx context.Context) error {
	if err := p.abort(ctx); err != nil {
		return err
	}
	err := p.initialise(ctx, p.producerID, p.epoch)
	if errors.Is(err, kerr.InvalidProducerIDMapping) {
		// Either the coordinator forgot an id that was unused for a week (transactional.id.expiration.ms), or
		// somebody else has it.
		var held bool
		if held, err = p.held(ctx); err != nil {
			return err
		} else if held {
			return kerr.ProducerFenced
		}
		err = p.initialise(ctx, -1, -1)
	}
	if err == nil {
		p.doubt = false
	}
	return err
}

// abort ends a transaction if one is open.
func (p *publisher) abort(ctx context.Context) error {
	err := p.finish(ctx, false)
	if errors.Is(err, kerr.InvalidTxnState) || errors.Is(err, kerr.InvalidProducerIDMapping) {
		return nil // none is open, or the coordinator has forgotten the id
	}
	return err
}
