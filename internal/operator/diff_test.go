package operator_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/operator"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func spec(brokers int, gateways bool) orrery.PSCSpec {
	return orrery.PSCSpec{
		Kind: orrery.KindKafka, Type: orrery.TypeMultiTenant, Cloud: "AWS", Region: "us-east-1", Profile: "kafka-1",
		Engine: orrery.EngineEmbedded, Version: "test", Brokers: brokers, Gateways: gateways, StorageBytes: 1 << 30,
	}
}

// apply is what an action means, as the port's comments say: the model that Diff is tried against.
func apply(observed substrate.Observed, view operator.View, a substrate.Action, now time.Time) (substrate.Observed, operator.View) {
	switch a.Verb {
	case substrate.Create:
		observed = substrate.Observed{Created: true, Spec: a.Spec}
		for node := range int32(a.Spec.Brokers) {
			observed.Brokers = append(observed.Brokers, substrate.Broker{Node: node})
			if a.Spec.Gateways {
				observed.Gateways = append(observed.Gateways, substrate.Gateway{Node: node})
			}
		}
	case substrate.StartBroker:
		observed.Brokers[a.Node] = substrate.Broker{Node: a.Node, Running: true}
	case substrate.StartGateway:
		observed.Gateways[a.Node] = substrate.Gateway{Node: a.Node, Running: true, Serving: true}
	case substrate.StartBalancer:
		observed.Balancer = substrate.Balancer{Running: true}
	case substrate.RenewCertificate:
		observed.CertificateIssued, observed.CertificateExpires = now, now.Add(90*24*time.Hour)
	case substrate.Configure:
		observed.Spec = a.Spec
	case substrate.PrepareStateTopics:
		view.StateTopics = true
	case substrate.Delete:
		observed, view = substrate.Observed{}, operator.View{}
	}
	return observed, view
}

// random is any state that a cluster of a spec may be found in.
func random(r *rand.Rand, s orrery.PSCSpec) (substrate.Observed, operator.View) {
	if r.IntN(5) == 0 {
		return substrate.Observed{}, operator.View{}
	}
	observed, view := apply(substrate.Observed{}, operator.View{}, substrate.Action{Verb: substrate.Create, Spec: s}, epoch)
	if r.IntN(3) == 0 {
		observed.Spec.StorageBytes++
	}
	for i := range observed.Brokers {
		observed.Brokers[i].Running = r.IntN(3) > 0
	}
	for i := range observed.Gateways {
		observed.Gateways[i].Running = observed.Brokers[i].Running && r.IntN(3) > 0
		observed.Gateways[i].Serving = observed.Gateways[i].Running && r.IntN(3) > 0
		if !observed.Gateways[i].Serving {
			observed.Gateways[i].Message = "why not"
		}
	}
	observed.Balancer.Running = r.IntN(2) == 0
	if r.IntN(2) == 0 {
		age := time.Duration(r.IntN(100*24)) * time.Hour
		observed.CertificateIssued = epoch.Add(-age)
		observed.CertificateExpires = observed.CertificateIssued.Add(90 * 24 * time.Hour)
	}
	view.StateTopics = r.IntN(2) == 0
	return observed, view
}

// Whatever is found, taking the first action of each diff leads to an empty diff, in a bounded number of actions,
// each with a reason, none beside a stopped broker.
func TestDiffConverges(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := spec(1+r.IntN(5), r.IntN(4) > 0)
		desired := operator.Desired{Spec: s, Deleted: r.IntN(5) == 0}
		observed, view := random(r, s)
		var taken []string
		for {
			actions := operator.Diff(desired, observed, view, epoch)
			if len(actions) == 0 {
				break
			}
			a := actions[0]
			taken = append(taken, fmt.Sprintf("%s/%d", a.Verb, a.Node))
			if a.Reason == "" {
				t.Fatalf("seed %d: %s has no reason", seed, a.Verb)
			}
			if a.Verb == substrate.StartGateway && (!observed.Brokers[a.Node].Running || !view.StateTopics) {
				t.Fatalf("seed %d: a gateway is started without its broker or without the state topics: %v", seed, taken)
			}
			if len(taken) > 4*s.Brokers+8 {
				t.Fatalf("seed %d: it does not converge: %v", seed, taken)
			}
			observed, view = apply(observed, view, a, epoch)
		}
		if desired.Deleted == observed.Created {
			t.Fatalf("seed %d: deleted %v, and it exists: %v", seed, desired.Deleted, observed.Created)
		}
		if desired.Deleted {
			continue
		}
		for _, b := range observed.Brokers {
			if !b.Running {
				t.Fatalf("seed %d: broker %d is stopped after %v", seed, b.Node, taken)
			}
		}
		for _, g := range observed.Gateways {
			if !g.Serving && g.Message != "" {
				t.Fatalf("seed %d: gateway %d does not serve after %v", seed, g.Node, taken)
			}
		}
	}
}

