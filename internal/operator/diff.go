package operator

import (
	"fmt"
	"maps"
	"reflect"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// View is what the operator knows besides what the substrate shows.
type View struct {
	// StateTopics is true once the state topics exist.
	StateTopics bool
}

// Diff returns what has to be done to turn what is observed into what is desired, in order: storage, brokers,
// configuration, state topics, certificate, gateways, balancer. It is empty where nothing is left to do. Each action touches at
// most one broker; a caller that carries out one at a time and looks again may use only the first.
//
// A gateway is started only beside a running broker and after the state topics; a deletion is one action,
// because the proof that it is meant was made before Deleted was set.
func Diff(desired Desired, observed substrate.Observed, view View, now time.Time) []substrate.Action {
	spec := desired.Spec
	if desired.Deleted {
		if !observed.Created {
			return nil
		}
		return []substrate.Action{{Verb: substrate.Delete, Reason: "the physical cluster was deleted", Proof: "its deletion was asked for, and it holds no tenant"}}
	}
	if !observed.Created {
		return []substrate.Action{{Verb: substrate.Create, Spec: spec, Reason: "it does not exist yet"}}
	}
	if Unchangeable(spec, observed.Spec) != "" {
		spec = observed.Spec
	}
	actions := startBrokers(observed)
	if !sameSpec(spec, observed.Spec) {
		actions = append(actions, substrate.Action{Verb: substrate.Configure, Spec: spec, Reason: "the specification changed"})
	}
	if !spec.Gateways {
		return actions
	}
	running := 0
	for _, b := range observed.Brokers {
		if b.Running {
			running++
		}
	}
	if !view.StateTopics && running > 0 && running == len(observed.Brokers) {
		actions = append(actions, substrate.Action{Verb: substrate.PrepareStateTopics, Spec: spec, Reason: "the gateways' state topics must exist"})
	}
	if certificateDue(observed, now) {
		actions = append(actions, substrate.Action{Verb: substrate.RenewCertificate, Reason: certificateReason(observed)})
	}
	if view.StateTopics {
		actions = append(actions, startGateways(observed)...)
	}
	if !observed.Balancer.Running {
		actions = append(actions, substrate.Action{Verb: substrate.StartBalancer, Reason: "the bootstrap address has no balancer"})
	}
	return actions
}

func startBrokers(observed substrate.Observed) []substrate.Action {
	var actions []substrate.Action
	for _, b := range observed.Brokers {
		if !b.Running {
			actions = append(actions, substrate.Action{Verb: substrate.StartBroker, Node: b.Node, Reason: fmt.Sprintf("broker %d does not run: %s", b.Node, b.Message)})
		}
	}
	return actions
}

// startGateways starts what does not run, and what runs and cannot serve for a reason.
func startGateways(observed substrate.Observed) []substrate.Action {
	running := map[int32]bool{}
	for _, b := range observed.Brokers {
		running[b.Node] = b.Running
	}
	var actions []substrate.Action
	for _, g := range observed.Gateways {
		if running[g.Node] && (!g.Running || (!g.Serving && g.Message != "")) {
			actions = append(actions, substrate.Action{Verb: substrate.StartGateway, Node: g.Node, Reason: fmt.Sprintf("gateway %d does not serve: %s", g.Node, g.Message)})
		}
	}
	return actions
}

// certificateDue reports whether the certificate is missing or has a third of its life left.
func certificateDue(observed substrate.Observed, now time.Time) bool {
	return observed.CertificateExpires.IsZero() || !now.Before(certificateRenewal(observed))
}

func certificateRenewal(observed substrate.Observed) time.Time {
	life := observed.CertificateExpires.Sub(observed.CertificateIssued)
	return observed.CertificateExpires.Add(-life / 3)
}

func certificateReason(observed substrate.Observed) string {
	if observed.CertificateExpires.IsZero() {
		return "the gateways have no certificate yet"
	}
	return "a third of the certificate's life is left: it runs out on " + observed.CertificateExpires.UTC().Format(time.DateOnly)
}

// Unchangeable says which change of a spec the operator cannot make yet, and "" where it can make all. The
// cluster goes on as it is until the desired spec is possible again.
func Unchangeable(desired, current orrery.PSCSpec) string {
	switch {
	case desired.Brokers != current.Brokers:
		return fmt.Sprintf("the number of brokers cannot be changed yet, from %d to %d", current.Brokers, desired.Brokers)
	case desired.Gateways != current.Gateways:
		return "gateways can neither be added nor taken away"
	case desired.Engine != current.Engine:
		return fmt.Sprintf("the engine cannot be changed from %s to %s", current.Engine, desired.Engine)
	case desired.Kind != current.Kind:
		return fmt.Sprintf("a %s cluster cannot become a %s cluster", current.Kind, desired.Kind)
	}
	return ""
}

func sameSpec(a, b orrery.PSCSpec) bool {
	if !maps.Equal(a.Configuration, b.Configuration) {
		return false
	}
	a.Configuration, b.Configuration = nil, nil
	return reflect.DeepEqual(a, b)
}
