package kafkatest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/orrery-kafka/orrery/internal/engine"
)

// Names of Apache Kafka's listeners. Whoever reaches ADMIN is the superuser, which is why a test's brokers listen on
// loopback only, and for the time of a test.
const (
	listenerAdmin      = "ADMIN"
	listenerLogin      = "LOGIN"
	listenerTLS        = "TLS"
	listenerController = "CONTROLLER"
)

const (
	defaultHeapMiB = 256
	logLines       = 60   // of each broker, for a failing test
	firstPort      = 9092 // of a broker on a host of its own
)

// apacheCluster is what the brokers of one cluster have in common.
type apacheCluster struct {
	dir     string
	options Options
	id      string
	voters  []engine.Voter
	users   map[string]string
	brokers []*apacheBroker
	ports   []*engine.Port
	secret  *certificate // nil without TLS
}

// apacheBroker is the life of one broker of Apache Kafka.
type apacheBroker struct {
	cluster      *apacheCluster
	installation engine.Installation
	broker       *Broker
	directoryID  string
	controller   string          // address of its controller listener
	process      *engine.Process // nil while down
	paused       bool
}

func openApache(o Options) (*Cluster, error) {
	installation, err := install(o.Version)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, fmt.Errorf("not ready after %v", patience))
	defer cancel()
	dir, err := os.MkdirTemp("", "kafkatest-")
	if err != nil {
		return nil, err
	}
	a := &apacheCluster{dir: dir, options: o, users: map[string]string{}}
	for _, user := range o.Users {
		a.users[user.Name] = user.Password
	}
	c := &Cluster{close: a.close, logs: a.logs}
	c.add = func() (*Broker, error) { return a.add(c, installation) }
	if err := a.prepare(c, installation); err != nil {
		return nil, errors.Join(err, a.close())
	}
	for _, b := range a.brokers {
		if err := b.launch(); err != nil {
			return nil, errors.Join(err, a.close())
		}
	}
	for _, b := range a.brokers {
		if err := b.await(ctx); err != nil {
			return nil, errors.Join(err, a.close())
		}
	}
	if err := settle(ctx, c, o.Users); err != nil {
		logs := a.logs()
		return nil, fmt.Errorf("%w\n%s", errors.Join(err, a.close()), logs)
	}
	return c, nil
}

// install has its own time: the first time it takes a minute, and it is no part of starting a cluster.
func install(version string) (engine.Installation, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return engine.Install(ctx, engine.Config{CacheDir: os.Getenv("ORRERY_ENGINE_CACHE"), Version: version, Progress: os.Stderr})
}

// prepare chooses ids and ports, formats every node and writes its configuration.
func (a *apacheCluster) prepare(c *Cluster, installation engine.Installation) error {
	var err error
	if a.id, err = engine.NewID(rand.Reader); err != nil {
		return err
	}
	if a.options.TLS {
		if a.secret, err = newCertificate(filepath.Join(a.dir, "broker.pem")); err != nil {
			return err
		}
		c.TLS, c.KeyStore = a.secret.client, a.secret.path
	}
	for node := range int32(a.options.Brokers) {
		b := &apacheBroker{cluster: a, installation: installation, broker: &Broker{Node: node}}
		b.broker.life = b
		if err := b.reserve(); err != nil {
			return err
		}
		a.brokers = append(a.brokers, b)
		a.voters = append(a.voters, engine.Voter{NodeID: node, DirectoryID: b.directoryID, Address: b.controller})
		c.Brokers = append(c.Brokers, b.broker)
	}
	for _, b := range a.brokers {
		if err := b.configure(a.voters); err != nil {
			return err
		}
	}
	return nil
}

// add starts one more broker, which is a controller that follows the quorum and is no voter.
func (a *apacheCluster) add(c *Cluster, installation engine.Installation) (*Broker, error) {
	b := &apacheBroker{cluster: a, installation: installation, broker: &Broker{Node: int32(len(a.brokers))}}
	b.broker.life = b
	if err := b.reserve(); err != nil {
		return nil, err
	}
	if err := b.configure(nil); err != nil {
		return nil, err
	}
	a.brokers, c.Brokers = append(a.brokers, b), append(c.Brokers, b.broker)
	return b.broker, b.start()
}

// reserve gives the broker its ports, which it keeps until the cluster ends, and its directory an id.
func (b *apacheBroker) reserve() (err error) {
	addresses := []*string{&b.broker.Address, &b.controller}
	if len(b.cluster.users) > 0 {
		addresses = append(addresses, &b.broker.LoginAddress)
	}
	if b.cluster.options.TLS {
		addresses = append(addresses, &b.broker.TLSAddress)
	}
	for n, address := range addresses {
		if host := b.host(); host != nil {
			*address = net.JoinHostPort(host.Address, strconv.Itoa(firstPort+n))
			continue
		}
		port, err := engine.ReservePort()
		if err != nil {
			return err
		}
		b.cluster.ports = append(b.cluster.ports, port)
		*address = port.Address()
	}
	b.broker.ControllerAddress = b.controller
	if b.broker.LoginAddress == "" {
		b.broker.LoginAddress = b.broker.Address
	}
	b.directoryID, err = engine.NewID(rand.Reader)
	return err
}

