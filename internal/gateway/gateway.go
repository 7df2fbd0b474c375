// Package gateway is the tenants' Kafka endpoint, one beside each broker: TLS, SASL with API keys, and for each API
// key of the protocol the translation between a tenant's names and those of the physical cluster that it shares
// with others. What is not listed in api.go is not offered.
//
// A gateway knows its tenants from _orrery_tenants and _orrery_acls (follow.go, state.go, access.go), says in
// _orrery_gateways that it lives and how much of that is in force (lease.go), and serves each client with one
// connection to its broker (conn.go).
package gateway

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"

	"github.com/orrery-kafka/orrery/internal/quota"

	"github.com/orrery-kafka/orrery"
)

// Config is what a gateway needs to know. All but Topics, Journal, Audit, Limits and Registerer is required; Now and
// Logger have the obvious defaults.
type Config struct {
	PhysicalClusterID string
	// Node is the broker beside which the gateway stands.
	Node int32
	// TLS is what clients see; GetCertificate in it allows a renewal in place.
	TLS *tls.Config
	// DialBroker is the tenants' path to a broker.
	DialBroker func(ctx context.Context, node int32) (net.Conn, error)
	// Control is the gateway's own path.
	Control Control
	// EmbeddedEngine says that the brokers are franz-go's kfake, whose defects the gateway keeps from tenants
	// (docs/decisions/0002): it binds no producer id to a transactional id, ends on some Produce requests by topic
	// id, and leaves records out of share fetches.
	EmbeddedEngine bool
	// Topics is shared by all gateways of an embedded engine; without it they ask that engine for a tenant's topics
	// each time. Not for other engines.
	Topics *TopicVersions
	Now    func() time.Time
	Logger *slog.Logger
	// Journal keeps why requests were refused; gateways of one process share one. Nil is one of the gateway's own.
	Journal *Journal
	// Audit takes one line for what is denied and for each administrative action that is allowed; repetitions are
	// counted, not repeated. It has no secrets, and names that clients chose. Nil drops them.
	Audit  *slog.Logger
	Limits Limits
	// TrustedProxies are the balancers before the gateway, which say where a client is in a header of the PROXY protocol
	// (version 2) and must do so. A header of anybody else is taken for a client without TLS.
	TrustedProxies []netip.Prefix
	// ExemptAddresses have no limits of their own before they log in; nil is loopback, and an empty list nobody.
	ExemptAddresses []netip.Prefix
	// EvenShares leaves every gateway an even share of each tenant's quotas, wherever the tenant uses them. It is there to be
	// compared with.
	EvenShares bool
	// Storage replaces how the gateway learns what room its broker's disk has; nil asks the broker, and looks at nothing on
	// an embedded engine.
	Storage    func(ctx context.Context) (Storage, error)
	Registerer prometheus.Registerer // may be nil
}

// Gateway serves the tenants of one physical cluster at one broker.
type Gateway struct {
	config  Config
	metrics *metrics
	uses    *tenantUses
	control *control
	topics  *topicIndex
	lease   *lease
	// shares is nil with EvenShares; it is there from Ready on.
	shares    *shares
	inquiries *inquiries
	meter     *metering
	closer    fetchSessionCloser
	// requests and responses are how many bytes large ones of them may hold, see reserve.
	requests, responses *budget
	notices             *notices
	doorway             *doorway
	state               atomic.Pointer[state]
	rules               ruleWrites
	roomForACLs         room[string] // by ID
	roomForQuotas       room[quota.Entity]
	table               atomic.Pointer[table]

	hosts  memberHosts
	quotas tenantQuotas
	broker brokerTime
	grants grants // of partitions
	// changes are what happened to topics a moment ago.
	changes topicChanges
	// creations are of streams groups' internal topics.
	creations creations

	lists            topicLists
	metadataVersions perNode[int64]
	groups           perNode[*groupListing]
	groupLimit       groupLimit

	ready, closed chan struct{}
	running       sync.WaitGroup // Run, connections

	free      producerCache // producer ids that no transactional id has
	producers producerLimit
	audits    audits
	slow      slowRequests
	decided   decided
	storage   storageWatch

	mu            sync.Mutex
	stopped       bool
	listeners     map[net.Listener]struct{}
	connections   map[*connection]struct{}
	fetchSessions map[string]int // by lkc-…
	shareSessions map[string]int // by lkc-…
}

