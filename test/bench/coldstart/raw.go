package coldstart

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/engine"
)

const listener, controllerListener = "PLAINTEXT", "CONTROLLER"

// rawNode is one JVM that is broker and controller.
type rawNode struct {
	dir, address string
	voter        engine.Voter
	ports        []*engine.Port
	process      *engine.Process
}

// startRaw formats and starts three nodes, and returns how long it was to the first acknowledged record.
func startRaw(ctx context.Context) (took time.Duration, err error) {
	installation, err := engine.Install(ctx, engine.Config{CacheDir: os.Getenv("ORRERY_ENGINE_CACHE"), Progress: os.Stderr})
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "orrery-raw")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	nodes := make([]*rawNode, replicas)
	var voters []engine.Voter
	for n := range nodes {
		if nodes[n], err = newRawNode(int32(n), filepath.Join(dir, fmt.Sprint(n))); err != nil {
			return 0, err
		}
		voters = append(voters, nodes[n].voter)
	}
	began := time.Now()
	id, err := engine.NewID(rand.Reader)
	if err != nil {
		return 0, err
	}
	defer func() {
		for _, n := range nodes {
			err = errors.Join(err, n.end())
		}
	}()
	var seeds []string
	for _, n := range nodes {
		if err := n.start(installation, id, voters); err != nil {
			return 0, err
		}
		seeds = append(seeds, n.address)
	}
	for _, n := range nodes {
		if err := engine.Await(ctx, n.address); err != nil {
			return 0, err
		}
	}
	err = firstRecord(ctx, []kgo.Opt{kgo.SeedBrokers(seeds...)}, func(string) { took = time.Since(began) })
	return took, err
}

func newRawNode(number int32, dir string) (*rawNode, error) {
	n := &rawNode{dir: dir, voter: engine.Voter{NodeID: number}}
	for _, address := range []*string{&n.address, &n.voter.Address} {
		port, err := engine.ReservePort()
		if err != nil {
			return nil, err
		}
		n.ports = append(n.ports, port)
		*address = port.Address()
	}
	var err error
	n.voter.DirectoryID, err = engine.NewID(rand.Reader)
	return n, err
}

func (n *rawNode) start(installation engine.Installation, clusterID string, voters []engine.Voter) error {
	data := filepath.Join(n.dir, "data")
	storage := engine.Storage{ClusterID: clusterID, NodeID: n.voter.NodeID, DirectoryID: n.voter.DirectoryID, ControllerListener: controllerListener, Voters: voters}
	if err := installation.Format(data, storage, time.Now()); err != nil {
		return err
	}
	properties, err := engine.Server{
		NodeID: n.voter.NodeID, DataDir: data, ControllerListener: controllerListener, InterBrokerListener: listener, Voters: voters,
		Listeners: []engine.Listener{
			{Name: listener, Protocol: "PLAINTEXT", Address: n.address}, {Name: controllerListener, Protocol: "PLAINTEXT", Address: n.voter.Address},
		},
	}.Properties()
	if err != nil {
		return err
	}
	file := filepath.Join(n.dir, "server.properties")
	if err := os.WriteFile(file, properties, 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(n.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close() // the JVM has a handle of its own
	n.process, err = installation.Start(n.dir, log, engine.JVM{}, engine.ServerClass, file)
	return err
}

// end kills the node, if it was started, and gives its ports back.
func (n *rawNode) end() (err error) {
	if n.process != nil {
		err = n.process.Kill()
	}
	for _, port := range n.ports {
		err = errors.Join(err, port.Release())
	}
	return err
}
