package substratetest

import (
	"crypto/tls"
	"fmt"
	"net"
	"reflect"
	"syscall"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

func actionsRepeat(h *harness) {
	before := h.run()
	h.makeTopic(2)
	h.produce(2, "kept")
	spec := h.suite.Spec(3, true)
	h.do(id, substrate.Create, 0, spec)
	for node := range int32(3) {
		h.do(id, substrate.StartBroker, node, spec)
		h.do(id, substrate.StartGateway, node, spec)
	}
	h.do(id, substrate.StartBalancer, 0, spec)
	h.do(id, substrate.Configure, 0, spec)
	h.same(id, before)
	h.consume(2, "kept")
	for range 2 {
		h.do(id, substrate.StopGateway, 1, spec)
	}
	h.gatewayDown(1)
	h.do(id, substrate.StartGateway, 1, spec)
	h.serving(3)
	h.same(id, before)
}

func addressesAnswer(h *harness) {
	endpoints := h.run().Endpoints
	h.answers(endpoints.Bootstrap)
	for _, b := range endpoints.Brokers {
		h.answers(net.JoinHostPort(b.Host, fmt.Sprint(b.Port)))
	}
}

// one is broker 1, or all three where there is time.
func (h *harness) one() []int32 {
	if h.suite.Whole || !h.suite.Shared {
		return []int32{0, 1, 2}
	}
	return []int32{1}
}

// Also the one that is the controller: the others go on, the data stays.
func stopAndStart(h *harness) {
	h.run()
	h.makeTopic(6)
	h.produce(6, "before")
	values := []string{"before"}
	for _, node := range h.one() {
		h.stop(node)
		h.gatewayDown(node) // it goes with its broker
		if err := h.Do(h.ctx, id, substrate.Action{Verb: substrate.StartGateway, Node: node}); err == nil {
			h.Error("a gateway was started beside a stopped broker")
		}
		during, after := "during "+string('0'+node), "after "+string('0'+node)
		h.produce(6, during)
		h.start(node)
		h.produce(6, after)
		values = append(values, during, after)
		h.consume(6, values...)
		h.inSync()
		h.run()
	}
	if h.suite.Replicas > 1 {
		return // two of three are needed for a quorum, and one of the replicas for anything
	}
	// Topics can be made whichever broker was stopped.
	h.stop(2)
	h.topics("without-2")
	h.stop(1)
	h.topics("without-1-2")
	h.start(2)
	h.stop(0)
	h.topics("without-0-1")
	h.consume(6, values...)
}

func (h *harness) topics(name string) {
	h.Helper()
	if err := h.createTopic(name); err != nil {
		h.Errorf("creating %s: %v", name, err)
	}
}

func stopAndStartAll(h *harness) {
	if h.suite.Shared && !h.suite.Whole {
		h.Skip("it takes three more starts: make soak has it")
	}
	h.run()
	h.makeTopic(3)
	h.produce(3, "before")
	for node := range int32(3) {
		h.do(id, substrate.StopBroker, node, orrery.PSCSpec{})
	}
	for node := range int32(3) {
		h.down(node)
	}
	access, err := h.Access(h.ctx, id)
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
		h.do(id, substrate.StartBroker, node, h.suite.Spec(3, true))
	}
	h.run()
	h.produce(3, "after")
	h.consume(3, "before", "after")
}

func faultStops(h *harness) {
	if h.Fault == nil {
		h.Skip("this substrate has no faults but real ones")
	}
	h.run()
	h.makeTopic(3)
	h.produce(3, "before")
	if err := h.Fault(id, 1, true, "its disk is gone"); err != nil {
		h.Fatal(err)
	}
	h.contains(h.down(1), "its disk is gone")
	err := h.Do(h.ctx, id, substrate.Action{Verb: substrate.StartBroker, Node: 1})
	if err == nil {
		h.Fatal("a broker with a fault was started")
	}
	h.contains(err.Error(), "its disk is gone")
	h.produce(3, "during")
	if err := h.Fault(id, 1, false, ""); err != nil {
		h.Fatal(err)
	}
	if h.observe(id).Brokers[1].Running {
		h.Error("lifting the fault started the broker; that is the operator's work")
	}
	h.run()
	h.consume(3, "before", "during")
}

