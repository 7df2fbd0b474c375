package inproc_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/substrate"
	"github.com/orrery-kafka/orrery/internal/substrate/inproc"
)

const patience = time.Minute

func do(t *testing.T, s *inproc.Substrate, id string, verb substrate.Verb, node int32, spec orrery.PSCSpec) {
	t.Helper()
	if err := s.Do(t.Context(), id, substrate.Action{Verb: verb, Node: node, Spec: spec, Proof: "test"}); err != nil {
		t.Fatalf("%s %s %d: %v", id, verb, node, err)
	}
}

// run brings a cluster with gateways all the way up and returns what is observed then.
func run(t *testing.T, s *inproc.Substrate, id string, brokers int) substrate.Observed {
	t.Helper()
	do(t, s, id, substrate.Create, 0, spec(brokers, true))
	do(t, s, id, substrate.RenewCertificate, 0, orrery.PSCSpec{})
	for node := range int32(brokers) {
		do(t, s, id, substrate.StartBroker, node, orrery.PSCSpec{})
		do(t, s, id, substrate.StartGateway, node, orrery.PSCSpec{})
	}
	do(t, s, id, substrate.StartBalancer, 0, orrery.PSCSpec{})
	return until(t, s, id, "all gateways serve", func(o substrate.Observed) bool {
		for _, g := range o.Gateways {
			if !g.Serving {
				return false
			}
		}
		return true
	})
}

