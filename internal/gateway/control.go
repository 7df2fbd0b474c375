package gateway

import (
	"context"
	"fmt"
	"net"
	"sync"
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
	return c.send(ctx, c.client, request)
}

// requestAt is Request to one broker, for what clients of the library send nowhere in particular.
func (c *control) requestAt(ctx context.Context, node int32, request kmsg.Request) (kmsg.Response, error) {
	return c.send(ctx, c.client.Broker(int(node)), request)
}

func (c *control) send(ctx context.Context, to kmsg.Requestor, request kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, controlRequestTimeout)
	defer cancel()
	if err := c.slots.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("waiting to send %s on the gateway's own connection: %w", kmsg.NameForKey(request.Key()), err)
	}
	defer c.slots.Release(1)
	response, err := to.Request(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("sending %s on the gateway's own connection: %w", kmsg.NameForKey(request.Key()), err)
	}
	return response, nil
}

// controlOptions are those of the gateway's own client.
func controlOptions(c Control) []kgo.Opt {
	options := []kgo.Opt{
		kgo.SeedBrokers(c.Seeds...),
		kgo.ClientID("orrery-gateway"),
		kgo.DisableClientMetrics(),
		kgo.DisableFetchSessions(), // the embedded engine counts them from 1 after each start: one from before would be somebody else's
		kgo.ProducerLinger(0),
		kgo.DisableIdempotentWrite(), // one record at a time, and the newest counts
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.KeepControlRecords(), // they count for the position
		kgo.FetchMaxWait(followWait),
		kgo.FetchMaxBytes(8 << 20),
		kgo.RetryBackoffFn(func(int) time.Duration { return followRetry }),
		kgo.MetadataMinAge(followRetry),
	}
	if c.Dial != nil {
		options = append(options, kgo.Dialer(c.Dial))
	}
	return options
}

// controlRequest sends a request with the platform's rights, bounded in time and number. The handler that calls
// it makes sure that the request and what it passes on are about the session's tenant only.
func (s *session) controlRequest(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	return s.gateway.control.Request(ctx, request)
}

// producerError is 0 where a producer id belongs to a transactional id (physical), and otherwise what the client is
// told: INVALID_PRODUCER_ID_MAPPING, or retry where that could not be found out. An engine that binds them itself
// is not asked. The embedded one does not, and its producer ids can be guessed, so there the pair is looked up
// once per connection: another tenant could commit, abort or fence a transaction otherwise.
func (s *session) producerError(ctx context.Context, transactionalID string, producerID int64, retry *kerr.Error) int16 {
	if !s.gateway.config.EmbeddedEngine {
		return 0
	}
	key := producerKey{transactionalID, producerID}
	s.memory.mu.Lock()
	owned := s.memory.producers[key]
	s.memory.mu.Unlock()
	if owned {
		return 0
	}
	request := kmsg.NewPtrDescribeTransactionsRequest()
	request.TransactionalIDs = []string{transactionalID}
	response, err := request.RequestWith(ctx, s.gateway.control)
	if err != nil {
		return retry.Code
	}
	for _, t := range response.TransactionStates {
		switch {
		case t.TransactionalID != transactionalID:
		case t.ErrorCode == 0 && t.ProducerID == producerID:
			s.learnProducer(transactionalID, producerID)
			return 0
		case t.ErrorCode != 0 && kerr.IsRetriable(kerr.ErrorForCode(t.ErrorCode)):
			return retry.Code
		}
	}
	return kerr.InvalidProducerIDMapping.Code
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

// producerCache is a bounded set of producer ids. The zero value is ready.
type producerCache struct {
	mu  sync.Mutex
	ids map[int64]bool
}

// maxFreeProducers bounds the set; a full one starts again.
const maxFreeProducers = 1 << 16

func (p *producerCache) has(id int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ids[id]
}

func (p *producerCache) add(id int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids == nil || len(p.ids) >= maxFreeProducers {
		p.ids = map[int64]bool{}
	}
	p.ids[id] = true
}

// freeProducerError is 0 where a producer id may be used without a transaction: no transactional id has it. The
// embedded engine would take such a batch's epoch for the transactional producer's, and so let another tenant
// fence it. Producer ids without a transactional id are random there, so they cannot be guessed.
func (s *session) freeProducerError(ctx context.Context, producerID int64) int16 {
	if !s.gateway.config.EmbeddedEngine || s.gateway.free.has(producerID) {
		return 0
	}
	request := kmsg.NewPtrListTransactionsRequest()
	request.ProducerIDFilters = []int64{producerID}
	response, err := request.RequestWith(ctx, s.gateway.control)
	switch {
	case err != nil || response.ErrorCode != 0:
		return kerr.NotLeaderForPartition.Code // what a client tries again
	case len(response.TransactionStates) > 0:
		return kerr.InvalidProducerIDMapping.Code
	}
	s.gateway.free.add(producerID)
	return 0
}
