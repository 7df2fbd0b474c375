// Package gatewaytest starts gateways in front of a real engine, for the tests of the gateway and of what stands on
// it: brokers with their state topics, one gateway for each broker with TLS on loopback, and tenants and API keys
// written to the state topic as a satellite would. Main runs a package's tests on every engine.
package gatewaytest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// What is the same in every test: the physical cluster, and who owns its tenants.
const (
	PhysicalClusterID = "pkc-test00"
	EnvironmentID     = "env-test00"
	topicTenants      = "_orrery_tenants"
	topicGateways     = "_orrery_gateways"
	patience          = time.Minute
	hostPort          = 19092 // of a gateway on a host of its own
)

// Options say what to start. The zero value is one broker.
type Options struct {
	// Brokers is at least how many; Apache Kafka has three of them if it is more than one.
	Brokers int
	Limits  gateway.Limits
	Logger  *slog.Logger
	// TrustedProxies and ExemptAddresses are the gateways'.
	TrustedProxies, ExemptAddresses []netip.Prefix
	// Audit takes the gateways' audit log.
	Audit *slog.Logger
	// ServerTLS is what the gateways speak instead of a certificate made for the test; Cluster.TLS is of no use then.
	ServerTLS *tls.Config
	// Topics is shared by the gateways; nil is a gateway that lists topics anew each time, for tests that make topics
	// behind the gateways' back.
	Topics *gateway.TopicVersions
	// EvenShares is the gateways'.
	EvenShares bool
	// Storage is the gateways'.
	Storage func(ctx context.Context) (gateway.Storage, error)
	// Registerer takes the metrics of a gateway; there is room for one broker's.
	Registerer prometheus.Registerer
	// Dial replaces the tenants' path to a broker; dial is the one that it replaces.
	Dial func(dial func(ctx context.Context, node int32) (net.Conn, error)) func(ctx context.Context, node int32) (net.Conn, error)
	// Embedded are more options of the embedded engine.
	Embedded []kfake.Opt
	// Engine runs the brokers; empty means the one that Main runs the tests on, or else the embedded one.
	Engine kafkatest.Engine
	// Processes runs each gateway in a process of its own, which Kill ends; Cluster.Gateways is empty then. Of the other
	// options about gateways none holds for them.
	Processes bool
	// Own is true for a test that breaks brokers: it gets its own instead of those that other tests use too.
	Own bool
	// Hosts are where each broker and its gateway run, with Processes and Own; empty is here.
	Hosts []kafkatest.Host
}

// Cluster is a running physical cluster with its gateways.
type Cluster struct {
	// Kafka are the brokers. Their superuser sees everything.
	Kafka    *kafkatest.Cluster
	Gateways []*gateway.Gateway
	// Endpoints are the addresses of the gateways.
	Endpoints orrery.Endpoints
	// TLS is what a client needs in order to trust the gateways, and ServerTLS what the gateways use.
	TLS, ServerTLS *tls.Config

	t       testing.TB
	admin   *kgo.Client
	journal *gateway.Journal // of all gateways, as in one process
	tail    *tail
	// children are the gateways by node that are processes of their own, and hosts where they run.
	children map[int32]*child
	hosts    []kafkatest.Host
}

// Key is an API key with its secret.
type Key struct {
	ID, Secret string
	Credential tenancy.Credential
}

// Start starts everything and ends it with the test.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	c := &Cluster{Kafka: startKafka(t, o), t: t, journal: gateway.NewJournal(), children: map[int32]*child{}, hosts: o.Hosts}
	var err error
	if c.admin, err = kgo.NewClient(append(c.Kafka.ClientOptions(""), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.admin.Close)
	c.tail = startTail(t, c.Kafka.ClientOptions(""))
	var server *tls.Config
	server, c.TLS = certificates(t)
	if o.ServerTLS != nil {
		server = o.ServerTLS
	}
	c.ServerTLS = server
	listeners := make([]net.Listener, len(c.Kafka.Brokers))
	for node := range listeners {
		if len(o.Hosts) > 0 {
			c.Endpoints.Brokers = append(c.Endpoints.Brokers, orrery.BrokerEndpoint{Node: int32(node), Host: o.Hosts[node].Address, Port: hostPort})
			continue
		}
		if listeners[node], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		port := int32(listeners[node].Addr().(*net.TCPAddr).Port)
		c.Endpoints.Brokers = append(c.Endpoints.Brokers, orrery.BrokerEndpoint{Node: int32(node), Host: "127.0.0.1", Port: port})
	}
	c.Endpoints.Bootstrap = net.JoinHostPort(c.Endpoints.Brokers[0].Host, fmt.Sprint(c.Endpoints.Brokers[0].Port))
	c.write(tenancy.StateEndpoints, PhysicalClusterID, c.Endpoints, false)
	c.write(tenancy.StateSaltKey, PhysicalClusterID, tenancy.SaltKey{PhysicalClusterID: PhysicalClusterID, Key: []byte(rand.Text() + rand.Text())}, false)
	c.t.Cleanup(c.endChildren)
	for node, listener := range listeners {
		if o.Processes {
			if listener != nil {
				listener.Close()
			}
			c.startChild(int32(node))
			continue
		}
		c.startGateway(int32(node), listener, server, o)
	}
	for _, g := range c.Gateways {
		select {
		case <-g.Ready():
		case <-time.After(patience):
			t.Fatal("a gateway did not become ready")
		}
	}
	c.WaitApplied(0) // a gateway is ready when its record is written, and the kit's reader may see it a moment later
	return c
}

