package inproc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/orrery-kafka/orrery"
)

// basePort is where the ports in the engine's own address names begin: node 2 is broker-2:9094. They are names
// only; nothing listens on a port.
const basePort = 9092

// cleanerOff is an interval of 31 years: the engine's own compaction would rewrite logs in place, which a crash
// could cut in half, and would apply retention to topics that are only compacted. See maintenance.go.
const cleanerOff = "1000000000000"

// maxSessionTimeout is Apache Kafka's default of group.max.session.timeout.ms.
const maxSessionTimeout = 30 * time.Minute

// engine is the brokers of one physical cluster: nodes of one kfake cluster, reachable only through in-memory
// connections.
//
// kfake's controller is the last node that it was opened with and never moves. So a controller that stops while
// others run takes closing and opening the cluster without it; any other node is removed and added in place.
type engine struct {
	id, dir string
	logger  *slog.Logger

	mu         sync.Mutex
	cluster    *kfake.Cluster
	controller int32
	spec       orrery.PSCSpec
	members    map[int32]bool // nodes of the kfake cluster
	running    map[int32]bool // members that accept connections
	// compactedSize is how large the compacted topics were after the last compaction; they are compacted again
	// when they have grown by as much, and at least by compactionFloor.
	compactedSize, compactionFloor int64

	doors doors
}

func newEngine(id, dir string, logger *slog.Logger) *engine {
	return &engine{
		id: id, dir: dir, logger: logger,
		members: map[int32]bool{}, running: map[int32]bool{}, compactionFloor: minCompacted,
		doors: doors{listeners: map[int32]*listener{}, open: map[int32]bool{}},
	}
}

// start makes a node run. The first one opens the data directory with all nodes of the spec, so that a start of
// the whole cluster moves no leader; the others then only open their doors.
func (e *engine) start(ctx context.Context, node int32, spec orrery.PSCSpec) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running[node] {
		return nil
	}
	e.spec = spec
	if e.cluster == nil {
		members := map[int32]bool{}
		for n := range int32(spec.Brokers) {
			members[n] = true
		}
		if err := e.open(members); err != nil {
			return err
		}
	}
	first := len(e.running) == 0
	moved := !e.members[node]
	if moved {
		if _, _, err := e.cluster.AddNode(node, basePort+int(node)); err != nil {
			return fmt.Errorf("adding broker %d: %w", node, err)
		}
		e.members[node] = true
	}
	e.running[node] = true
	e.doors.set(node, true)
	if first {
		if err := e.restoreAfterCrash(ctx); err != nil {
			e.logger.Warn("the retention of topics could not be restored yet; maintenance tries again", "error", err)
		}
	}
	if moved {
		return e.spreadLeaders(ctx)
	}
	return nil
}

// stop ends a node: its door closes, its connections are cut, its partitions get other leaders. The last running
// node takes the engine down with it, after everything is on disk.
func (e *engine) stop(ctx context.Context, node int32) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.doors.set(node, false)
	delete(e.running, node)
	if e.cluster == nil || !e.members[node] {
		return nil
	}
	if len(e.running) == 0 {
		e.shut()
		return nil
	}
	if node != e.controller {
		if err := e.cluster.RemoveNode(node); err != nil {
			return fmt.Errorf("removing broker %d: %w", node, err)
		}
		delete(e.members, node)
		return e.spreadLeaders(ctx)
	}
	members := maps.Clone(e.members)
	delete(members, node)
	e.shut()
	if err := e.open(members); err != nil {
		return err
	}
	return e.spreadLeaders(ctx)
}

// open opens the data directory with the given nodes.
func (e *engine) open(members map[int32]bool) error {
	if err := os.MkdirAll(e.dir, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	if err := recoverCompaction(e.dir, e.logger); err != nil {
		return err
	}
	last := slices.Max(slices.Collect(maps.Keys(members)))
	ports := make([]int, last+1)
	for n := range ports {
		ports[n] = basePort + n
	}
	cluster, err := kfake.NewCluster(
		kfake.Ports(ports...),
		kfake.ListenFn(e.doors.listen),
		kfake.ClusterID(e.id),
		kfake.DataDir(e.dir), kfake.SyncWrites(),
		kfake.DefaultNumPartitions(defaultPartitions(e.spec.Configuration)),
		kfake.GroupMaxSessionTimeout(maxSessionTimeout),
		kfake.BrokerConfigs(engineConfiguration(e.spec.Configuration)),
		kfake.WithLogger(engineLogger{e.logger}),
	)
	if err != nil {
		return fmt.Errorf("the data in %s cannot be opened: %w", e.dir, err)
	}
	e.cluster, e.controller, e.members = cluster, last, maps.Clone(members)
	for n := range last {
		if !members[n] {
			if err := cluster.RemoveNode(n); err != nil {
				e.shut()
				return fmt.Errorf("removing broker %d: %w", n, err)
			}
		}
	}
	return nil
}

// shut closes the engine; everything acknowledged is on disk before and after.
func (e *engine) shut() {
	if e.cluster != nil {
		e.cluster.Close()
	}
	e.cluster, e.members, e.compactedSize = nil, map[int32]bool{}, 0
}

// close stops all nodes.
func (e *engine) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, node := range slices.Sorted(maps.Keys(e.running)) {
		e.doors.set(node, false)
	}
	clear(e.running)
	e.shut()
}

// isRunning does not wait for what the engine is doing.
func (e *engine) isRunning(node int32) bool {
	e.doors.mu.Lock()
	defer e.doors.mu.Unlock()
	return e.doors.open[node]
}

// engineConfiguration is the broker configuration that the engine is opened with.
func engineConfiguration(configuration map[string]string) map[string]string {
	all := maps.Clone(configuration)
	if all == nil {
		all = map[string]string{}
	}
	delete(all, numPartitions)
	all["log.cleaner.backoff.ms"] = cleanerOff
	for key, value := range map[string]string{brokerRetentionMS: "604800000", brokerRetentionSize: noLimit} { // Apache Kafka's defaults
		if all[key] == "" {
			all[key] = value
		}
	}
	return all
}

const numPartitions = "num.partitions"

func defaultPartitions(configuration map[string]string) int {
	n, err := strconv.Atoi(configuration[numPartitions])
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// engineLogger hands kfake's messages to slog: its warnings and errors as they are, the rest for debugging.
type engineLogger struct{ logger *slog.Logger }

func (l engineLogger) Logf(level kfake.LogLevel, format string, arguments ...any) {
	at := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		at = slog.LevelError
	case kfake.LogLevelWarn:
		at = slog.LevelWarn
	}
	if l.logger.Enabled(context.Background(), at) {
		l.logger.Log(context.Background(), at, "engine: "+fmt.Sprintf(format, arguments...))
	}
}

var errClosed = errors.New("the substrate is closed")
