// Package kafkatest starts real Kafka clusters for tests: Apache Kafka as processes of this machine, or the embedded
// engine inside the test. Both have the same shape, so that one test runs on both (Each).
//
// A cluster listens on 127.0.0.1 only, on ports that the system chose. Its superuser's listener needs no login; with
// Options.Users there is a second one, where the users log in with SASL and may do what their ACLs allow.
// ORRERY_ENGINE_CACHE is where Apache Kafka is kept (default: orrery/engine in the user's cache directory).
package kafkatest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// Engine is what runs the brokers.
type Engine string

// The engines.
const (
	Apache   Engine = "apache"
	Embedded Engine = "embedded"
)

// patience is how long a cluster or broker may take to start or to end on a busy machine.
const patience = 3 * time.Minute

// sessionTimeout is how long a broker may say nothing until others lead what it led.
const sessionTimeout = 6 * time.Second

// Options say what to start. The zero value is one broker that lets anybody do anything.
type Options struct {
	// Brokers is how many; 0 means 1. Their node ids count from 0.
	Brokers int
	// Users may log in. With users, everybody but the superuser may do only what the users' ACLs allow.
	Users []User
	// Config are settings of each broker, in place of kafkatest's and Kafka's own.
	Config map[string]string

	// Version is Apache Kafka's, one of engine.Versions; empty means engine.DefaultVersion.
	Version string
	// TLS adds a listener for the users with TLS (SASL_SSL) to Apache Kafka; it needs Users.
	TLS bool
	// HeapMiB bounds each Apache broker's heap; 0 means 256.
	HeapMiB int
	// Optimized lets the JVM use its optimizing compiler: slower to start, right for measuring.
	Optimized bool

	// Hosts are where the brokers of Apache Kafka run, by node, for tests that break the network between them; empty is
	// here, on 127.0.0.1.
	Hosts []Host

	// Engine are more options of the embedded engine.
	Engine []kfake.Opt
}

// Host is another host for a broker: an address of a network that this process is in, too.
type Host struct {
	// Address is where the broker listens. Every port of it is free.
	Address string
	// Command is the beginning of a command line that runs the rest of it on the host, as the same process.
	Command []string
}

// Cluster is a running cluster.
type Cluster struct {
	// Engine is what runs it.
	Engine Engine
	// Brokers are in the order of their node ids.
	Brokers []*Broker
	// Embedded is the embedded engine, nil if it is another one.
	Embedded *kfake.Cluster
	// TLS is what a client needs in order to trust the listeners with TLS; nil without Options.TLS.
	TLS *tls.Config
	// KeyStore is the file (PEM) with the key and the certificate of those listeners, for a client in another process;
	// empty without Options.TLS. Its directory is the cluster's own.
	KeyStore string

	users map[string]User
	add   func() (*Broker, error) // nil where there cannot be more
	close func() error
	logs  func() string
}

// Broker is one broker of a cluster, with a handle on its life. Its methods are not for concurrent use.
type Broker struct {
	// Node is its id.
	Node int32
	// Address is host:port for the superuser, without a login.
	Address string
	// LoginAddress is host:port where users log in with SASL and the mechanism PLAIN. Without Options.Users it is Address.
	LoginAddress string
	// TLSAddress is the same with TLS; empty without Options.TLS.
	TLSAddress string
	// ControllerAddress is host:port where controllers talk to it; empty with the embedded engine, which has none.
	ControllerAddress string

	life life
}

// life is what an engine can do to one of its brokers.
type life interface {
	stop() error
	kill() error
	start() error
	pause() error
	resume() error
	upgrade(version string) error
	replaceDisk() error
	pid() int
}

// Stop shuts the broker down in an orderly way and returns once it has ended. Its leaders move first where they can.
func (b *Broker) Stop() error { return b.named("stop", b.life.stop()) }

// Kill ends the broker as a crash does: SIGKILL for Apache Kafka.
func (b *Broker) Kill() error { return b.named("kill", b.life.kill()) }

// Start starts a broker that was stopped or killed, with its addresses and its data, and returns once it takes clients.
func (b *Broker) Start() error { return b.named("start", b.life.start()) }

// Restart is Stop and Start.
func (b *Broker) Restart() error { return errors.Join(b.Stop(), b.Start()) }

// Pause freezes the broker: connections stay, new ones are taken by the kernel, nothing is answered until Resume. After
// some six seconds others lead what it led.
func (b *Broker) Pause() error { return b.named("pause", b.life.pause()) }

// Resume ends Pause.
func (b *Broker) Resume() error { return b.named("resume", b.life.resume()) }

// Upgrade restarts the broker with another version of Apache Kafka. The embedded engine has one version only.
func (b *Broker) Upgrade(version string) error { return b.named("upgrade", b.life.upgrade(version)) }

// ReplaceDisk gives a broker that is down an empty disk, with a directory id of its own, on which it can join the others
// again. The embedded engine has no disks.
func (b *Broker) ReplaceDisk() error { return b.named("replace the disk of", b.life.replaceDisk()) }

// PID is the id of the process that the broker is, for measuring it: a JVM's, 0 while it is down, or, with the embedded
// engine, the id of this process.
func (b *Broker) PID() int { return b.life.pid() }

func (b *Broker) named(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s broker %d: %w", what, b.Node, err)
	}
	return nil
}

