// Package substratetest is the suite that every substrate adapter must pass: what the operator may rely on,
// tried with real brokers and a real Kafka client.
package substratetest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// Opened is an open substrate under test.
type Opened struct {
	substrate.Substrate
	// Close closes the substrate, as at the end of the process. Stop ends all that runs, and then does the same.
	Close, Stop func() error
	// Fault stops a broker until it is lifted: while it is there the broker does not start, and message says why. Nil
	// where there is none.
	Fault func(id string, node int32, stopped bool, message string) error
	// Processes is for a substrate whose brokers are processes of their own, which outlive it; nil for another one.
	Processes Processes
}

// Processes reaches the processes of a substrate behind its back.
type Processes interface {
	// PID is the process id of a broker, gateway or balancer that was started.
	PID(id string, role Role, node int32) (int, error)
	// LoseStorage removes the storage of a node that does not run.
	LoseStorage(id string, node int32) error
}

// Role is what a process does.
type Role string

// The roles.
const (
	Broker   Role = "broker"
	Gateway  Role = "gateway"
	Balancer Role = "balancer"
)

// patience bounds one case of the suite. A passing one never waits for it: on a machine with twenty times as much to do
// as it can, a broker of Apache Kafka takes minutes to start.
const patience = 6 * time.Minute

// Suite is the conformance suite of one adapter.
type Suite struct {
	// Open opens the substrate on a directory; on the directory of one that was closed, it is the same again.
	Open func(t *testing.T, dir string) Opened
	// Spec returns a spec that the adapter can run.
	Spec func(brokers int, gateways bool) orrery.PSCSpec
	// Replicas is how many brokers have a copy of each partition, so that one of three may be missing; 1 where all
	// brokers have the same storage.
	Replicas int16
	// Shared runs the cases that need brokers one after another on the same ones, for starting them takes seconds. Each
	// leaves them as it found them.
	Shared bool
	// Whole tries what takes long, too: every broker in turn, and all at once.
	Whole bool
}

// testCase is one of the suite.
type testCase struct {
	name string
	test func(*harness)
}

// still are cases that start nothing that lasts, and the others go on with a running cluster of three brokers.
var (
	still = []testCase{
		{"an unknown cluster is not there", unknownCluster},
		{"create makes storage and addresses once", createOnce},
		{"clusters do not share addresses", addressesDiffer},
		{"a certificate is renewed in place", certificate},
		{"configure changes the stored spec", configure},
		{"impossible specs are refused", refuseSpecs},
		{"storage goes only with a proof", proofs},
	}
	lively = []testCase{
		{"every action may be repeated", actionsRepeat},
		{"clients reach the brokers at every address", addressesAnswer},
		{"a restart keeps addresses and data", restart},
		{"a broker's certificate is renewed in place", brokerCertificate},
		{"what is killed is seen and started again", kill},
		{"a broker that stops and starts keeps the data, and its gateway goes with it", stopAndStart},
		{"all brokers may stop and start", stopAndStartAll},
		{"a fault stops a broker until it is lifted", faultStops},
		{"a broker comes and goes", addAndRemove},
		{"storage that is lost is made anew", lostStorage},
		{"delete leaves nothing", deletion},
	}
)

// Run runs the suite.
func (s Suite) Run(t *testing.T) {
	for _, c := range still {
		t.Run(c.name, func(t *testing.T) {
			c.test(s.harness(t, &session{dir: t.TempDir(), owner: t}, "still"))
		})
	}
	if s.Shared && testing.Short() {
		t.Log("-short: the cases that start brokers are left out")
		return
	}
	shared := &session{owner: t}
	for i, c := range lively {
		t.Run(c.name, func(t *testing.T) {
			session := shared
			if !s.Shared {
				session.owner, session.Opened = t, Opened{}
			}
			if session.Substrate == nil {
				session.dir = t.TempDir()
				if s.Shared {
					session.dir = session.owner.TempDir()
				}
			}
			c.test(s.harness(t, session, fmt.Sprintf("records-%d", i)))
		})
	}
}

// session is an open substrate, of one case or of several.
type session struct {
	dir   string
	owner *testing.T // whose end is that of the session
	Opened
}

// harness is one test of the suite with the substrate that it has open.
type harness struct {
	*testing.T
	*session
	suite Suite
	ctx   context.Context
	topic string
}