// New makes a gateway that does nothing yet: Run reads its state, Serve accepts clients.
func New(config Config) (*Gateway, error) {
	switch {
	case config.TLS == nil, config.DialBroker == nil, len(config.Control.Seeds) == 0:
		return nil, errors.New("a gateway needs TLS, a path to its broker, and seeds for its own connection")
	case config.Now == nil:
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	config.TLS = config.TLS.Clone()
	// Every client is asked for a certificate, so that asking tells nobody that some tenant has a certificate authority;
	// ClientCAs stays empty, so their names are told to nobody either. What it is good for is seen at the login.
	config.TLS.ClientAuth = tls.RequestClientCert
	if config.Journal == nil {
		config.Journal = NewJournal()
	}
	config.Limits = config.Limits.withDefaults()
	client, err := kgo.NewClient(controlOptions(config.Control)...)
	if err != nil {
		return nil, fmt.Errorf("opening the gateway's own connection: %w", err)
	}
	requests, responses := newBudget(config.Limits.BufferedBytes), newBudget(config.Limits.BufferedBytes)
	uses := newTenantUses(config.Now, requests, responses)
	metrics, err := newMetrics(&config, uses)
	if err != nil {
		client.Close()
		return nil, err
	}
	g := &Gateway{
		config: config, metrics: metrics, uses: uses,
		control:       &control{client: client, slots: semaphore.NewWeighted(maxControlRequests)},
		requests:      requests,
		responses:     responses,
		notices:       newNotices(config.Now),
		ready:         make(chan struct{}),
		closed:        make(chan struct{}),
		listeners:     map[net.Listener]struct{}{},
		connections:   map[*connection]struct{}{},
		fetchSessions: map[string]int{},
		shareSessions: map[string]int{},
	}
	g.quotas = tenantQuotas{start: time.Now(), state: &g.state, byTenant: map[string]*tenantQuota{}}
	g.doorway = newDoorway(&g.config)
	g.metadataVersions.ask, g.groups.ask = g.askMetadataVersion, g.askGroups
	g.closer.gateway, g.storage.gateway = g, g
	metrics.tenants.present = func(id string) bool {
		_, known := g.state.Load().tenant(id)
		return known
	}
	g.topics = newTopicIndex(g.control, config.Now, metrics.topicIDLookups)
	g.lease = &lease{gateway: g, client: client, incarnation: rand.Text(), more: make(chan struct{}, 1)}
	g.meter = newMetering(g)
	g.inquiries = newInquiries(g)
	g.state.Store(emptyState())
	g.table.Store(&table{})
	return g, nil
}

// Run reads the state to its end, takes the lease, and follows the state until ctx ends or Close is called; then
// it gives the lease up. It returns an error where the gateway could not become ready.
func (g *Gateway) Run(ctx context.Context) error {
	if !g.begin() {
		return errors.New("the gateway is closed")
	}
	defer g.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with ctx, which Run cancels
		select {
		case <-g.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	f := newFollower(g)
	if err := g.prepare(ctx, f); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	var renewing sync.WaitGroup
	if !g.config.EvenShares {
		var err error
		if g.shares, err = newShares(g); err != nil {
			return err
		}
		renewing.Go(func() { g.shares.keep(ctx) })
		renewing.Go(func() { g.inquiries.tell(ctx) })
	}
	renewing.Go(func() { g.lease.keep(ctx) })
	renewing.Go(func() { g.meter.keep(ctx) })
	renewing.Go(func() { g.storage.keep(ctx) })
	defer renewing.Wait()
	defer cancel()
	close(g.ready)
	for {
		if err := f.poll(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		f.applied()
	}
}

// prepare makes the gateway fit to serve. The state is read to the end once more after the lease is taken: what is
// written from then on waits for this gateway, and what was written before must be in force.
func (g *Gateway) prepare(ctx context.Context, f *follower) error {
	if err := f.readToEnd(ctx); err != nil {
		return fmt.Errorf("reading the state: %w", err)
	}
	for _, learn := range []func(context.Context) error{g.learnEngine, g.topics.fill} {
		for err := learn(ctx); err != nil; err = learn(ctx) {
			g.warn("the gateway cannot ask the brokers; trying again", err)
			if err := sleep(ctx, followRetry); err != nil {
				return err
			}
		}
	}
	for err := g.lease.write(ctx, false); err != nil; err = g.lease.write(ctx, false) {
		g.metrics.leaseFailures.Inc()
		g.warn("cannot take the gateway's lease; trying again", err)
		if err := sleep(ctx, leaseRetry); err != nil {
			return err
		}
	}
	if err := f.readToEnd(ctx); err != nil {
		return fmt.Errorf("reading the state: %w", err)
	}
	return nil
}

// applied says that the records of _orrery_tenants before offset are in force.
func (g *Gateway) applied(offset int64) {
	g.metrics.applied.Set(float64(offset))
	g.lease.advance(offset)
}

// warn logs a failure that is tried again, once in a while.
func (g *Gateway) warn(what string, err error) {
	if g.notices.first(what) {
		g.config.Logger.Warn(what, "error", err)
	}
}

// Ready is closed once the state was read to its end and clients are served.
func (g *Gateway) Ready() <-chan struct{} { return g.ready }

// Endpoints returns the addresses of the physical cluster as the gateway knows them.
func (g *Gateway) Endpoints() orrery.Endpoints { return g.state.Load().endpoints }

// begin counts something that Close waits for, unless Close was called.
func (g *Gateway) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return false
	}
	g.running.Add(1)
	return true
}

// Close ends every listener, every connection and Run, and returns when all of them are gone. Further calls do
// nothing.
func (g *Gateway) Close() error {
	g.mu.Lock()
	if g.stopped {
		g.mu.Unlock()
		return nil
	}
	g.stopped = true
	close(g.closed)
	for l := range g.listeners {
		l.Close()
	}
	connections := make([]*connection, 0, len(g.connections))
	for c := range g.connections {
		connections = append(connections, c)
	}
	g.mu.Unlock()
	for _, c := range connections {
		c.end(errors.New("the gateway stops"))
	}
	g.running.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), leaseTimeout)
	defer cancel()
	if err := g.meter.flush(ctx); err != nil { // after the last connection has ended
		g.config.Logger.Warn("cannot write what tenants used in the last second", "error", err)
	}
	g.control.client.Close()
	g.metrics.unregister()
	return nil
}
