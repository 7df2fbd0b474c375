package fault

import (
	"os"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/test/fault/network"
)

// insideVariable says that this process has a network namespace of its own.
const insideVariable = "ORRERY_TEST_NETWORK"

// TestNetworkFaults runs TestInsideNetwork alone in a network namespace.
func TestNetworkFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no Java")
	}
	if os.Getenv(insideVariable) != "" {
		t.Skip("this is the process in the namespace")
	}
	network.Run(t, insideVariable, "^TestInsideNetwork$")
}

// outage is what happens to the network of one host: to what it sends to the other brokers, and what it gets from them,
// and the same for clients.
type outage struct {
	name                                       string
	toPeers, fromPeers, toClients, fromClients network.Condition
	soak                                       bool // it is not for make test
}

var (
	cut   = network.Condition{Cut: true}
	slow  = network.Condition{Delay: 200 * time.Millisecond, Rate: 200_000}
	lossy = network.Condition{Loss: 0.05}

	outages = []outage{
		{name: "cut from its peers", toPeers: cut, fromPeers: cut},
		{name: "cannot send to its peers", toPeers: cut, soak: true},
		{name: "cannot hear its peers", fromPeers: cut, soak: true},
		{name: "cut from clients", toClients: cut, fromClients: cut},
		{name: "cannot answer clients", toClients: cut, soak: true},
		{name: "cut from all", toPeers: cut, fromPeers: cut, toClients: cut, fromClients: cut, soak: true},
		{name: "slow to its peers", toPeers: slow, fromPeers: slow, soak: true},
		{name: "slow to clients", toClients: slow, fromClients: slow, soak: true},
		{name: "loses packets", toPeers: lossy, fromPeers: lossy, toClients: lossy, fromClients: lossy, soak: true},
	}
)

// strike does it to a host for a time. Nobody waits for recovery meanwhile: a leader that only its peers have lost goes
// on answering those who read, with nothing new, and they leave it when they next ask who leads.
func (o outage) strike(n *network.Network, struck *network.Host, duration time.Duration) {
	defer n.Heal()
	for _, peer := range n.Hosts {
		if peer != struck {
			n.Set(struck, peer, o.toPeers)
			n.Set(peer, struck, o.fromPeers)
		}
	}
	n.Set(struck, n.Here, o.toClients)
	n.Set(n.Here, struck, o.fromClients)
	<-time.After(duration)
}

// TestInsideNetwork breaks the network between hosts, on each of which is a broker with its gateway; the clients are on
// another one.
func TestInsideNetwork(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		t.Skip("TestNetworkFaults runs it in a network namespace")
	}
	duration := 8 * time.Second // brokers are missed after six
	if soak {
		duration = 30 * time.Second
	}
	n, err := network.Open(3)
	must(t, err)
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	var hosts []kafkatest.Host
	for _, h := range n.Hosts {
		hosts = append(hosts, kafkatest.Host{Address: h.Address.String(), Command: h.Command()})
	}
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3, Own: true, Processes: true, Engine: kafkatest.Apache, Hosts: hosts})
	l := startLoad(t, c)
	whole := brokers{c.Kafka.Admin(t), tenant + "_" + topic}
	for _, o := range outages {
		if o.soak && !soak {
			continue
		}
		fault{o.name, func(t *testing.T) { o.strike(n, n.Hosts[whole.leader(t)], duration) }}.run(t, l, whole)
	}
	finish(t, l)
}