func (c *Cluster) startGateway(node int32, listener net.Listener, server *tls.Config, o Options) {
	c.t.Helper()
	dial := c.DialBroker
	if o.Dial != nil {
		dial = o.Dial(dial)
	}
	config := gateway.Config{
		PhysicalClusterID: PhysicalClusterID, Node: node, TLS: server, DialBroker: dial, Control: c.Control(),
		EmbeddedEngine: c.Kafka.Engine == kafkatest.Embedded, Topics: o.Topics, Limits: o.Limits, TrustedProxies: o.TrustedProxies, ExemptAddresses: o.ExemptAddresses, Logger: o.Logger, Registerer: o.Registerer,
		Audit: o.Audit, Journal: c.journal, EvenShares: o.EvenShares, Storage: o.Storage,
	}
	g, err := gateway.New(config)
	if err != nil {
		c.t.Fatal(err)
	}
	c.Gateways = append(c.Gateways, g)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := g.Run(ctx); err != nil {
			c.t.Error(err)
		}
	})
	running.Go(func() {
		if err := g.Serve(listener); !errors.Is(err, net.ErrClosed) {
			c.t.Error(err)
		}
	})
	c.t.Cleanup(func() {
		cancel()
		g.Close()
		running.Wait()
	})
}

// Put writes one record of _orrery_tenants and waits until every gateway has applied it.
func (c *Cluster) Put(kind, id string, content any) {
	c.t.Helper()
	c.WaitApplied(c.write(kind, id, content, false))
}

// Delete writes that something is deleted and waits until every gateway has applied it.
func (c *Cluster) Delete(kind, id string) {
	c.t.Helper()
	c.WaitApplied(c.write(kind, id, nil, true))
}

// PutRaw writes a value as it is and waits until every gateway has passed it.
func (c *Cluster) PutRaw(key string, value []byte) {
	c.t.Helper()
	c.WaitApplied(c.append(key, value))
}

func (c *Cluster) write(kind, id string, content any, deleted bool) int64 {
	c.t.Helper()
	encoded, err := json.Marshal(content)
	if err != nil {
		c.t.Fatal(err)
	}
	value, err := json.Marshal(tenancy.StateRecord{
		Version: tenancy.StateVersion, Generation: orrery.Generation{}, Hash: orrery.Hash(encoded), Deleted: deleted, Content: encoded,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return c.append(tenancy.StateKey(kind, id), value)
}

func (c *Cluster) append(key string, value []byte) int64 {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	record, err := c.admin.ProduceSync(ctx, &kgo.Record{Topic: topicTenants, Key: []byte(key), Value: value}).First()
	if err != nil {
		c.t.Fatal(err)
	}
	return record.Offset + 1
}

// WaitApplied waits until the lease of every gateway says that it has applied what is before an offset.
func (c *Cluster) WaitApplied(offset int64) {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		records, changed := c.tail.read()
		reached := 0
		for _, r := range records {
			if r.Live(time.Now()) && r.Applied >= offset {
				reached++
			}
		}
		if reached == len(c.Endpoints.Brokers) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			c.t.Fatalf("the gateways did not apply offset %d; their records are %+v", offset, records)
		}
	}
}

// Leases returns the newest record of each gateway in _orrery_gateways, and a channel that is closed when there is a newer
// one.
func (c *Cluster) Leases() (map[int32]tenancy.GatewayRecord, <-chan struct{}) { return c.tail.read() }

