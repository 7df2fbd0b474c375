package kafkatest

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Durable is the embedded engine with its data on disk, which can be restarted as a whole, and whose clients can be cut
// off. Clients use Dial.
type Durable struct {
	*kfake.Cluster
	brokers int
	dir     string

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]bool
}

// StartDurable starts the embedded engine on a directory of the test, and ends it with the test.
func StartDurable(t testing.TB, brokers int) *Durable {
	t.Helper()
	return (&Durable{brokers: brokers, dir: t.TempDir(), conns: map[net.Conn]bool{}}).start(t)
}

func (d *Durable) start(t testing.TB) *Durable {
	t.Helper()
	d.Cluster = d.open(t)
	t.Cleanup(func() { d.Cluster.Close() })
	return d
}

// Killed is what would come up again if the engine were killed now: another one, on a copy of its files.
func (d *Durable) Killed(t testing.TB) *Durable {
	t.Helper()
	killed := &Durable{brokers: d.brokers, dir: t.TempDir(), conns: map[net.Conn]bool{}}
	if err := os.CopyFS(killed.dir, os.DirFS(d.dir)); err != nil {
		t.Fatal(err)
	}
	return killed.start(t)
}

func (d *Durable) open(t testing.TB, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(append(options, kfake.NumBrokers(d.brokers), kfake.DataDir(d.dir), kfake.SyncWrites())...)
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

// Brokers is how many there are; their node ids count from 0.
func (d *Durable) Brokers() int { return d.brokers }

// Restart stops the engine and starts it again on the same ports and data.
func (d *Durable) Restart(t testing.TB) {
	t.Helper()
	var ports []int
	for _, address := range d.ListenAddrs() {
		tcp, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, tcp.Port)
	}
	d.Cluster.Close()
	d.Cluster = d.open(t, kfake.Ports(ports...))
}

// Dial connects, unless the network is down.
func (d *Durable) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		conn.Close()
		return nil, errors.New("the network is down")
	}
	d.conns[conn] = true
	return conn, nil
}

// Cut breaks every connection of Dial, and refuses new ones while down.
func (d *Durable) Cut(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
	for conn := range d.conns {
		conn.Close()
	}
	clear(d.conns)
}