// Each runs a test on both engines, as two subtests with a cluster each. With -short only the embedded engine is used.
func Each(t *testing.T, o Options, test func(t *testing.T, c *Cluster)) {
	t.Helper()
	for _, e := range []Engine{Embedded, Apache} {
		t.Run(string(e), func(t *testing.T) {
			if e == Apache && testing.Short() {
				t.Skip("-short: no Java")
			}
			test(t, Start(t, e, o))
		})
	}
}

// Start starts a cluster and ends it with the test. The brokers' logs are shown if the test fails.
func Start(t testing.TB, e Engine, o Options) *Cluster {
	t.Helper()
	c, err := Open(e, o)
	if err != nil {
		t.Fatalf("start a cluster of %s: %v", e, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.Logs())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// StartApache is Start with Apache Kafka. Without Java the test fails, and says what to install.
func StartApache(t testing.TB, o Options) *Cluster {
	t.Helper()
	return Start(t, Apache, o)
}

// StartEmbedded is Start with the embedded engine.
func StartEmbedded(t testing.TB, o Options) *Cluster {
	t.Helper()
	return Start(t, Embedded, o)
}

// Open starts a cluster for as long as the caller likes, such as for all tests of a package (TestMain). It returns
// once every broker takes clients, knows all the others and enforces the ACLs.
func Open(e Engine, o Options) (*Cluster, error) {
	o.Brokers = max(o.Brokers, 1)
	users := map[string]User{}
	for _, user := range o.Users {
		users[user.Name] = user
	}
	if len(users) != len(o.Users) {
		return nil, errors.New("two users have the same name")
	}
	if o.TLS && len(users) == 0 {
		return nil, errors.New("the listener with TLS needs users")
	}
	if len(o.Hosts) > 0 && (e != Apache || len(o.Hosts) != o.Brokers) {
		return nil, fmt.Errorf("%d hosts for %d brokers of %s; hosts are for Apache Kafka, one for each broker", len(o.Hosts), o.Brokers, e)
	}
	var c *Cluster
	var err error
	switch e {
	case Apache:
		c, err = openApache(o)
	case Embedded:
		c, err = openEmbedded(o)
	default:
		err = fmt.Errorf("there is no engine %q", e)
	}
	if err != nil {
		return nil, err
	}
	c.Engine, c.users = e, users
	return c, nil
}

// AddBroker starts one more broker of Apache Kafka, with the next node id, and returns once it takes clients. It is a
// controller as well, which follows the others and has no vote. The embedded engine has as many brokers as it began with.
func (c *Cluster) AddBroker() (*Broker, error) {
	if c.add == nil {
		return nil, fmt.Errorf("add a broker: %w", errors.ErrUnsupported)
	}
	b, err := c.add()
	if err != nil {
		return nil, fmt.Errorf("add a broker: %w", err)
	}
	return b, nil
}

// Close ends the cluster: every process, listener, port and file of it.
func (c *Cluster) Close() error { return c.close() }

// Logs are the last lines of each broker's log.
func (c *Cluster) Logs() string { return c.logs() }

// Users are the names of the users, sorted.
func (c *Cluster) Users() []string { return slices.Sorted(maps.Keys(c.users)) }

// Addresses are those of all brokers for a user; the empty name is the superuser.
func (c *Cluster) Addresses(user string) []string {
	addresses := make([]string, len(c.Brokers))
	for n, b := range c.Brokers {
		addresses[n] = b.LoginAddress
		if user == "" {
			addresses[n] = b.Address
		}
	}
	return addresses
}

// ClientOptions are what a client needs in order to work as a user; the empty name is the superuser.
func (c *Cluster) ClientOptions(user string) []kgo.Opt {
	options := []kgo.Opt{kgo.SeedBrokers(c.Addresses(user)...)}
	name, password := user, c.users[user].Password
	if user == "" {
		if c.Engine == Apache || len(c.users) == 0 {
			return options
		}
		name, password = superuser.Name, superuser.Password // the embedded engine has one listener, with a login for all
	}
	return append(options, kgo.SASL(plain.Auth{User: name, Pass: password}.AsMechanism()))
}

// TLSClientOptions are ClientOptions for the listener with TLS.
func (c *Cluster) TLSClientOptions(user string) []kgo.Opt {
	seeds := make([]string, len(c.Brokers))
	for n, b := range c.Brokers {
		seeds[n] = b.TLSAddress
	}
	return append(c.ClientOptions(user), kgo.SeedBrokers(seeds...), kgo.DialTLSConfig(c.TLS))
}

// Client is a client that works as a user until the test ends; the empty name is the superuser.
func (c *Cluster) Client(t testing.TB, user string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(c.ClientOptions(user), options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// Admin is the superuser's administration client until the test ends.
func (c *Cluster) Admin(t testing.TB) *kadm.Client {
	t.Helper()
	return kadm.NewClient(c.Client(t, ""))
}

// User is somebody who can log in, and what they may do.
type User struct {
	Name, Password string
	ACLs           []ACL
}

// ACL allows operations on a resource, or on all whose name begins with Name.
type ACL struct {
	Resource   kmsg.ACLResourceType
	Name       string
	Prefixed   bool
	Operations []kmsg.ACLOperation
}

// superuser is who the embedded engine knows the superuser as.
var superuser = User{Name: "superuser", Password: "superuser"}