// All actions of one diff, taken together, lead there too, and in an order that works.
func TestDiffFromNothing(t *testing.T) {
	var got []string
	desired := operator.Desired{Spec: spec(3, true)}
	var observed substrate.Observed
	var view operator.View
	for {
		actions := operator.Diff(desired, observed, view, epoch)
		if len(actions) == 0 {
			break
		}
		for _, a := range actions {
			got = append(got, fmt.Sprintf("%s/%d", a.Verb, a.Node))
			observed, view = apply(observed, view, a, epoch)
		}
	}
	want := "[create/0 start-broker/0 start-broker/1 start-broker/2 renew-certificate/0 start-balancer/0 prepare-state-topics/0 start-gateway/0 start-gateway/1 start-gateway/2]"
	if fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}

func TestDiffOfOneDefect(t *testing.T) {
	whole := func() (substrate.Observed, operator.View) {
		observed, view := substrate.Observed{}, operator.View{}
		for {
			actions := operator.Diff(operator.Desired{Spec: spec(3, true)}, observed, view, epoch)
			if len(actions) == 0 {
				return observed, view
			}
			observed, view = apply(observed, view, actions[0], epoch)
		}
	}
	for name, c := range map[string]struct {
		change func(*operator.Desired, *substrate.Observed)
		now    time.Duration
		want   string
	}{
		"nothing":                  {func(*operator.Desired, *substrate.Observed) {}, 0, "[]"},
		"broker":                   {func(_ *operator.Desired, o *substrate.Observed) { o.Brokers[1].Running = false }, 0, "[start-broker/1]"},
		"gateway":                  {func(_ *operator.Desired, o *substrate.Observed) { o.Gateways[2] = substrate.Gateway{Node: 2} }, 0, "[start-gateway/2]"},
		"gateway that still reads": {func(_ *operator.Desired, o *substrate.Observed) { o.Gateways[2].Serving = false }, 0, "[]"},
		"gateway without its port": {func(_ *operator.Desired, o *substrate.Observed) {
			o.Gateways[2].Serving, o.Gateways[2].Message = false, "taken"
		}, 0, "[start-gateway/2]"},
		"balancer":      {func(_ *operator.Desired, o *substrate.Observed) { o.Balancer.Running = false }, 0, "[start-balancer/0]"},
		"configuration": {func(d *operator.Desired, _ *substrate.Observed) { d.Spec.Configuration = map[string]string{"a": "b"} }, 0, "[configure/0]"},
		// What cannot be done is not tried, and does not stop the rest.
		"more brokers":           {func(d *operator.Desired, o *substrate.Observed) { d.Spec.Brokers, o.Balancer.Running = 5, false }, 0, "[start-balancer/0]"},
		"certificate of 59 days": {func(*operator.Desired, *substrate.Observed) {}, 59 * 24 * time.Hour, "[]"},
		"certificate of 60 days": {func(*operator.Desired, *substrate.Observed) {}, 60 * 24 * time.Hour, "[renew-certificate/0]"},
		"deleted":                {func(d *operator.Desired, _ *substrate.Observed) { d.Deleted = true }, 0, "[delete/0]"},
		"deleted and gone":       {func(d *operator.Desired, o *substrate.Observed) { d.Deleted, *o = true, substrate.Observed{} }, 0, "[]"},
		"gateway of a stopped broker": {func(_ *operator.Desired, o *substrate.Observed) {
			o.Brokers[1].Running, o.Gateways[1] = false, substrate.Gateway{Node: 1}
		}, 0, "[start-broker/1]"},
	} {
		t.Run(name, func(t *testing.T) {
			observed, view := whole()
			desired := operator.Desired{Spec: spec(3, true)}
			c.change(&desired, &observed)
			got := []string{}
			for _, a := range operator.Diff(desired, observed, view, epoch.Add(c.now)) {
				got = append(got, fmt.Sprintf("%s/%d", a.Verb, a.Node))
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}