func until(t *testing.T, s *inproc.Substrate, id, what string, so func(substrate.Observed) bool) substrate.Observed {
	t.Helper()
	var observed substrate.Observed
	poll.Success(t, func() (err error) {
		if observed, err = s.Observe(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if !so(observed) {
			return fmt.Errorf("it did not happen that %s: %+v", what, observed)
		}
		return nil
	})
	return observed
}

func trust(t *testing.T, c inproc.Config) *tls.Config {
	t.Helper()
	return &tls.Config{RootCAs: c.Authority.Root()}
}

// outside is a Kafka client that comes through the bootstrap address. The test's gateways do not translate
// addresses, so its dialer does.
func outside(t *testing.T, c inproc.Config, endpoints orrery.Endpoints) *kgo.Client {
	t.Helper()
	dialer := &tls.Dialer{Config: trust(t, c)}
	client, err := kgo.NewClient(kgo.SeedBrokers(endpoints.Bootstrap), kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		for _, b := range endpoints.Brokers {
			if strings.HasPrefix(address, fmt.Sprintf("broker-%d:", b.Node)) {
				address = net.JoinHostPort(b.Host, fmt.Sprint(b.Port))
			}
		}
		return dialer.DialContext(ctx, network, address)
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestClientsComeThroughBootstrapAndREST(t *testing.T) {
	c := config(t, t.TempDir())
	s := open(t, c)
	endpoints := run(t, s, "pkc-a", 3).Endpoints
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client := outside(t, c, endpoints)
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 6, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: "orders", Key: fmt.Append(nil, i), Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	browser := &http.Client{Transport: &http.Transport{TLSClientConfig: trust(t, c)}, Timeout: patience}
	defer browser.CloseIdleConnections()
	response, err := browser.Get("https://" + endpoints.REST + "/")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || string(body) != "pkc-a" {
		t.Errorf("Kafka REST says %q, %v", body, err)
	}
	// With one broker gone, a new client still gets in, and the broker's own port is closed.
	if err := s.Fault("pkc-a", 1, inproc.Fault{Stopped: true, Message: "test"}); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", net.JoinHostPort(endpoints.Brokers[1].Host, fmt.Sprint(endpoints.Brokers[1].Port))); err == nil {
		conn.Close()
		t.Error("the port of a stopped broker is open")
	}
	for range 10 {
		if err := outside(t, c, endpoints).Ping(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// A gateway that ends by itself is seen, with its reason, and can be started again.
func TestGatewayThatEnds(t *testing.T) {
	c := config(t, t.TempDir())
	var mu sync.Mutex
	var started []*forwarder
	changed := make(chan string, 100)
	c.Changed = func(id string) { changed <- id }
	c.StartGateway = func(ctx context.Context, spec inproc.GatewaySpec) (inproc.Gateway, error) {
		g, err := startForwarder(ctx, spec)
		mu.Lock()
		started = append(started, g.(*forwarder))
		mu.Unlock()
		return g, err
	}
	s := open(t, c)
	run(t, s, "pkc-a", 1)
	mu.Lock()
	first := started[0]
	mu.Unlock()
	for len(changed) > 0 {
		<-changed
	}
	first.fail(errTest)
	observed := until(t, s, "pkc-a", "the gateway is down", func(o substrate.Observed) bool { return !o.Gateways[0].Running })
	if !strings.Contains(observed.Gateways[0].Message, errTest.Error()) {
		t.Errorf("%+v", observed.Gateways[0])
	}
	select {
	case <-changed:
	case <-time.After(patience):
		t.Error("nobody was told")
	}
	do(t, s, "pkc-a", substrate.StartGateway, 0, orrery.PSCSpec{})
	until(t, s, "pkc-a", "the gateway serves", func(o substrate.Observed) bool { return o.Gateways[0].Serving })
}

// deaf is a gateway that stops accepting clients with a fault: those at its port, or those of the balancer.
type deaf struct {
	inproc.Gateway
	atPort bool
	fault  chan error
}

func (d deaf) Serve(l net.Listener) error {
	if _, port := l.Addr().(*net.TCPAddr); port == d.atPort {
		return <-d.fault
	}
	return d.Gateway.Serve(l)
}

// A gateway that does not accept clients any more is ended, so that it is seen and can be started again.
func TestGatewayThatStopsAccepting(t *testing.T) {
	for atPort, says := range map[bool]string{true: "accepting clients: ", false: "accepting the balancer's clients: "} {
		t.Run(says, func(t *testing.T) {
			c := config(t, t.TempDir())
			fault := make(chan error, 1)
			c.StartGateway = func(ctx context.Context, spec inproc.GatewaySpec) (inproc.Gateway, error) {
				g, err := startForwarder(ctx, spec)
				return deaf{g, atPort, fault}, err
			}
			s := open(t, c)
			t.Cleanup(func() { close(fault) }) // before the substrate closes and waits
			run(t, s, "pkc-a", 1)
			fault <- errTest
			observed := until(t, s, "pkc-a", "the gateway is down", func(o substrate.Observed) bool { return !o.Gateways[0].Running })
			if !strings.Contains(observed.Gateways[0].Message, says+errTest.Error()) {
				t.Errorf("%+v", observed.Gateways[0])
			}
			do(t, s, "pkc-a", substrate.StartGateway, 0, orrery.PSCSpec{})
			until(t, s, "pkc-a", "the gateway serves", func(o substrate.Observed) bool { return o.Gateways[0].Serving })
		})
	}
}

func TestSecondSubstrateOnOneDirectoryIsRefused(t *testing.T) {
	c := config(t, t.TempDir())
	s := open(t, c)
	if _, err := inproc.New(c); orrery.ErrorCode(err) != orrery.Conflict || !strings.Contains(err.Error(), c.Dir) {
		t.Errorf("got %v", err)
	}
	s.Close()
	open(t, c)
}

func TestBadPortRange(t *testing.T) {
	c := config(t, t.TempDir())
	for _, r := range [][2]int{{-1, 5}, {5, 4}, {1, 65536}, {0, 5}, {7, 0}} {
		c.PortsFrom, c.PortsTo = r[0], r[1]
		if _, err := inproc.New(c); orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%v: %v", r, err)
		}
	}
}

// Ports come out of the range, none twice, also not one that a stopped cluster has; when they run out, the error
// says how many are needed, and a deleted cluster gives its own back.
func TestPortRange(t *testing.T) {
	c := config(t, t.TempDir())
	c.PortsFrom, c.PortsTo = freeRange(t, 9)
	s := open(t, c)
	seen := map[string]bool{}
	for _, id := range []string{"pkc-a", "pkc-b", "pkc-c"} {
		do(t, s, id, substrate.Create, 0, spec(1, true))
		observed, err := s.Observe(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		e := observed.Endpoints
		for _, address := range []string{e.Bootstrap, e.REST, net.JoinHostPort(e.Brokers[0].Host, fmt.Sprint(e.Brokers[0].Port))} {
			_, port, _ := net.SplitHostPort(address)
			if seen[address] || port < fmt.Sprint(c.PortsFrom) || port > fmt.Sprint(c.PortsTo) {
				t.Errorf("%s has %s; the range is %d-%d", id, address, c.PortsFrom, c.PortsTo)
			}
			seen[address] = true
		}
	}
	err := s.Do(t.Context(), "pkc-d", substrate.Action{Verb: substrate.Create, Spec: spec(1, true)})
	if orrery.ErrorCode(err) != orrery.LimitExceeded || !strings.Contains(err.Error(), "needs 3 ports") {
		t.Errorf("got %v", err)
	}
	do(t, s, "pkc-b", substrate.Delete, 0, orrery.PSCSpec{})
	do(t, s, "pkc-d", substrate.Create, 0, spec(1, true))
}

// freeRange finds neighbouring ports that nobody listens on.
func freeRange(t *testing.T, count int) (from, to int) {
	t.Helper()
search:
	for from = 20000 + os.Getpid()%1000*10; from < 32000; from += count {
		for port := from; port < from+count; port++ {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(port)))
			if err != nil {
				continue search
			}
			l.Close()
		}
		return from, from + count - 1
	}
	t.Fatal("no range is free")
	return 0, 0
}

// A cluster whose record or data is damaged has an error that says what to do; the others go on.
func TestDamageStaysWithItsCluster(t *testing.T) {
	for name, c := range map[string]struct {
		file, content, want string
		atStart             bool // seen when the broker starts, not before
	}{
		"record garbage":         {"cluster.json", "\x00", "restore it from a backup", false},
		"record empty":           {"cluster.json", "", "restore it from a backup", false},
		"record of the future":   {"cluster.json", `{"format":2}`, "use the version of orrery that wrote it", false},
		"record of another":      {"cluster.json", `{"format":1,"id":"pkc-z","spec":{"brokers":1}}`, "belongs to", false},
		"record without spec":    {"cluster.json", `{"format":1,"id":"pkc-a"}`, "damaged", false},
		"data of the future":     {"data/meta.json", `{"version":99,"cluster_id":"pkc-a"}`, "cannot be opened", true},
		"data of something else": {"data/topics.json", "\x00", "cannot be opened", true},
	} {
		t.Run(name, func(t *testing.T) {
			configuration := config(t, t.TempDir())
			s := open(t, configuration)
			run(t, s, "pkc-a", 1)
			run(t, s, "pkc-b", 1)
			s.Close()
			if err := os.WriteFile(filepath.Join(configuration.Dir, "pkc-a", c.file), []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			s = open(t, configuration)
			_, err := s.Observe(t.Context(), "pkc-a")
			if c.atStart {
				err = s.Do(t.Context(), "pkc-a", substrate.Action{Verb: substrate.StartBroker})
				if observed, _ := s.Observe(t.Context(), "pkc-a"); !strings.Contains(observed.Brokers[0].Message, c.want) {
					t.Errorf("observed %+v", observed.Brokers)
				}
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want something with %q", err, c.want)
			}
			run(t, s, "pkc-b", 1)
			if ids, _ := s.List(t.Context()); len(ids) != 2 {
				t.Errorf("List: %v", ids)
			}
		})
	}
}

func TestRestOfADeletionIsRemoved(t *testing.T) {
	c := config(t, t.TempDir())
	rubbish := filepath.Join(c.Dir, ".deleted-pkc-a")
	unborn := filepath.Join(c.Dir, "pkc-b")
	for _, dir := range []string{rubbish, unborn} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, c)
	if _, err := os.Stat(rubbish); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	do(t, s, "pkc-b", substrate.Create, 0, spec(1, true)) // a crash in the middle of its creation left a directory
}

// childEnvironment makes the test binary the process that TestKill kills.
const childEnvironment = "ORRERY_TEST_PRODUCE_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnvironment); dir != "" {
		if err := produceForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// produceForever prints the number of each record once it is acknowledged.
func produceForever(dir string) error {
	root, err := pki.OpenRoot(filepath.Join(dir, "pki"), time.Now())
	if err != nil {
		return err
	}
	s, err := inproc.New(inproc.Config{Dir: filepath.Join(dir, "clusters"), Authority: root, StartGateway: startForwarder, Now: time.Now, Logger: discard})
	if err != nil {
		return err
	}
	ctx := context.Background()
	for _, a := range []substrate.Action{{Verb: substrate.Create, Spec: spec(3, false)}, {Verb: substrate.StartBroker, Node: 0}, {Verb: substrate.StartBroker, Node: 1}, {Verb: substrate.StartBroker, Node: 2}} {
		if err := s.Do(ctx, "pkc-a", a); err != nil {
			return err
		}
	}
	access, err := s.Access(ctx, "pkc-a")
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(access.Seeds...), kgo.Dialer(access.Dial), kgo.ProducerLinger(0))
	if err != nil {
		return err
	}
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 6, 1, nil, "orders"); err != nil {
		return err
	}
	var mu sync.Mutex
	for i := 0; ; i++ {
		client.Produce(ctx, &kgo.Record{Topic: "orders", Value: fmt.Append(nil, i)}, func(r *kgo.Record, err error) {
			if err == nil {
				mu.Lock()
				fmt.Printf("%s\n", r.Value)
				mu.Unlock()
			}
		})
		if i%50 == 0 {
			client.Flush(ctx)
		}
	}
}

// Every record that was acknowledged before a kill -9 is there after it.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childEnvironment+"="+dir)
	child.Stderr = t.Output()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(patience, func() { child.Process.Kill() })
	defer watchdog.Stop()
	acknowledged := map[string]bool{}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		acknowledged[lines.Text()] = true
		if len(acknowledged) == 3000 {
			child.Process.Kill()
		}
	}
	child.Wait()
	if len(acknowledged) < 3000 {
		t.Fatalf("only %d records were acknowledged", len(acknowledged))
	}
	c := config(t, dir)
	s := open(t, c)
	for node := range int32(3) {
		do(t, s, "pkc-a", substrate.StartBroker, node, orrery.PSCSpec{})
	}
	access, err := s.Access(t.Context(), "pkc-a")
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(access.Seeds...), kgo.Dialer(access.Dial), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	total := len(acknowledged)
	for len(acknowledged) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d acknowledged records are lost", len(acknowledged), total)
		}
		fetches.EachRecord(func(r *kgo.Record) { delete(acknowledged, string(r.Value)) })
	}
}