func (s Suite) harness(t *testing.T, session *session, topic string) *harness {
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("the case took too long"))
	t.Cleanup(cancel)
	h := &harness{T: t, session: session, suite: s, ctx: ctx, topic: topic}
	if session.Substrate == nil {
		h.open()
	}
	return h
}

// open opens the substrate, and has it ended with all that runs.
func (h *harness) open() {
	h.Helper()
	opened := h.suite.Open(h.owner, h.dir)
	h.Opened = opened
	h.owner.Cleanup(func() {
		if err := opened.Stop(); err != nil {
			h.owner.Errorf("stopping everything: %v", err)
		}
	})
}

func (h *harness) do(id string, verb substrate.Verb, node int32, spec orrery.PSCSpec) {
	h.Helper()
	if err := h.act(id, verb, node, spec); err != nil {
		h.Fatalf("%s %s %d: %v", id, verb, node, err)
	}
}

// act does an action with a proof.
func (h *harness) act(id string, verb substrate.Verb, node int32, spec orrery.PSCSpec) error {
	return h.Do(h.ctx, id, substrate.Action{Verb: verb, Node: node, Spec: spec, Reason: "test", Proof: "the test made it"})
}

// refused does an action and wants an error.
func (h *harness) refused(id string, action substrate.Action, code orrery.Code) {
	h.Helper()
	if err := h.Do(h.ctx, id, action); orrery.ErrorCode(err) != code {
		h.Errorf("%s %d (proof %q): got %v, want an error %s", action.Verb, action.Node, action.Proof, err, code)
	}
}

func (h *harness) observe(id string) substrate.Observed {
	h.Helper()
	observed, err := h.Observe(h.ctx, id)
	if err != nil {
		h.Fatalf("observing %s: %v", id, err)
	}
	return observed
}

// until waits for what takes its time, as long as the case may.
func (h *harness) until(what string, holds func() bool) {
	h.Helper()
	h.success(func() error {
		if !holds() {
			return errors.New("it does not")
		}
		return nil
	}, "waiting for %s", what)
}

func (h *harness) success(attempt func() error, format string, args ...any) {
	h.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := attempt()
		if err == nil {
			return
		}
		select {
		case <-h.ctx.Done():
			h.Fatalf("%s: %v, at last %v", fmt.Sprintf(format, args...), context.Cause(h.ctx), err)
		case <-tick.C:
		}
	}
}

const id = "pkc-a"

// run brings a cluster of three brokers all the way up, or finds that it is.
func (h *harness) run() substrate.Observed {
	h.Helper()
	spec := h.suite.Spec(3, true)
	h.do(id, substrate.Create, 0, spec)
	for node := range int32(3) {
		h.do(id, substrate.StartBroker, node, spec)
	}
	for node := range int32(3) {
		h.running(node)
	}
	if h.observe(id).CertificateExpires.IsZero() {
		h.do(id, substrate.RenewCertificate, 0, spec)
	}
	for node := range int32(3) {
		h.do(id, substrate.StartGateway, node, spec)
	}
	h.do(id, substrate.StartBalancer, 0, spec)
	h.serving(3)
	return h.observe(id)
}

// running waits until a broker runs.
func (h *harness) running(node int32) {
	h.Helper()
	h.success(func() error {
		b := h.observe(id).Brokers[node]
		if !b.Running && !b.Starting {
			h.Fatalf("broker %d does not run: %s", node, b.Message)
		}
		if !b.Running {
			return errors.New(b.Message)
		}
		return nil
	}, "waiting for broker %d to run", node)
}

// down waits until a broker has stopped, and returns why.
func (h *harness) down(node int32) string {
	h.Helper()
	var b substrate.Broker
	h.until(fmt.Sprintf("broker %d to be down", node), func() bool {
		b = h.observe(id).Brokers[node]
		return !b.Running && !b.Stopping && !b.Starting
	})
	if b.Message == "" {
		h.Error("there is no reason why the broker is stopped")
	}
	return b.Message
}

// stop stops a broker and waits until it is down.
func (h *harness) stop(node int32) string {
	h.Helper()
	h.do(id, substrate.StopBroker, node, orrery.PSCSpec{})
	return h.down(node)
}

// start starts a broker and waits until it runs.
func (h *harness) start(node int32) {
	h.Helper()
	h.do(id, substrate.StartBroker, node, h.suite.Spec(3, true))
	h.running(node)
}

