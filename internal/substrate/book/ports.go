package book

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/orrery-kafka/orrery"
)

// Ports are where the addresses of clusters are chosen from.
type Ports struct {
	// Host is the address to listen on.
	Host string
	// From and To are the range, both ends included; both 0: by the system.
	From, To int
}

// Check returns an Invalid error where the range is none.
func (p Ports) Check() error {
	if p.From < 0 || p.To > 65535 || p.From > p.To || (p.From == 0) != (p.To == 0) {
		return orrery.Errorf(orrery.Invalid, "the port range %d-%d is not one: it must be A-B with 1 <= A <= B <= 65535, or 0-0 for ports that the system chooses", p.From, p.To)
	}
	return nil
}

// Address is HOST:PORT.
func (p Ports) Address(port int) string { return net.JoinHostPort(p.Host, strconv.Itoa(port)) }

// Endpoints are the addresses of a cluster: the first port is the bootstrap's, the second Kafka REST's, and then each
// broker has one.
func (p Ports) Endpoints(ports []int) orrery.Endpoints {
	endpoints := orrery.Endpoints{Bootstrap: p.Address(ports[0]), REST: p.Address(ports[1])}
	for node, port := range ports[2:] {
		endpoints.Brokers = append(endpoints.Brokers, orrery.BrokerEndpoint{Node: int32(node), Host: p.Host, Port: int32(port)})
	}
	return endpoints
}

// PortsOf returns the ports of a cluster's addresses.
func PortsOf(endpoints orrery.Endpoints) []int {
	var all []int
	for _, address := range []string{endpoints.Bootstrap, endpoints.REST} {
		if _, text, err := net.SplitHostPort(address); err == nil {
			if port, err := strconv.Atoi(text); err == nil {
				all = append(all, port)
			}
		}
	}
	for _, b := range endpoints.Brokers {
		all = append(all, int(b.Port))
	}
	return all
}

// systemAttempts bounds how often the system is asked for one more port.
const systemAttempts = 1000

// Choose picks ports that no cluster has reserved and no program listens on.
func (p Ports) Choose(count int, reserved map[int]bool) ([]int, error) {
	var ports []int
	var held []net.Listener // so that the system does not give a port twice
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	try := func(port int) bool {
		l, err := net.Listen("tcp", p.Address(port))
		if err != nil {
			return false
		}
		held = append(held, l)
		if port = l.Addr().(*net.TCPAddr).Port; !reserved[port] {
			ports = append(ports, port)
		}
		return true
	}
	if p.To == 0 {
		for attempt := 0; len(ports) < count && attempt < systemAttempts; attempt++ {
			try(0)
		}
		if len(ports) < count {
			return nil, orrery.Errorf(orrery.LimitExceeded, "the system gave %d of the %d ports that the cluster needs; end programs that hold ports on %s", len(ports), count, p.Host)
		}
		return ports, nil
	}
	taken := 0
	for port := p.From; port <= p.To && len(ports) < count; port++ {
		if !reserved[port] && !try(port) {
			taken++
		}
	}
	if len(ports) < count {
		return nil, orrery.Errorf(orrery.LimitExceeded,
			"the cluster needs %d ports and the range %d-%d has %d left (%d of its ports are taken by other programs); start orrery with a larger --kafka-ports range, or delete a cluster",
			count, p.From, p.To, len(ports), taken)
	}
	return ports, nil
}

// Owners finds ports that two clusters have, which only a wrong restore can bring about.
type Owners map[int]string

// Add notes the ports of a cluster; it fails where another one has one of them.
func (o Owners) Add(id string, ports []int) error {
	var err error
	for _, port := range ports {
		if other, ok := o[port]; ok && err == nil {
			err = fmt.Errorf("%s and %s both have port %d in their %s; restore one of them from a backup", other, id, port, recordFile)
		}
		o[port] = id
	}
	return err
}

// Listen opens a reserved port. The error says what to do about a taken one.
func Listen(address, purpose string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, orrery.Errorf(orrery.Unavailable,
			"%s cannot listen on %s (%s); its address is stored and clients know it, so it is not changed: end the program that holds the port", purpose, address, cause(err))
	}
	return l, nil
}

// cause is the system's own word for why a port cannot be had.
func cause(err error) string {
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Err != nil {
		return operation.Err.Error()
	}
	return err.Error()
}
