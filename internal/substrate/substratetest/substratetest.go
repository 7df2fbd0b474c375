// Package substratetest is the suite that every substrate adapter must pass: what the operator may rely on,
// tried with real brokers and a real Kafka client.
package substratetest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// Opened is an open substrate under test.
type Opened struct {
	substrate.Substrate
	// Fault stops a broker until it is lifted: while it is there the broker does not start, and message says why.
	Fault func(id string, node int32, stopped bool, message string) error
	// Close stops everything, as at the end of the process.
	Close func() error
}

// patience bounds every wait of the suite.
const patience = time.Minute

// Suite is the conformance suite of one adapter.
type Suite struct {
	// Open opens the substrate on a directory; on the directory of one that was closed, it is the same again.
	Open func(t *testing.T, dir string) Opened
	// Spec returns a spec that the adapter can run.
	Spec func(brokers int, gateways bool) orrery.PSCSpec
}

// Run runs the suite.
func (s Suite) Run(t *testing.T) {
	for _, c := range []struct {
		name string
		test func(*harness)
	}{
		{"an unknown cluster is not there", unknownCluster},
		{"create makes storage and addresses once", createOnce},
		{"clusters do not share addresses", addressesDiffer},
		{"every action may be repeated", actionsRepeat},
		{"a broker that stops and starts keeps the data", stopAndStart},
		{"all brokers may stop and start", stopAndStartAll},
		{"a fault stops a broker until it is lifted", faultStops},
		{"a gateway goes with its broker", gatewayFollowsBroker},
		{"a restart keeps addresses and data", restart},
		{"a certificate is renewed in place", certificate},
		{"configure changes the stored spec", configure},
		{"delete leaves nothing", deletion},
		{"impossible specs are refused", refuseSpecs},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			h := &harness{T: t, suite: s, ctx: ctx, dir: t.TempDir()}
			h.open()
			c.test(h)
		})
	}
}

// harness is one test of the suite with the substrate that it has open.
type harness struct {
	*testing.T
	suite Suite
	ctx   context.Context
	dir   string
	Opened
}

func (h *harness) open() {
	h.Helper()
	h.Opened = h.suite.Open(h.T, h.dir)
	opened := h.Opened
	h.Cleanup(func() {
		if err := opened.Close(); err != nil {
			h.Errorf("closing: %v", err)
		}
	})
}

func (h *harness) do(id string, verb substrate.Verb, node int32, spec orrery.PSCSpec) {
	h.Helper()
	if err := h.Do(h.ctx, id, substrate.Action{Verb: verb, Node: node, Spec: spec, Reason: "test", Proof: "the test made it"}); err != nil {
		h.Fatalf("%s %s %d: %v", id, verb, node, err)
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

// run brings a cluster all the way up.
func (h *harness) run(id string, brokers int, gateways bool) {
	h.Helper()
	spec := h.suite.Spec(brokers, gateways)
	h.do(id, substrate.Create, 0, spec)
	for node := range int32(brokers) {
		h.do(id, substrate.StartBroker, node, spec)
	}
	if !gateways {
		return
	}
	h.do(id, substrate.RenewCertificate, 0, spec)
	for node := range int32(brokers) {
		h.do(id, substrate.StartGateway, node, spec)
	}
	h.do(id, substrate.StartBalancer, 0, spec)
	h.serving(id, brokers)
}

func (h *harness) serving(id string, want int) {
	h.Helper()
	poll.Until(h.T, fmt.Sprintf("%d gateways of %s to serve", want, id), func() bool {
		n := 0
		for _, g := range h.observe(id).Gateways {
			if g.Serving {
				n++
			}
		}
		return n == want
	})
}

// client returns a Kafka client with the platform's own access.
func (h *harness) client(id string, options ...kgo.Opt) *kgo.Client {
	h.Helper()
	access, err := h.Access(h.ctx, id)
	if err != nil {
		h.Fatal(err)
	}
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(access.Seeds...), kgo.Dialer(access.Dial), kgo.MetadataMinAge(10 * time.Millisecond)}, options...)...)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(client.Close)
	return client
}

const topic = "records"

func (h *harness) makeTopic(id string, partitions int32, replicas int16) {
	h.Helper()
	if _, err := kadm.NewClient(h.client(id)).CreateTopic(h.ctx, partitions, replicas, nil, topic); err != nil {
		h.Fatal(err)
	}
}

func (h *harness) createTopic(id, name string) error {
	_, err := kadm.NewClient(h.client(id)).CreateTopic(h.ctx, 1, 1, nil, name)
	return err
}

// produce writes one record to each of the topic's partitions and waits until all are acknowledged.
func (h *harness) produce(id string, partitions int32, value string) {
	h.Helper()
	client := h.client(id, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for p := range partitions {
		record := &kgo.Record{Topic: topic, Partition: p, Value: fmt.Appendf(nil, "%s/%d", value, p)}
		if err := client.ProduceSync(h.ctx, record).FirstErr(); err != nil {
			h.Fatalf("producing %s: %v", value, err)
		}
	}
}

// consume reads until it has seen as many records as wanted, and compares.
func (h *harness) consume(id string, partitions int32, values ...string) {
	h.Helper()
	var want []string
	for _, value := range values {
		for p := range partitions {
			want = append(want, fmt.Sprintf("%s/%d", value, p))
		}
	}
	client := h.client(id, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
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

func (h *harness) message(id string, node int32) string {
	h.Helper()
	b := h.observe(id).Brokers[node]
	if b.Running {
		h.Fatalf("broker %d of %s runs", node, id)
	}
	return b.Message
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