func (h *harness) serving(want int) {
	h.Helper()
	h.until(fmt.Sprintf("%d gateways to serve", want), func() bool {
		n := 0
		for _, g := range h.observe(id).Gateways {
			if g.Serving {
				n++
			}
		}
		return n == want
	})
}

// gatewayDown waits until a gateway has ended.
func (h *harness) gatewayDown(node int32) {
	h.Helper()
	h.until(fmt.Sprintf("gateway %d to be down", node), func() bool {
		g := h.observe(id).Gateways[node]
		return !g.Running && !g.Serving
	})
}

// client returns a Kafka client with the platform's own access.
func (h *harness) client(options ...kgo.Opt) *kgo.Client {
	h.Helper()
	access, err := h.Access(h.ctx, id)
	if err != nil {
		h.Fatal(err)
	}
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(access.Seeds...), kgo.Dialer(access.Dial), kgo.MetadataMinAge(10 * time.Millisecond),
		kgo.UnknownTopicRetries(-1), // a broker hears of a new topic a little later than whoever made it
	}, options...)...)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(client.Close)
	return client
}

// makeTopic makes the case's topic.
func (h *harness) makeTopic(partitions int32) {
	h.Helper()
	h.success(func() error {
		_, err := kadm.NewClient(h.client()).CreateTopic(h.ctx, partitions, h.suite.Replicas, nil, h.topic)
		return err
	}, "making the topic %s", h.topic)
}

func (h *harness) createTopic(name string) error {
	_, err := kadm.NewClient(h.client()).CreateTopic(h.ctx, 1, 1, nil, name)
	return err
}

// produce writes one record to each of the topic's partitions and waits until all are acknowledged.
func (h *harness) produce(partitions int32, value string) {
	h.Helper()
	client := h.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for p := range partitions {
		record := &kgo.Record{Topic: h.topic, Partition: p, Value: fmt.Appendf(nil, "%s/%d", value, p)}
		if err := client.ProduceSync(h.ctx, record).FirstErr(); err != nil {
			h.Fatalf("producing %s: %v", value, err)
		}
	}
}

// consume reads until it has seen as many records as wanted, and compares.
func (h *harness) consume(partitions int32, values ...string) {
	h.Helper()
	var want []string
	for _, value := range values {
		for p := range partitions {
			want = append(want, fmt.Sprintf("%s/%d", value, p))
		}
	}
	client := h.client(kgo.ConsumeTopics(h.topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var got []string
	for len(got) < len(want) {
		fetches := client.PollFetches(h.ctx)
		if h.ctx.Err() != nil {
			h.Fatalf("got only %v of %v", got, want)
		}
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		h.Fatalf("got %v, want %v", got, want)
	}
}

// inSync waits until every partition of the case's topic has all of its replicas in sync, on a number of brokers.
func (h *harness) inSync() {
	h.Helper()
	admin := kadm.NewClient(h.client())
	h.success(func() error {
		topics, err := admin.ListTopics(h.ctx, h.topic)
		if err != nil {
			return err
		}
		for _, p := range topics[h.topic].Partitions.Sorted() {
			if len(p.ISR) != int(h.suite.Replicas) {
				return fmt.Errorf("partition %d is in sync on %v", p.Partition, p.ISR)
			}
		}
		return topics.Error()
	}, "waiting for the replicas of %s", h.topic)
}

func (h *harness) contains(got, want string) {
	h.Helper()
	if !strings.Contains(got, want) {
		h.Errorf("got %q, want something with %q", got, want)
	}
}

func (h *harness) same(id string, before substrate.Observed) {
	h.Helper()
	if after := h.observe(id); !reflect.DeepEqual(before, after) {
		h.Errorf("what is observed has changed:\nbefore %+v\nafter  %+v", before, after)
	}
}

// answers waits until a client that connects to a public address, with TLS, hears from a broker.
func (h *harness) answers(address string) {
	h.Helper()
	h.success(func() error {
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // who it is, other tests look at
		conn, err := dialer.DialContext(h.ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer conn.Close()
		return askVersions(conn)
	}, "connecting to %s", address)
}

// askVersions sends ApiVersions, version 0, and wants an answer without an error.
func askVersions(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff}); err != nil {
		return err
	}
	answer := make([]byte, 10) // its size, the number of the request, an error code
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if answer[7] != 7 || answer[8] != 0 || answer[9] != 0 {
		return fmt.Errorf("the answer is %v", answer)
	}
	return nil
}
