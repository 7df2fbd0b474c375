package substratetest

import (
	"reflect"
	"slices"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

func unknownCluster(h *harness) {
	if observed := h.observe("pkc-nowhere"); !reflect.DeepEqual(observed, substrate.Observed{}) {
		h.Errorf("observed %+v", observed)
	}
	if _, err := h.Access(h.ctx, "pkc-nowhere"); orrery.ErrorCode(err) != orrery.NotFound {
		h.Errorf("Access: %v", err)
	}
	for _, verb := range []substrate.Verb{
		substrate.StartBroker, substrate.StopBroker, substrate.StartGateway, substrate.StopGateway, substrate.StartBalancer, substrate.RenewCertificate,
		substrate.Configure, substrate.AddBroker, substrate.RemoveBroker, substrate.ReplaceStorage, substrate.RenewBrokerCertificate,
	} {
		if err := h.act("pkc-nowhere", verb, 0, orrery.PSCSpec{}); orrery.ErrorCode(err) != orrery.NotFound {
			h.Errorf("%s: %v", verb, err)
		}
	}
	if err := h.Do(h.ctx, "pkc-nowhere", substrate.Action{Verb: substrate.Delete}); err != nil {
		h.Errorf("deleting what is not there: %v", err)
	}
	if ids, err := h.List(h.ctx); err != nil || len(ids) != 0 {
		h.Errorf("List: %v, %v", ids, err)
	}
}

func createOnce(h *harness) {
	spec := h.suite.Spec(3, true)
	h.do(id, substrate.Create, 0, spec)
	first := h.observe(id)
	if !first.Created || !reflect.DeepEqual(first.Spec, spec) {
		h.Errorf("observed %+v", first)
	}
	if first.Endpoints.Bootstrap == "" || first.Endpoints.REST == "" || len(first.Endpoints.Brokers) != 3 {
		h.Errorf("the addresses are %+v", first.Endpoints)
	}
	for node, b := range first.Brokers {
		if b.Running || b.Starting || b.Stopping || b.Lost || b.Node != int32(node) || b.Message == "" {
			h.Errorf("broker %d is %+v", node, b)
		}
	}
	h.do(id, substrate.Create, 0, spec)
	h.same(id, first)
	h.do("pkc-control", substrate.Create, 0, h.suite.Spec(1, false))
	if c := h.observe("pkc-control"); !reflect.DeepEqual(c.Endpoints, orrery.Endpoints{}) || len(c.Gateways) != 0 {
		h.Errorf("a cluster without gateways has addresses: %+v", c)
	}
	ids := []string{id, "pkc-control"}
	if have, err := h.List(h.ctx); err != nil || !slices.Equal(have, ids) {
		h.Errorf("List: %v, %v", have, err)
	}
	// It is the same for the next process.
	if err := h.Close(); err != nil {
		h.Fatal(err)
	}
	if _, err := h.Observe(h.ctx, id); err == nil {
		h.Error("a closed substrate can be observed")
	}
	h.open()
	if have, err := h.List(h.ctx); err != nil || !slices.Equal(have, ids) {
		h.Errorf("List: %v, %v", have, err)
	}
	h.same(id, first)
}

func addressesDiffer(h *harness) {
	seen := map[any]string{}
	for _, id := range []string{"pkc-a", "pkc-b", "pkc-c"} {
		h.do(id, substrate.Create, 0, h.suite.Spec(2, true))
		e := h.observe(id).Endpoints
		all := []any{e.Bootstrap, e.REST}
		for _, b := range e.Brokers {
			b.Node = 0
			all = append(all, b)
		}
		for _, address := range all {
			if other, taken := seen[address]; taken {
				h.Errorf("%s and %s share %v", other, id, address)
			}
			seen[address] = id
		}
	}
}

func certificate(h *harness) {
	h.do(id, substrate.Create, 0, h.suite.Spec(1, true))
	if !h.observe(id).CertificateExpires.IsZero() {
		h.Error("there is a certificate before one was asked for")
	}
	h.do(id, substrate.RenewCertificate, 0, orrery.PSCSpec{})
	o := h.observe(id)
	if !o.CertificateExpires.After(o.CertificateIssued) {
		h.Errorf("the certificate is good from %s to %s", o.CertificateIssued, o.CertificateExpires)
	}
}

func configure(h *harness) {
	h.do(id, substrate.Create, 0, h.suite.Spec(2, false))
	before := h.observe(id)
	spec := h.suite.Spec(2, false)
	spec.StorageBytes += 1 << 30
	h.do(id, substrate.Configure, 0, spec)
	if got := h.observe(id); !reflect.DeepEqual(got.Spec, spec) || !reflect.DeepEqual(got.Brokers, before.Brokers) {
		h.Errorf("observed %+v", got)
	}
	h.refused(id, substrate.Action{Verb: substrate.Configure, Spec: h.suite.Spec(2, true)}, orrery.UnsupportedValue)
}

func refuseSpecs(h *harness) {
	good := h.suite.Spec(1, true)
	for name, change := range map[string]func(*orrery.PSCSpec){
		"no brokers":     func(s *orrery.PSCSpec) { s.Brokers = 0 },
		"minus brokers":  func(s *orrery.PSCSpec) { s.Brokers = -1 },
		"a million":      func(s *orrery.PSCSpec) { s.Brokers = 1_000_000 },
		"another engine": func(s *orrery.PSCSpec) { s.Engine = "steam" },
	} {
		spec := good
		change(&spec)
		if err := h.Do(h.ctx, id, substrate.Action{Verb: substrate.Create, Spec: spec}); err == nil {
			h.Errorf("%s: it was created", name)
		}
	}
	for _, id := range []string{"", "..", "../pkc-a", "pkc-A", "pkc", "/", "pkc-a/b"} {
		if err := h.Do(h.ctx, id, substrate.Action{Verb: substrate.Create, Spec: good}); err == nil {
			h.Errorf("a cluster named %q was created", id)
		}
	}
	if ids, _ := h.List(h.ctx); len(ids) != 0 {
		h.Errorf("List: %v", ids)
	}
}

// What holds data, or could, is removed with a proof only.
func proofs(h *harness) {
	h.do(id, substrate.Create, 0, h.suite.Spec(3, true))
	before := h.observe(id)
	refused := map[substrate.Verb]orrery.Code{substrate.Delete: orrery.Invalid, substrate.RemoveBroker: orrery.Invalid, substrate.ReplaceStorage: orrery.Invalid}
	if h.Processes == nil { // it cannot do these at all
		refused[substrate.RemoveBroker], refused[substrate.ReplaceStorage] = orrery.UnsupportedValue, orrery.UnsupportedValue
	}
	for verb, code := range refused {
		h.refused(id, substrate.Action{Verb: verb, Node: 2}, code)
	}
	h.same(id, before)
	if h.Processes != nil {
		// Nor is another broker than the last one removed, nor are all of them.
		h.refused(id, substrate.Action{Verb: substrate.RemoveBroker, Node: 1, Proof: "test"}, orrery.Invalid)
		h.refused(id, substrate.Action{Verb: substrate.AddBroker, Node: 4}, orrery.Invalid)
		h.refused(id, substrate.Action{Verb: substrate.StopBroker, Node: 3}, orrery.Invalid)
		h.same(id, before)
	}
	h.do(id, substrate.Delete, 0, orrery.PSCSpec{})
	if gone := h.observe(id); !reflect.DeepEqual(gone, substrate.Observed{}) {
		h.Errorf("observed %+v", gone)
	}
}