// The next substrate on the directory finds everything; what are processes of their own it finds running.
func restart(h *harness) {
	before := h.run()
	h.makeTopic(3)
	h.produce(3, "before")
	pids := h.pids()
	if err := h.Close(); err != nil {
		h.Fatal(err)
	}
	if h.Processes != nil {
		h.answers(before.Endpoints.Bootstrap) // nobody looks after them, and they go on
	}
	h.open()
	if after := h.observe(id); !reflect.DeepEqual(after.Endpoints, before.Endpoints) || !after.Created {
		h.Errorf("the addresses were %+v and are %+v", before.Endpoints, after.Endpoints)
	}
	h.run()
	h.same(id, before)
	h.consume(3, "before")
	for what, pid := range h.pids() {
		if pids[what] != pid {
			h.Errorf("%s was process %d and is %d", what, pids[what], pid)
		}
	}
}

// pids are the processes of the running cluster, by name.
func (h *harness) pids() map[string]int {
	h.Helper()
	found := map[string]int{}
	if h.Processes == nil {
		return found
	}
	for role, nodes := range map[Role]int32{Broker: 3, Gateway: 3, Balancer: 1} {
		for node := range nodes {
			found[fmt.Sprint(role, " ", node)] = h.pid(role, node)
		}
	}
	return found
}

func (h *harness) pid(role Role, node int32) int {
	h.Helper()
	pid, err := h.Processes.PID(id, role, node)
	if err != nil {
		h.Fatal(err)
	}
	return pid
}

