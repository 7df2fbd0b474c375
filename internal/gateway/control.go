package gateway

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/semaphore"
)

// Control says how the gateway's own client, with the platform's rights, reaches the brokers.
type Control struct {
	Seeds []string
	Dial  func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	maxControlRequests    = 32 // at once
	controlRequestTimeout = 10 * time.Second
)

// control is the gateway's own connection to the physical cluster: it follows the state topic, renews the lease
// and asks what a handler must know. Requests of tenants never travel on it.
type control struct {
	client *kgo.Client
	slots  *semaphore.Weighted
}

// Request sends one request and waits for its response, at most controlRequestTimeout, behind at most
// maxControlRequests others.
func (c *control) Request(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, controlRequestTimeout)
	defer cancel()
	if err := c.slots.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("waiting to send %s on the gateway's own connection: %w", kmsg.NameForKey(request.Key()), err)
	}
	defer c.slots.Release(1)
	response, err := c.client.Request(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("sending %s on the gateway's own connection: %w", kmsg.NameForKey(request.Key()), err)
	}
	return response, nil
}

// controlRequest sends a request with the platform's rights, bounded in time and number. The handler that calls
// it makes sure that the request and what it passes on are about the session's tenant only.
func (s *session) controlRequest(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	return s.gateway.control.Request(ctx, request)
}

// ownsProducer reports whether a producer id belongs to a transactional id (physical). An engine that binds them
// itself makes it true always. The embedded one does not, and its producer ids can be guessed, so there the pair
// is looked up once per connection: another tenant could commit, abort or fence a transaction otherwise.
func (s *session) ownsProducer(ctx context.Context, transactionalID string, producerID int64, _ int16) bool {
	if !s.gateway.config.CheckProducerIDs {
		return true
	}
	key := producerKey{transactionalID, producerID}
	s.memory.mu.Lock()
	owned := s.memory.producers[key]
	s.memory.mu.Unlock()
	if owned {
		return true
	}
	request := kmsg.NewPtrDescribeTransactionsRequest()
	request.TransactionalIDs = []string{transactionalID}
	response, err := request.RequestWith(ctx, s.gateway.control)
	if err != nil || kerr.ErrorForCode(firstTransactionError(response)) != nil {
		return false
	}
	for _, t := range response.TransactionStates {
		if t.TransactionalID == transactionalID && t.ProducerID == producerID {
			s.learnProducer(transactionalID, producerID)
			return true
		}
	}
	return false
}

func firstTransactionError(response *kmsg.DescribeTransactionsResponse) int16 {
	for _, t := range response.TransactionStates {
		if t.ErrorCode != 0 {
			return t.ErrorCode
		}
	}
	return 0
}

// learnProducer keeps that a producer id was given to a transactional id (physical).
func (s *session) learnProducer(transactionalID string, producerID int64) {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.producers == nil || len(m.producers) >= maxRemembered {
		m.producers = map[producerKey]bool{}
	}
	m.producers[producerKey{transactionalID, producerID}] = true
}
