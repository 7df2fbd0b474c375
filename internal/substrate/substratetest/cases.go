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
	for _, verb := range []substrate.Verb{substrate.StartBroker, substrate.StopBroker, substrate.StartGateway, substrate.StopGateway, substrate.StartBalancer, substrate.RenewCertificate, substrate.Configure} {
		if err := h.Do(h.ctx, "pkc-nowhere", substrate.Action{Verb: verb}); orrery.ErrorCode(err) != orrery.NotFound {
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
	h.do("pkc-a", substrate.Create, 0, spec)
	first := h.observe("pkc-a")
	if !first.Created || !reflect.DeepEqual(first.Spec, spec) {
		h.Errorf("observed %+v", first)
	}
	if first.Endpoints.Bootstrap == "" || first.Endpoints.REST == "" || len(first.Endpoints.Brokers) != 3 {
		h.Errorf("the addresses are %+v", first.Endpoints)
	}
	for node, b := range first.Brokers {
		if b.Running || b.Node != int32(node) || b.Message == "" {
			h.Errorf("broker %d is %+v", node, b)
		}
	}
	h.do("pkc-a", substrate.Create, 0, spec)
	h.same("pkc-a", first)
	h.do("pkc-control", substrate.Create, 0, h.suite.Spec(1, false))
	if c := h.observe("pkc-control"); !reflect.DeepEqual(c.Endpoints, orrery.Endpoints{}) || len(c.Gateways) != 0 {
		h.Errorf("a cluster without gateways has addresses: %+v", c)
	}
	if ids, err := h.List(h.ctx); err != nil || !slices.Equal(ids, []string{"pkc-a", "pkc-control"}) {
		h.Errorf("List: %v, %v", ids, err)
	}
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

func actionsRepeat(h *harness) {
	h.run("pkc-a", 2, true)
	h.makeTopic("pkc-a", 2, 1)
	h.produce("pkc-a", 2, "kept")
	before := h.observe("pkc-a")
	spec := h.suite.Spec(2, true)
	h.do("pkc-a", substrate.Create, 0, spec)
	for node := range int32(2) {
		h.do("pkc-a", substrate.StartBroker, node, spec)
		h.do("pkc-a", substrate.StartGateway, node, spec)
	}
	h.do("pkc-a", substrate.StartBalancer, 0, spec)
	h.do("pkc-a", substrate.Configure, 0, spec)
	h.same("pkc-a", before)
	h.consume("pkc-a", 2, "kept")
	for range 2 {
		h.do("pkc-a", substrate.StopGateway, 1, spec)
	}
	if g := h.observe("pkc-a").Gateways[1]; g.Running || g.Serving {
		h.Errorf("the gateway is %+v", g)
	}
	for range 2 {
		h.do("pkc-a", substrate.StopBroker, 1, spec)
	}
	h.message("pkc-a", 1)
	for range 2 {
		h.do("pkc-a", substrate.Delete, 0, spec)
	}
}

// Each broker in turn, also the one that is the controller: the others go on, the data stays.
func stopAndStart(h *harness) {
	h.run("pkc-a", 3, false)
	h.makeTopic("pkc-a", 6, 1)
	h.produce("pkc-a", 6, "before")
	values := []string{"before"}
	for node := range int32(3) {
		h.do("pkc-a", substrate.StopBroker, node, orrery.PSCSpec{})
		if got := h.message("pkc-a", node); got == "" {
			h.Error("there is no reason why the broker is stopped")
		}
		during, after := "during "+string('0'+node), "after "+string('0'+node)
		h.produce("pkc-a", 6, during)
		h.do("pkc-a", substrate.StartBroker, node, orrery.PSCSpec{})
		h.produce("pkc-a", 6, after)
		values = append(values, during, after)
		h.consume("pkc-a", 6, values...)
	}
	// Topics can be made whichever broker was stopped.
	h.do("pkc-a", substrate.StopBroker, 2, orrery.PSCSpec{})
	h.topics("pkc-a", "without-2")
	h.do("pkc-a", substrate.StopBroker, 1, orrery.PSCSpec{})
	h.topics("pkc-a", "without-1-2")
	h.do("pkc-a", substrate.StartBroker, 2, orrery.PSCSpec{})
	h.do("pkc-a", substrate.StopBroker, 0, orrery.PSCSpec{})
	h.topics("pkc-a", "without-0-1")
	h.consume("pkc-a", 6, values...)
}

func (h *harness) topics(id, name string) {
	h.Helper()
	if err := h.createTopic(id, name); err != nil {
		h.Errorf("creating %s: %v", name, err)
	}
}

func stopAndStartAll(h *harness) {
	h.run("pkc-a", 3, false)
	h.makeTopic("pkc-a", 3, 1)
	h.produce("pkc-a", 3, "before")
	for node := range int32(3) {
		h.do("pkc-a", substrate.StopBroker, node, orrery.PSCSpec{})
	}
	access, err := h.Access(h.ctx, "pkc-a")
	if err != nil {
		h.Fatal(err)
	}
	for _, seed := range access.Seeds {
		if c, err := access.Dial(h.ctx, "tcp", seed); err == nil {
			c.Close()
			h.Errorf("a stopped broker accepts connections at %s", seed)
		}
	}
	for node := int32(2); node >= 0; node-- {
		h.do("pkc-a", substrate.StartBroker, node, orrery.PSCSpec{})
	}
	h.produce("pkc-a", 3, "after")
	h.consume("pkc-a", 3, "before", "after")
}

func faultStops(h *harness) {
	h.run("pkc-a", 3, true)
	h.makeTopic("pkc-a", 3, 1)
	h.produce("pkc-a", 3, "before")
	if err := h.Fault("pkc-a", 1, true, "its disk is gone"); err != nil {
		h.Fatal(err)
	}
	h.contains(h.message("pkc-a", 1), "its disk is gone")
	err := h.Do(h.ctx, "pkc-a", substrate.Action{Verb: substrate.StartBroker, Node: 1})
	if err == nil {
		h.Fatal("a broker with a fault was started")
	}
	h.contains(err.Error(), "its disk is gone")
	h.produce("pkc-a", 3, "during")
	if err := h.Fault("pkc-a", 1, false, ""); err != nil {
		h.Fatal(err)
	}
	if h.observe("pkc-a").Brokers[1].Running {
		h.Error("lifting the fault started the broker; that is the operator's work")
	}
	h.do("pkc-a", substrate.StartBroker, 1, orrery.PSCSpec{})
	h.do("pkc-a", substrate.StartGateway, 1, orrery.PSCSpec{})
	h.serving("pkc-a", 3)
	h.consume("pkc-a", 3, "before", "during")
}

func gatewayFollowsBroker(h *harness) {
	h.run("pkc-a", 3, true)
	h.do("pkc-a", substrate.StopBroker, 2, orrery.PSCSpec{})
	if g := h.observe("pkc-a").Gateways[2]; g.Running || g.Serving {
		h.Errorf("the gateway of a stopped broker is %+v", g)
	}
	if err := h.Do(h.ctx, "pkc-a", substrate.Action{Verb: substrate.StartGateway, Node: 2}); err == nil {
		h.Error("a gateway was started beside a stopped broker")
	}
	h.do("pkc-a", substrate.StartBroker, 2, orrery.PSCSpec{})
	h.do("pkc-a", substrate.StartGateway, 2, orrery.PSCSpec{})
	h.serving("pkc-a", 3)
}

func restart(h *harness) {
	h.run("pkc-a", 3, true)
	h.run("pkc-control", 1, false)
	h.makeTopic("pkc-a", 3, 1)
	h.produce("pkc-a", 3, "before")
	endpoints := h.observe("pkc-a").Endpoints
	if err := h.Close(); err != nil {
		h.Fatal(err)
	}
	if _, err := h.Observe(h.ctx, "pkc-a"); err == nil {
		h.Error("a closed substrate can be observed")
	}
	h.open()
	if ids, err := h.List(h.ctx); err != nil || !slices.Equal(ids, []string{"pkc-a", "pkc-control"}) {
		h.Errorf("List: %v, %v", ids, err)
	}
	after := h.observe("pkc-a")
	if !reflect.DeepEqual(after.Endpoints, endpoints) || !after.Created {
		h.Errorf("the addresses were %+v and are %+v", endpoints, after.Endpoints)
	}
	h.run("pkc-a", 3, true)
	h.consume("pkc-a", 3, "before")
}

func certificate(h *harness) {
	h.do("pkc-a", substrate.Create, 0, h.suite.Spec(1, true))
	if !h.observe("pkc-a").CertificateExpires.IsZero() {
		h.Error("there is a certificate before one was asked for")
	}
	h.do("pkc-a", substrate.RenewCertificate, 0, orrery.PSCSpec{})
	o := h.observe("pkc-a")
	if !o.CertificateExpires.After(o.CertificateIssued) {
		h.Errorf("the certificate is good from %s to %s", o.CertificateIssued, o.CertificateExpires)
	}
}

func configure(h *harness) {
	h.run("pkc-a", 2, false)
	spec := h.suite.Spec(2, false)
	spec.StorageBytes += 1 << 30
	h.do("pkc-a", substrate.Configure, 0, spec)
	if got := h.observe("pkc-a").Spec; !reflect.DeepEqual(got, spec) {
		h.Errorf("the spec is %+v", got)
	}
	if err := h.Do(h.ctx, "pkc-a", substrate.Action{Verb: substrate.Configure, Spec: h.suite.Spec(3, false)}); err == nil {
		h.Error("the number of brokers was changed by Configure")
	}
}

func deletion(h *harness) {
	h.run("pkc-a", 2, true)
	h.run("pkc-b", 1, true)
	h.makeTopic("pkc-b", 1, 1)
	h.produce("pkc-b", 1, "kept")
	if err := h.Do(h.ctx, "pkc-a", substrate.Action{Verb: substrate.Delete}); orrery.ErrorCode(err) != orrery.Invalid || !h.observe("pkc-a").Created {
		h.Errorf("deleting without a proof: %v", err)
	}
	h.do("pkc-a", substrate.Delete, 0, orrery.PSCSpec{})
	unknown := h.observe("pkc-a")
	if !reflect.DeepEqual(unknown, substrate.Observed{}) {
		h.Errorf("observed %+v", unknown)
	}
	h.consume("pkc-b", 1, "kept")
	// The same id again is a new cluster without the old data.
	h.run("pkc-a", 2, true)
	h.makeTopic("pkc-a", 1, 1)
	h.produce("pkc-a", 1, "new")
	h.consume("pkc-a", 1, "new")
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
		if err := h.Do(h.ctx, "pkc-a", substrate.Action{Verb: substrate.Create, Spec: spec}); err == nil {
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
