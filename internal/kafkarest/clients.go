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
	maxCalls    = 64               // requests of one user at the same moment, from wherever
	maxClients  = 4 * maxCalls     // more users and addresses at the same moment are told to wait
	clientIdle  = 60 * time.Second // an unused client is closed after this
	maxBuffered = 1024             // records of one user that are on their way
)

// clients keeps a Kafka client for each caller that made a request lately, so that the next one finds connections and
// metadata. An identity has one for each of its addresses, for what it may do can depend on that.
type clients struct {
	gateway Gateway

	mu       sync.Mutex
	closed   bool
	byCaller map[gateway.Caller]*sharedClient
	calls    map[gateway.Identity]int // that are running; without those of which none is
}

// sharedClient is one caller's client. Its fields are guarded by clients.mu.
type sharedClient struct {
	client *kgo.Client
	calls  int
	used   time.Time   // when the last call ended
	idle   *time.Timer // closes the client
}

func newClients(g Gateway) *clients {
	return &clients{gateway: g, byCaller: map[gateway.Caller]*sharedClient{}, calls: map[gateway.Identity]int{}}
}

// take returns the client of a caller and the function that ends its use.
func (p *clients) take(caller gateway.Caller) (*kgo.Client, func(), error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, orrery.Errorf(orrery.Unavailable, "the server is stopping")
	}
	if p.calls[caller.Identity] == maxCalls {
		return nil, nil, orrery.Errorf(orrery.TooManyRequests, "this API key has %d requests running, which is the most; retry when one has ended", maxCalls)
	}
	shared, ok := p.byCaller[caller]
	if !ok {
		if err := p.makeRoom(); err != nil {
			return nil, nil, err
		}
		client, err := newClient(p.gateway, caller)
		if err != nil {
			return nil, nil, err
		}
		shared = &sharedClient{client: client}
		shared.idle = time.AfterFunc(clientIdle, func() { p.closeIdle(caller, shared) })
		p.byCaller[caller] = shared
	}
	shared.calls++
	p.calls[caller.Identity]++
	var once sync.Once
	return shared.client, func() { once.Do(func() { p.release(caller.Identity, shared) }) }, nil
}

func (p *clients) release(identity gateway.Identity, shared *sharedClient) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls[identity]--; p.calls[identity] == 0 {
		delete(p.calls, identity)
	}
	shared.calls--
	shared.used = time.Now()
	shared.idle.Reset(clientIdle)
}

// makeRoom closes the client that has been idle for the longest where there are too many. The caller holds mu.
func (p *clients) makeRoom() error {
	if len(p.byCaller) < maxClients {
		return nil
	}
	var oldest gateway.Caller
	var found *sharedClient
	for caller, shared := range p.byCaller {
		if shared.calls == 0 && (found == nil || shared.used.Before(found.used)) {
			oldest, found = caller, shared
		}
	}
	if found == nil {
		return orrery.Errorf(orrery.TooManyRequests, "%d API keys and addresses use Kafka REST of this broker at the same time, which is the most; retry in a moment", maxClients)
	}
	delete(p.byCaller, oldest)
	found.idle.Stop()
	go found.client.Close() // waits for its connections
	return nil
}

// closeIdle closes a client that nobody has used for clientIdle.
func (p *clients) closeIdle(caller gateway.Caller, shared *sharedClient) {
	p.mu.Lock()
	unused := p.byCaller[caller] == shared && shared.calls == 0
	if unused {
		delete(p.byCaller, caller)
	}
	p.mu.Unlock()
	if unused {
		shared.client.Close()
	}
}

func (p *clients) close() {
	p.mu.Lock()
	p.closed = true
	all := p.byCaller
	p.byCaller = map[gateway.Caller]*sharedClient{}
	p.mu.Unlock()
	for _, shared := range all {
		shared.idle.Stop()
		shared.client.Close()
	}
}

// newClient makes a Kafka client whose connections begin inside the gateway, logged in as the caller.
func newClient(g Gateway, caller gateway.Caller) (*kgo.Client, error) {
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
			return connect(ctx, g, caller, target)
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
func connect(ctx context.Context, g Gateway, caller gateway.Caller, target string) (net.Conn, error) {
	for _, broker := range g.Endpoints().Brokers {
		if address(broker) == target {
			return g.Connect(ctx, caller, broker.Node)
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