// shown is the number of the certificate that a broker shows on a new connection.
func (h *harness) shown(node int32) string {
	h.Helper()
	access, err := h.Access(h.ctx, id)
	if err != nil {
		h.Fatal(err)
	}
	conn, err := access.Dial(h.ctx, "tcp", access.Seeds[node])
	if err != nil {
		h.Fatal(err)
	}
	defer conn.Close()
	return conn.(interface{ ConnectionState() tls.ConnectionState }).ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func brokerCertificate(h *harness) {
	before := h.run()
	if before.Brokers[1].CertificateExpires.IsZero() {
		h.refused(id, substrate.Action{Verb: substrate.RenewBrokerCertificate, Node: 1}, orrery.UnsupportedValue)
		return
	}
	h.makeTopic(3)
	client := h.client()
	if err := client.Ping(h.ctx); err != nil {
		h.Fatal(err)
	}
	shown, pids := h.shown(1), h.pids()
	h.success(func() error { // on a busy machine a broker may take longer than an action waits
		return h.act(id, substrate.RenewBrokerCertificate, 1, orrery.PSCSpec{})
	}, "renewing the certificate of broker 1")
	if h.shown(1) == shown {
		h.Errorf("the broker shows the certificate that it had: %s, %+v", shown, h.observe(id).Brokers[1])
	}
	after := h.observe(id).Brokers[1]
	if after.CertificateExpires.Before(before.Brokers[1].CertificateExpires) || !after.Running {
		h.Errorf("observed %+v", after)
	}
	if c := after.ControllerCertificateExpires; c.Before(after.CertificateExpires) {
		h.Errorf("the controllers' certificate ends at %s", c)
	}
	if err := client.Ping(h.ctx); err != nil {
		h.Error(err)
	}
	h.produce(3, "after") // other brokers replicate from and to it
	h.inSync()
	if now := h.pids(); !reflect.DeepEqual(now, pids) {
		h.Errorf("processes were %v and are %v", pids, now)
	}
}

// What ends by itself is seen to have ended, with a reason, and can be started again; the others stay.
func kill(h *harness) {
	if h.Processes == nil {
		h.Skip("there are no processes to kill")
	}
	h.run()
	h.makeTopic(3)
	h.produce(3, "before")
	pids := h.pids()
	for _, victim := range []struct {
		role Role
		node int32
	}{{Gateway, 1}, {Balancer, 0}, {Broker, 2}} {
		if err := syscall.Kill(h.pid(victim.role, victim.node), syscall.SIGKILL); err != nil {
			h.Fatal(err)
		}
		delete(pids, fmt.Sprint(victim.role, " ", victim.node))
		h.until(fmt.Sprintf("the end of %s %d to be seen", victim.role, victim.node), func() bool {
			o := h.observe(id)
			switch victim.role {
			case Gateway:
				return !o.Gateways[victim.node].Running && o.Gateways[victim.node].Message != ""
			case Balancer:
				return !o.Balancer.Running && o.Balancer.Message != ""
			}
			b := o.Brokers[victim.node]
			return !b.Running && !b.Starting && !b.Stopping && !b.Lost && b.Message != ""
		})
	}
	h.produce(3, "during")
	endpoints := h.run().Endpoints
	h.answers(endpoints.Bootstrap)
	h.consume(3, "before", "during")
	h.inSync()
	now := h.pids()
	for what, pid := range pids {
		if now[what] != pid {
			h.Errorf("%s was process %d and is %d", what, pid, now[what])
		}
	}
}

// addAndRemove adds a broker with its gateway, and takes it away once it is stopped.
func addAndRemove(h *harness) {
	before := h.run()
	if h.Processes == nil {
		h.refused(id, substrate.Action{Verb: substrate.AddBroker, Node: 3}, orrery.UnsupportedValue)
		return
	}
	for range 2 {
		h.do(id, substrate.AddBroker, 3, h.suite.Spec(4, true))
	}
	added := h.observe(id)
	if len(added.Brokers) != 4 || len(added.Gateways) != 4 || len(added.Endpoints.Brokers) != 4 || added.Brokers[3].Running || added.Brokers[3].Node != 3 {
		h.Fatalf("observed %+v", added)
	}
	if !reflect.DeepEqual(added.Endpoints.Brokers[:3], before.Endpoints.Brokers) || !reflect.DeepEqual(added.Brokers[:3], before.Brokers) {
		h.Errorf("the others have changed: %+v", added)
	}
	h.start(3)
	h.do(id, substrate.StartGateway, 3, orrery.PSCSpec{})
	h.serving(4)
	h.answers(net.JoinHostPort(added.Endpoints.Brokers[3].Host, fmt.Sprint(added.Endpoints.Brokers[3].Port)))
	h.until("Kafka to know four brokers", func() bool {
		all, err := kadm.NewClient(h.client()).ListBrokers(h.ctx)
		return err == nil && len(all) == 4
	})
	remove := substrate.Action{Verb: substrate.RemoveBroker, Node: 3, Proof: "it holds nothing"}
	h.refused(id, remove, orrery.Unavailable) // it runs
	h.stop(3)
	remove.Proof = ""
	h.refused(id, remove, orrery.Invalid)
	h.do(id, substrate.RemoveBroker, 3, orrery.PSCSpec{})
	h.same(id, before)
}

// lostStorage is a disk that is lost and replaced: the broker joins with another directory and copies what it had.
func lostStorage(h *harness) {
	h.run()
	if h.Processes == nil {
		h.refused(id, substrate.Action{Verb: substrate.ReplaceStorage, Node: 2, Proof: "test"}, orrery.UnsupportedValue)
		return
	}
	h.makeTopic(3)
	h.produce(3, "before")
	h.inSync()
	replace := substrate.Action{Verb: substrate.ReplaceStorage, Node: 2, Proof: "it is in sync elsewhere"}
	h.refused(id, replace, orrery.Unavailable) // it runs
	h.stop(2)
	if h.observe(id).Brokers[2].Lost {
		h.Error("storage that is there is called lost")
	}
	if err := h.Processes.LoseStorage(id, 2); err != nil {
		h.Fatal(err)
	}
	if b := h.observe(id).Brokers[2]; !b.Lost || b.Message == "" {
		h.Errorf("observed %+v", b)
	}
	h.refused(id, substrate.Action{Verb: substrate.StartBroker, Node: 2, Spec: h.suite.Spec(3, true)}, orrery.Unavailable)
	replace.Proof = ""
	h.refused(id, replace, orrery.Invalid)
	h.do(id, substrate.ReplaceStorage, 2, h.suite.Spec(3, true))
	if h.observe(id).Brokers[2].Lost {
		h.Error("storage that was replaced is called lost")
	}
	h.run()
	h.produce(3, "after")
	h.inSync()
	h.consume(3, "before", "after")
}

func deletion(h *harness) {
	before := h.run()
	h.do("pkc-b", substrate.Create, 0, h.suite.Spec(1, true))
	h.refused(id, substrate.Action{Verb: substrate.Delete}, orrery.Invalid)
	pids := h.pids()
	h.do(id, substrate.Delete, 0, orrery.PSCSpec{})
	if unknown := h.observe(id); !reflect.DeepEqual(unknown, substrate.Observed{}) {
		h.Errorf("observed %+v", unknown)
	}
	for what, pid := range pids {
		h.until(fmt.Sprintf("%s, process %d, to be gone", what, pid), func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
	}
	if conn, err := net.Dial("tcp", before.Endpoints.Bootstrap); err == nil {
		conn.Close()
		h.Error("the bootstrap address of a deleted cluster accepts connections")
	}
	if !h.observe("pkc-b").Created {
		h.Error("another cluster is gone too")
	}
	// The same id again is a new cluster without the old data.
	h.do(id, substrate.Create, 0, h.suite.Spec(3, true))
	for _, b := range h.observe(id).Brokers {
		if b.Running || b.Lost || !b.CertificateExpires.IsZero() || b.Version != "" {
			h.Errorf("a new cluster has %+v", b)
		}
	}
	if h.suite.Shared && !h.suite.Whole {
		return // no more starts
	}
	h.run()
	h.makeTopic(3)
	h.produce(3, "new")
	h.consume(3, "new")
}
