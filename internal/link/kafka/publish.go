package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

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
	p := &publisher{client: client, admin: admin, topic: topic, transactionalID: "orrery-" + dashed(topic),
		turn: make(chan struct{}, 1), producerID: -1, epoch: -1, coordinator: -1, leader: -1}
	p.turn <- struct{}{}
	return p
}

// dashed turns desired.SAT into desired-SAT.
func dashed(topic string) string {
	name := []byte(topic)
	for i, c := range name {
		if c == '.' {
			name[i] = '-'
			break
		}
	}
	return string(name)
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
			if err := createTopics(ctx, p.admin, p.topic); err != nil && final(err) {
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

// held reports whether the coordinator knows the transactional id.
func (p *publisher) held(ctx context.Context) (bool, error) {
	described, err := p.admin.DescribeTransactions(ctx, p.transactionalID)
	if err != nil {
		return false, err
	}
	transaction, err := described.On(p.transactionalID, nil)
	if err == nil {
		err = transaction.Err
	}
	if errors.Is(err, kerr.TransactionalIDNotFound) {
		return false, nil
	}
	return true, err
}

// initialise asks for an epoch: with a producer id of -1 whatever the current one is, which takes the id over
// (KIP-98), else only as the successor of the given one (KIP-360).
func (p *publisher) initialise(ctx context.Context, producerID int64, epoch int16) error {
	request := kmsg.NewPtrInitProducerIDRequest()
	request.TransactionalID = &p.transactionalID
	request.TransactionTimeoutMillis = int32(transactionTimeout.Milliseconds())
	request.ProducerID, request.ProducerEpoch = producerID, epoch
	response, err := p.askCoordinator(ctx, request)
	if err != nil {
		return err
	}
	answer := response.(*kmsg.InitProducerIDResponse)
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return err
	}
	p.producerID, p.epoch, p.sequence = answer.ProducerID, answer.ProducerEpoch, 0
	return nil
}

// begin adds the topic to a transaction, which starts it.
func (p *publisher) begin(ctx context.Context) error {
	request := kmsg.NewPtrAddPartitionsToTxnRequest()
	request.TransactionalID, request.ProducerID, request.ProducerEpoch = p.transactionalID, p.producerID, p.epoch
	topic := kmsg.NewAddPartitionsToTxnRequestTopic()
	topic.Topic, topic.Partitions = p.topic, []int32{0}
	request.Topics = append(request.Topics, topic)
	for failures := 1; ; failures++ {
		response, err := p.askCoordinator(ctx, request)
		if err != nil {
			p.doubt = true
			return err
		}
		answer := response.(*kmsg.AddPartitionsToTxnResponse)
		if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
			return fmt.Errorf("broker %d answered AddPartitionsToTxn with %d topics", p.coordinator, len(answer.Topics))
		}
		err = kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
		if !errors.Is(err, kerr.ConcurrentTransactions) {
			p.doubt = p.doubt || err != nil
			return err
		}
		// The coordinator is still writing the end of the last one.
		if err := pause(ctx, backoff(failures)); err != nil {
			return err
		}
	}
}

// produce appends one batch and returns once every in-sync replica has it.
func (p *publisher) produce(ctx context.Context, b batch) error {
	if err := p.findLeader(ctx); err != nil {
		return err
	}
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Records = b.bytes(time.Now(), p.producerID, p.epoch, p.sequence)
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.Partitions = p.topic, append(topic.Partitions, partition)
	request := kmsg.NewPtrProduceRequest()
	request.TransactionID, request.Acks, request.TimeoutMillis = &p.transactionalID, -1, int32(callTimeout.Milliseconds()/2)
	request.Topics = append(request.Topics, topic)
	response, err := p.client.Broker(int(p.leader)).Request(ctx, request)
	if err != nil {
		return fmt.Errorf("broker %d: %w", p.leader, err)
	}
	answer := response.(*kmsg.ProduceResponse)
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return fmt.Errorf("broker %d answered Produce with %d topics", p.leader, len(answer.Topics))
	}
	if err := kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode); err != nil {
		return fmt.Errorf("broker %d: %w", p.leader, err)
	}
	p.sequence = int32((int64(p.sequence) + int64(b.count)) & math.MaxInt32) // Kafka's sequence numbers wrap to 0
	return nil
}

// finish commits or aborts.
func (p *publisher) finish(ctx context.Context, commit bool) error {
	request := kmsg.NewPtrEndTxnRequest()
	request.TransactionalID, request.ProducerID, request.ProducerEpoch, request.Commit = p.transactionalID, p.producerID, p.epoch, commit
	response, err := p.askCoordinator(ctx, request)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(response.(*kmsg.EndTxnResponse).ErrorCode)
}

// askCoordinator sends one request to the transaction coordinator, once.
func (p *publisher) askCoordinator(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	if p.coordinator < 0 {
		found, ok := p.admin.FindTxnCoordinators(ctx, p.transactionalID)[p.transactionalID]
		if !ok {
			found.Err = kerr.CoordinatorNotAvailable
		}
		if found.Err != nil {
			return nil, fmt.Errorf("finding the transaction coordinator of %s: %w", p.transactionalID, found.Err)
		}
		p.coordinator = found.NodeID
	}
	response, err := p.client.Broker(int(p.coordinator)).Request(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("broker %d: %w", p.coordinator, err)
	}
	return response, nil
}

func (p *publisher) findLeader(ctx context.Context) error {
	if p.leader >= 0 {
		return nil
	}
	metadata, err := p.admin.Metadata(ctx, p.topic)
	if err != nil {
		return fmt.Errorf("finding the leader: %w", err)
	}
	detail, ok := metadata.Topics[p.topic]
	switch partition, has := detail.Partitions[0]; {
	case ok && detail.Err != nil:
		return fmt.Errorf("finding the leader: %w", detail.Err)
	case !ok || !has:
		return fmt.Errorf("finding the leader: %w", kerr.UnknownTopicOrPartition)
	case partition.Leader < 0:
		return fmt.Errorf("finding the leader: %w", kerr.LeaderNotAvailable)
	default:
		p.leader = partition.Leader
		return nil
	}
}