// Tenant makes a logical cluster of an organization of its own.
func (c *Cluster) Tenant(logicalClusterID string) tenancy.Tenant {
	c.t.Helper()
	tenant := tenancy.Tenant{
		PhysicalClusterID: PhysicalClusterID, LogicalClusterID: logicalClusterID, OrganizationID: "org-of-" + logicalClusterID,
		EnvironmentID: EnvironmentID, Type: orrery.TypeBasic, MaxPartitions: 1000, ReplicationFactor: 1,
	}
	c.Put(tenancy.StateTenant, logicalClusterID, tenant)
	return tenant
}

// Admin makes an API key of a tenant's cluster, whose owner may do everything in it.
func (c *Cluster) Admin(tenant tenancy.Tenant) Key {
	c.t.Helper()
	key := c.Key(tenant, tenant.LogicalClusterID, "u-"+tenant.LogicalClusterID)
	c.Put(tenancy.StateBinding, "rb-"+tenant.LogicalClusterID, tenancy.Binding{
		PhysicalClusterID: PhysicalClusterID, RoleBindingID: "rb-" + tenant.LogicalClusterID,
		Principal: "User:u-" + tenant.LogicalClusterID, RoleName: orrery.RoleCloudClusterAdmin,
		CRNPattern: orrery.CloudClusterCRN(tenant.OrganizationID, tenant.EnvironmentID, tenant.LogicalClusterID).String(),
	})
	return key
}

// Key makes an API key of an owner without any right of its own; with an empty logical cluster it is a Cloud API
// key.
func (c *Cluster) Key(tenant tenancy.Tenant, logicalClusterID, owner string) Key {
	c.t.Helper()
	id, err := orrery.NewAPIKeyID(rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	secret, err := orrery.NewSecret(rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	verifiers, err := orrery.NewVerifiers(rand.Reader, secret)
	if err != nil {
		c.t.Fatal(err)
	}
	key := Key{ID: id, Secret: secret, Credential: tenancy.Credential{
		PhysicalClusterID: PhysicalClusterID, APIKeyID: id, OrganizationID: tenant.OrganizationID,
		LogicalClusterID: logicalClusterID, OwnerID: owner, Verifiers: verifiers,
	}}
	c.Put(tenancy.StateCredential, id, key.Credential)
	return key
}

// ClientOptions are those of a client with an API key.
func (c *Cluster) ClientOptions(key Key) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(c.Endpoints.Bootstrap),
		kgo.DialTLSConfig(c.TLS.Clone()),
		kgo.SASL(plain.Auth{User: key.ID, Pass: key.Secret}.AsMechanism()),
		kgo.ProducerLinger(0),
		kgo.RetryTimeout(patience),
	}
}

// Client is a client with an API key; it is closed with the test.
func (c *Cluster) Client(key Key, more ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	client, err := kgo.NewClient(append(c.ClientOptions(key), more...)...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(client.Close)
	return client
}

// tail follows _orrery_gateways as a satellite does.
type tail struct {
	mu      sync.Mutex
	records map[int32]tenancy.GatewayRecord
	changed chan struct{}
}

func startTail(t testing.TB, options []kgo.Opt) *tail {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topicGateways: {0: kgo.NewOffset().AtStart()},
	}))...)
	if err != nil {
		t.Fatal(err)
	}
	l := &tail{records: map[int32]tenancy.GatewayRecord{}, changed: make(chan struct{})}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			fetches := client.PollFetches(context.Background())
			if fetches.IsClientClosed() {
				return
			}
			fetches.EachRecord(func(r *kgo.Record) {
				if strings.HasPrefix(string(r.Key), "gateway/") {
					l.keep(t, r.Value)
				}
			})
		}
	})
	t.Cleanup(func() {
		client.Close()
		running.Wait()
	})
	return l
}

func (l *tail) keep(t testing.TB, value []byte) {
	var record tenancy.GatewayRecord
	if err := json.Unmarshal(value, &record); err != nil {
		t.Errorf("a gateway wrote %q: %v", value, err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[record.Node] = record
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *tail) read() (map[int32]tenancy.GatewayRecord, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	records := make(map[int32]tenancy.GatewayRecord, len(l.records))
	for node, r := range l.records {
		records[node] = r
	}
	return records, l.changed
}

// certificates makes a CA with a certificate for 127.0.0.1, and what trusts it.
func certificates(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	ca, caKey, caDER := certificate(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	_, key, der := certificate(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "gateway"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca, caKey)
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der, caDER}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	return server, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, ServerName: "127.0.0.1"}
}

func certificate(t testing.TB, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(fmt.Errorf("a certificate that was just made: %w", err))
	}
	return made, key, der
}
