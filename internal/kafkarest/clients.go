package kafkarest

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
)

// Limits of the Kafka clients that requests share.
const (
	maxClients  = 64               // more users at the same moment are told to wait
	maxCalls    = 64               // requests of one user at the same moment
	clientIdle  = 60 * time.Second // an unused client is closed after this
	maxBuffered = 1024             // records of one user that are on their way
)

// clients keeps a Kafka client for each identity that made a request lately, so that the next one finds connections
// and metadata.
type clients struct {
	gateway Gateway

	mu     sync.Mutex
	closed bool
	byUser map[gateway.Identity]*sharedClient
}

// sharedClient is one identity's client. Its fields are guarded by clients.mu.
type sharedClient struct {
	client *kgo.Client
	calls  int
	used   time.Time   // when the last call ended
	idle   *time.Timer // closes the client
}

func newClients(g Gateway) *clients {
	return &clients{gateway: g, byUser: map[gateway.Identity]*sharedClient{}}
}

// take returns the client of an identity and the function that ends its use.
func (p *clients) take(identity gateway.Identity) (*kgo.Client, func(), error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, orrery.Errorf(orrery.Unavailable, "the server is stopping")
	}
	shared, ok := p.byUser[identity]
	if !ok {
		if err := p.makeRoom(); err != nil {
			return nil, nil, err
		}
		client, err := newClient(p.gateway, identity)
		if err != nil {
			return nil, nil, err
		}
		shared = &sharedClient{client: client}
		shared.idle = time.AfterFunc(clientIdle, func() { p.closeIdle(identity, shared) })
		p.byUser[identity] = shared
	}
	if shared.calls == maxCalls {
		return nil, nil, orrery.Errorf(orrery.TooManyRequests, "this API key has %d requests running, which is the most; retry when one has ended", maxCalls)
	}
	shared.calls++
	var once sync.Once
	return shared.client, func() { once.Do(func() { p.release(shared) }) }, nil
}

func (p *clients) release(shared *sharedClient) {
	p.mu.Lock()
	defer p.mu.Unlock()
	shared.calls--
	shared.used = time.Now()
	shared.idle.Reset(clientIdle)
}

// makeRoom closes the client that has been idle for the longest where there are too many. The caller holds mu.
func (p *clients) makeRoom() error {
	if len(p.byUser) < maxClients {
		return nil
	}
	var oldest gateway.Identity
	var found *sharedClient
	for identity, shared := range p.byUser {
		if shared.calls == 0 && (found == nil || shared.used.Before(found.used)) {
			oldest, found = identity, shared
		}
	}
	if found == nil {
		return orrery.Errorf(orrery.TooManyRequests, "%d API keys use Kafka REST of this broker at the same time, which is the most; retry in a moment", maxClients)
	}
	delete(p.byUser, oldest)
	found.idle.Stop()
	go found.client.Close() // waits for its connections
	return nil
}

// closeIdle closes a client that nobody has used for clientIdle.
func (p *clients) closeIdle(identity gateway.Identity, shared *sharedClient) {
	p.mu.Lock()
	unused := p.byUser[identity] == shared && shared.calls == 0
	if unused {
		delete(p.byUser, identity)
	}
	p.mu.Unlock()
	if unused {
		shared.client.Close()
	}
}

func (p *clients) close() {
	p.mu.Lock()
	p.closed = true
	all := p.byUser
	p.byUser = map[gateway.Identity]*sharedClient{}
	p.mu.Unlock()
	for _, shared := range all {
		shared.idle.Stop()
		shared.client.Close()
	}
}

// newClient makes a Kafka client whose connections begin inside the gateway, logged in as identity.
func newClient(g Gateway, identity gateway.Identity) (*kgo.Client, error) {
	var seeds []string
	for _, broker := range g.Endpoints().Brokers {
		seeds = append(seeds, address(broker))
	}
	if len(seeds) == 0 {
		return nil, orrery.Errorf(orrery.Unavailable, "the addresses of the cluster's brokers are not known yet; retry in a moment")
	}
	return kgo.NewClient(
		kgo.SeedBrokers(seeds...),
		kgo.ClientID("kafka-rest"),
		kgo.Dialer(func(ctx context.Context, _, target string) (net.Conn, error) {
			return connect(ctx, g, identity, target)
		}),
		kgo.ConnIdleTimeout(clientIdle),
		kgo.DisableClientMetrics(),
		kgo.RequestRetries(5),
		kgo.RetryTimeout(requestTimeout/2),
		kgo.MetadataMinAge(50*time.Millisecond),
		kgo.MetadataMaxAge(10*time.Second), // sees partitions that were added elsewhere
		kgo.UnknownTopicRetries(2),
		kgo.RecordPartitioner(partitioner()),
		kgo.RecordRetries(10), // no RecordDeliveryTimeout: it counts from the timestamp, which is the user's
		kgo.ProduceRequestTimeout(requestTimeout/3),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MaxBufferedRecords(maxBuffered),
		kgo.MaxBufferedBytes(16*maxRecordBytes),
	)
}

func address(broker orrery.BrokerEndpoint) string {
	return net.JoinHostPort(broker.Host, strconv.Itoa(int(broker.Port)))
}

// connect finds the node of an address and connects to it.
func connect(ctx context.Context, g Gateway, identity gateway.Identity, target string) (net.Conn, error) {
	for _, broker := range g.Endpoints().Brokers {
		if address(broker) == target {
			return g.Connect(ctx, identity, broker.Node)
		}
	}
	return nil, orrery.Errorf(orrery.Unavailable, "no broker of this cluster has the address %s any more", target)
}

// isConnection reports whether err is a connection that could not be made or that ended.
func isConnection(err error) bool {
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &network) ||
		errors.Is(err, kgo.ErrClientClosed) || errors.Is(err, kgo.ErrRecordTimeout) || errors.Is(err, kgo.ErrRecordRetries)
}
