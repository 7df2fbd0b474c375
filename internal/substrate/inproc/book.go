package inproc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/durable"
)

// recordFormat is the version of cluster.json that this program writes. It reads no other.
const recordFormat = 1

const recordFile = "cluster.json"

// record is cluster.json: what is kept of a physical cluster besides its data.
type record struct {
	Format    int              `json:"format"`
	ID        string           `json:"id"`
	Spec      orrery.PSCSpec   `json:"spec"`
	Endpoints orrery.Endpoints `json:"endpoints"`
	CreatedAt time.Time        `json:"created_at"`
}

func readRecord(dir, id string) (record, error) {
	path := filepath.Join(dir, recordFile)
	content, err := os.ReadFile(path)
	if err != nil {
		return record{}, fmt.Errorf("reading the record of %s: %w; restore it from a backup", id, err)
	}
	var versioned struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(content, &versioned); err != nil {
		return record{}, fmt.Errorf("%s is damaged (%w); restore it from a backup: it holds the addresses of %s", path, err, id)
	}
	if versioned.Format != recordFormat {
		return record{}, fmt.Errorf("%s has format %d and this program reads format %d; use the version of orrery that wrote it", path, versioned.Format, recordFormat)
	}
	var r record
	decoder := json.NewDecoder(bytes.NewReader(content))
	if err := decoder.Decode(&r); err != nil {
		return record{}, fmt.Errorf("%s is damaged (%w); restore it from a backup: it holds the addresses of %s", path, err, id)
	}
	if r.ID != id {
		return record{}, fmt.Errorf("%s belongs to %q, not to %s; put the directories back where they were", path, r.ID, id)
	}
	if r.Spec.Brokers < 1 || r.Spec.Brokers > maxBrokers || (r.Spec.Gateways && len(r.Endpoints.Brokers) != r.Spec.Brokers) {
		return record{}, fmt.Errorf("%s is damaged (%d brokers, %d addresses); restore it from a backup", path, r.Spec.Brokers, len(r.Endpoints.Brokers))
	}
	return r, nil
}

// write replaces cluster.json so that a crash leaves the old or the new one.
func (r record) write(dir string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the record of %s: %w", r.ID, err)
	}
	if err := durable.WriteFile(filepath.Join(dir, recordFile), append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the record of %s: %w", r.ID, err)
	}
	return nil
}

// ports returns the ports that the record reserves.
func (r record) ports() []int {
	var all []int
	for _, hostPort := range []string{r.Endpoints.Bootstrap, r.Endpoints.REST} {
		if _, text, err := net.SplitHostPort(hostPort); err == nil {
			if port, err := strconv.Atoi(text); err == nil {
				all = append(all, port)
			}
		}
	}
	for _, b := range r.Endpoints.Brokers {
		all = append(all, int(b.Port))
	}
	return all
}

// chooseEndpoints picks a port for the bootstrap address, one for Kafka REST and one for each broker: out of the
// configured range, or by the system where there is none. It takes no port that another cluster has reserved or
// another program listens on.
func (s *Substrate) chooseEndpoints(brokers int, reserved map[int]bool) (orrery.Endpoints, error) {
	ports, err := s.choosePorts(brokers+2, reserved)
	if err != nil {
		return orrery.Endpoints{}, err
	}
	endpoints := orrery.Endpoints{Bootstrap: s.hostPort(ports[0]), REST: s.hostPort(ports[1])}
	for node := range brokers {
		endpoints.Brokers = append(endpoints.Brokers, orrery.BrokerEndpoint{Node: int32(node), Host: s.config.Host, Port: int32(ports[2+node])})
	}
	return endpoints, nil
}

func (s *Substrate) hostPort(port int) string {
	return net.JoinHostPort(s.config.Host, strconv.Itoa(port))
}

// systemAttempts bounds how often the system is asked for one more port.
const systemAttempts = 1000

func (s *Substrate) choosePorts(count int, reserved map[int]bool) ([]int, error) {
	var ports []int
	var held []net.Listener // so that the system does not give a port twice
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	try := func(port int) bool {
		l, err := net.Listen("tcp", s.hostPort(port))
		if err != nil {
			return false
		}
		held = append(held, l)
		if port = l.Addr().(*net.TCPAddr).Port; !reserved[port] {
			ports = append(ports, port)
		}
		return true
	}
	if s.config.PortsTo == 0 {
		for attempt := 0; len(ports) < count && attempt < systemAttempts; attempt++ {
			try(0)
		}
		if len(ports) < count {
			return nil, orrery.Errorf(orrery.LimitExceeded, "the system gave %d of the %d ports that the cluster needs; end programs that hold ports on %s", len(ports), count, s.config.Host)
		}
		return ports, nil
	}
	taken := 0
	for port := s.config.PortsFrom; port <= s.config.PortsTo && len(ports) < count; port++ {
		if !reserved[port] && !try(port) {
			taken++
		}
	}
	if len(ports) < count {
		return nil, orrery.Errorf(orrery.LimitExceeded,
			"the cluster needs %d ports and the range %d-%d has %d left (%d of its ports are taken by other programs); start orrery with a larger --kafka-ports range, or delete a cluster",
			count, s.config.PortsFrom, s.config.PortsTo, len(ports), taken)
	}
	return ports, nil
}

// listenTCP opens a reserved port. The error says what to do about a taken one.
func listenTCP(hostPort, purpose string) (net.Listener, error) {
	l, err := net.Listen("tcp", hostPort)
	if err != nil {
		return nil, orrery.Errorf(orrery.Unavailable,
			"%s cannot listen on %s (%s); its address is stored and clients know it, so it is not changed: end the program that holds the port", purpose, hostPort, cause(err))
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