// host is where the broker runs, nil for here.
func (b *apacheBroker) host() *Host {
	if hosts := b.cluster.options.Hosts; len(hosts) > 0 {
		return &hosts[b.broker.Node]
	}
	return nil
}

func (b *apacheBroker) dir() string  { return filepath.Join(b.cluster.dir, fmt.Sprint(b.broker.Node)) }
func (b *apacheBroker) data() string { return filepath.Join(b.dir(), "data") }
func (b *apacheBroker) log() string  { return filepath.Join(b.dir(), "log") }

// configure formats the broker's disk and writes its configuration. Only the first voters of a new quorum are told who
// they are.
func (b *apacheBroker) configure(voters []engine.Voter) error {
	a := b.cluster
	server := engine.Server{
		NodeID: b.broker.Node, DataDir: b.data(), Voters: a.voters,
		ControllerListener: listenerController, InterBrokerListener: listenerAdmin,
		Listeners: []engine.Listener{
			{Name: listenerAdmin, Protocol: "PLAINTEXT", Address: b.broker.Address},
			{Name: listenerController, Protocol: "PLAINTEXT", Address: b.controller},
		},
		Config: configuration(a.options),
	}
	if len(a.users) > 0 {
		server.SuperUsers = []string{"User:ANONYMOUS"}
		server.Listeners = append(server.Listeners,
			engine.Listener{Name: listenerLogin, Protocol: "SASL_PLAINTEXT", Address: b.broker.LoginAddress, Users: a.users})
	}
	if a.options.TLS {
		server.Listeners = append(server.Listeners,
			engine.Listener{Name: listenerTLS, Protocol: "SASL_SSL", Address: b.broker.TLSAddress, Users: a.users, KeyStore: a.secret.path})
	}
	properties, err := server.Properties()
	if err != nil {
		return err
	}
	storage := engine.Storage{
		ClusterID: a.id, NodeID: b.broker.Node, DirectoryID: b.directoryID, ControllerListener: listenerController, Voters: voters,
	}
	if err := b.installation.Format(b.data(), storage, time.Now()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.dir(), "server.properties"), properties, 0o600)
}

// configuration is what the brokers of a test are told: to start quickly, to need little, to miss a dead broker soon,
// and to keep internal topics on as many brokers as there are.
func configuration(o Options) map[string]string {
	replicas := min(o.Brokers, 3)
	in := func(n int) string { return strconv.Itoa(n) }
	settings := map[string]string{
		"auto.create.topics.enable": "false", "default.replication.factor": in(replicas), "min.insync.replicas": in(max(1, replicas-1)),
		"offsets.topic.replication.factor": in(replicas), "offsets.topic.num.partitions": "3",
		"transaction.state.log.replication.factor": in(replicas), "transaction.state.log.min.isr": in(max(1, replicas-1)), "transaction.state.log.num.partitions": "3",
		"share.coordinator.state.topic.replication.factor": in(replicas), "share.coordinator.state.topic.min.isr": in(max(1, replicas-1)),
		"share.coordinator.state.topic.num.partitions": "3",
		"group.initial.rebalance.delay.ms":             "0", "group.streams.initial.rebalance.delay.ms": "0", "log.cleaner.dedupe.buffer.size": "4194304",
		"broker.session.timeout.ms": in(int(sessionTimeout.Milliseconds())), "broker.heartbeat.interval.ms": "500",
		// A follower asks its leader before that has heard of it, and waits so long; elections start with a tie.
		"replica.fetch.backoff.ms": "50", "controller.quorum.election.timeout.ms": "500", "controller.quorum.election.backoff.max.ms": "200",
	}
	maps.Copy(settings, o.Config)
	return settings
}

// close kills every broker, for nobody needs their data any more.
func (a *apacheCluster) close() error {
	var errs []error
	for _, b := range a.brokers {
		if b.process != nil {
			errs = append(errs, b.process.Signal(syscall.SIGKILL))
		}
	}
	for _, b := range a.brokers {
		if b.process != nil {
			<-b.process.Done()
			b.process = nil
		}
	}
	for _, port := range a.ports {
		errs = append(errs, port.Release())
	}
	a.ports = nil
	return errors.Join(append(errs, os.RemoveAll(a.dir))...)
}

func (a *apacheCluster) logs() string {
	var text strings.Builder
	for _, b := range a.brokers {
		fmt.Fprintf(&text, "broker %d, the last lines of its log:\n%s\n", b.broker.Node, engine.Tail(b.log(), logLines))
	}
	return text.String()
}
