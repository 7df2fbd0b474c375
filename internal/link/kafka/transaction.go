package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The requests of the transaction protocol (KIP-98), each sent once.

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
	if p.leader < 0 {
		leader, err := findLeader(ctx, p.client, p.topic)
		if err != nil {
			return err
		}
		p.leader = leader
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
