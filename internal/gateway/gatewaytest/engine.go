package gatewaytest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// The principals that the gateways are to Apache Kafka.
var (
	tenantsLogin = gateway.Login{User: "tenants", Password: "tenants-secret"}
	controlLogin = gateway.Login{User: "control", Password: "control-secret"}
)

// running is the engine of tests that do not ask for one. Only Main sets it, while no test runs.
var running = kafkatest.Embedded

// Main runs the tests of a package on the embedded engine and then on Apache Kafka, for TestMain. With -short, -fuzz
// or -bench it is the embedded one only. ORRERY_TEST_ENGINE names the one to use instead of both. It is also what a
// gateway in a process of its own runs (Options.Processes).
func Main(m *testing.M) int {
	if os.Getenv(childVariable) != "" {
		return runChild()
	}
	flag.Parse()
	engines := []kafkatest.Engine{kafkatest.Embedded, kafkatest.Apache}
	if one := os.Getenv("ORRERY_TEST_ENGINE"); one != "" {
		engines = []kafkatest.Engine{kafkatest.Engine(one)}
	} else if reason := embeddedOnly(); reason != "" {
		engines = engines[:1]
		fmt.Println("not on Apache Kafka:", reason)
	}
	code := 0
	for _, running = range engines {
		began := time.Now()
		code = max(code, m.Run())
		fmt.Printf("the tests ran on the engine %s in %v\n", running, time.Since(began).Round(time.Second/10))
	}
	if err := closeShared(); err != nil {
		fmt.Println("ending Apache Kafka:", err)
		code = max(code, 1)
	}
	return code
}

// embeddedOnly returns why flags leave Apache Kafka out.
func embeddedOnly() string {
	if testing.Short() {
		return "-short"
	}
	for _, name := range []string{"fuzz", "bench", "list"} {
		if f := flag.Lookup("test." + name); f != nil && f.Value.String() != "" {
			return "-" + name
		}
	}
	return ""
}

// EmbeddedOnly skips a test on Apache Kafka, and says why.
func EmbeddedOnly(t testing.TB, why string) {
	t.Helper()
	if running != kafkatest.Embedded {
		t.Skip("on the embedded engine only:", why)
	}
}

// ApacheOnly skips a test on the embedded engine, and says why.
func ApacheOnly(t testing.TB, why string) {
	t.Helper()
	if running != kafkatest.Apache {
		t.Skip("on Apache Kafka only:", why)
	}
}

// startKafka starts brokers with empty state topics, for as long as the test runs.
func startKafka(t testing.TB, o Options) *kafkatest.Cluster {
	t.Helper()
	engine := o.Engine
	if engine == "" {
		engine = running
	}
	switch {
	case engine == kafkatest.Embedded:
		return kafkatest.StartEmbedded(t, kafkatest.Options{
			Brokers: o.Brokers, Engine: append([]kfake.Opt{kfake.DefaultNumPartitions(1), kfake.SeedTopics(1, topicTenants, topicGateways, topicACLs)}, o.Embedded...),
		})
	case len(o.Embedded) > 0:
		t.Fatal("options of the embedded engine for another one")
	}
	size := apacheSize(o.Brokers)
	if o.Own {
		options := apacheOptions(size)
		options.Hosts = o.Hosts
		kafka := kafkatest.StartApache(t, options)
		if err := prepare(kafka); err != nil {
			t.Fatal(err)
		}
		return kafka
	}
	kafka, release, err := shared[size].take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(kafka.Logs())
		}
		release()
	})
	return kafka
}

// DialBroker is the tenants' path to a broker, logged in where the engine wants that.
func (c *Cluster) DialBroker(ctx context.Context, node int32) (net.Conn, error) {
	dial := func(ctx context.Context, node int32) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", c.Kafka.Brokers[node].LoginAddress)
	}
	if c.Kafka.Engine == kafkatest.Apache {
		dial = tenantsLogin.DialBroker(dial)
	}
	return dial(ctx, node)
}

// Control is the path of a gateway's own connection.
func (c *Cluster) Control() gateway.Control {
	control := gateway.Control{Seeds: c.Kafka.Addresses(controlLogin.User)}
	if c.Kafka.Engine == kafkatest.Apache {
		control.Dial = controlLogin.Dial(new(net.Dialer).DialContext)
	}
	return control
}

func apacheSize(brokers int) int {
	if brokers > 1 {
		return 3
	}
	return 1
}

// Direct is a user of Apache Kafka itself, beside the gateways' principals, who may do nothing until a test gives it
// ACLs.
var Direct = gateway.Login{User: "sa-direct", Password: "direct-secret"}

func apacheOptions(size int) kafkatest.Options {
	users := append(Users(), kafkatest.User{Name: Direct.User, Password: Direct.Password})
	return kafkatest.Options{Brokers: size, HeapMiB: 192, Users: users}
}

// Users are the two principals of a gateway, as brokers have to know them: the tenants' one and the gateway's own.
func Users() []kafkatest.User {
	return []kafkatest.User{
		{Name: tenantsLogin.User, Password: tenantsLogin.Password, ACLs: acls(tenancy.TenantsACLs())},
		{Name: controlLogin.User, Password: controlLogin.Password, ACLs: acls(tenancy.GatewayACLs())},
	}
}

func acls(all []tenancy.PrincipalACL) []kafkatest.ACL {
	var converted []kafkatest.ACL
	for _, a := range all {
		converted = append(converted, kafkatest.ACL(a))
	}
	return converted
}

// sharedKafka is a cluster of Apache Kafka that tests use one after another, for it takes seconds to start.
type sharedKafka struct {
	use  sync.Mutex
	open func() (*kafkatest.Cluster, error)

	opened sync.Mutex // guards kafka
	kafka  *kafkatest.Cluster
}

var shared = map[int]*sharedKafka{1: newSharedKafka(1), 3: newSharedKafka(3)}

func newSharedKafka(size int) *sharedKafka {
	s := &sharedKafka{}
	s.open = sync.OnceValues(func() (*kafkatest.Cluster, error) {
		kafka, err := kafkatest.Open(kafkatest.Apache, apacheOptions(size))
		if err == nil {
			s.opened.Lock()
			s.kafka = kafka
			s.opened.Unlock()
		}
		return kafka, err
	})
	return s
}

// take waits until no other test uses the cluster, and removes what that one left.
func (s *sharedKafka) take() (*kafkatest.Cluster, func(), error) {
	s.use.Lock()
	kafka, err := s.open()
	if err == nil {
		err = prepare(kafka)
	}
	if err != nil {
		s.use.Unlock()
		return nil, nil, err
	}
	return kafka, s.use.Unlock, nil
}

func closeShared() error {
	var errs []error
	for _, s := range shared {
		s.opened.Lock()
		if s.kafka != nil {
			errs = append(errs, s.kafka.Close())
		}
		s.opened.Unlock()
	}
	return errors.Join(errs...)
}
