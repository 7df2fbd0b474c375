package embedded

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

// hosted is what depends on the engine: on what the brokers run, and what that takes.
type hosted struct {
	// engine is orrery.EngineEmbedded or orrery.EngineApache, option how people say it (`--engine`).
	engine, option string
	substrate      string
	// patience bounds the start of what the API needs: the store, pkc-control and the link.
	patience time.Duration
	capacity orrery.Capacity
	// control is pkc-control of a new directory: one broker, no tenants.
	control orrery.PSCSpec
	open    func(*worker) error
}

// hostedBy returns what an engine takes; "" is the embedded one.
func hostedBy(name string) (hosted, error) {
	control := orrery.PSCSpec{
		Kind: orrery.KindKafka, Type: "Control", Cloud: "*", Region: "*", Profile: "control-1", Engine: name,
		Brokers: 1, Gateways: false, StorageBytes: 1 << 30, Capacity: orrery.Capacity{Brokers: 1},
	}
	switch name {
	case "", orrery.EngineEmbedded:
		control.Engine, control.Version = orrery.EngineEmbedded, "kfake"
		return hosted{
			engine: orrery.EngineEmbedded, option: "embedded", substrate: "inproc", patience: time.Minute, control: control, open: (*worker).openInproc,
			// Every active partition takes two file descriptors, and a process has some 20,000.
			capacity: orrery.Capacity{
				LogicalClusters: 2000, Partitions: 8000, Connections: 5000, Brokers: 300,
				IngressBytesPerSecond: 500e6, EgressBytesPerSecond: 500e6, StorageBytes: 100 << 40,
			},
		}, nil
	case orrery.EngineApache:
		control.Version = engine.DefaultVersion
		control.Configuration = map[string]string{ // few, for each takes files, and the link needs only some
			"offsets.topic.num.partitions": "5", "transaction.state.log.num.partitions": "5", "group.initial.rebalance.delay.ms": "0",
		}
		brokers := process.HostBrokers()
		return hosted{
			// A JVM starts in 4 s, and on a machine with twenty times as much to do as it can, in more than a minute.
			engine: orrery.EngineApache, option: "kafka", substrate: "process", patience: 5 * time.Minute, control: control, open: (*worker).openProcesses,
			capacity: orrery.Capacity{
				LogicalClusters: 2000, Partitions: 4000 * brokers, Connections: 10_000 * brokers, Brokers: brokers,
				IngressBytesPerSecond: 500e6, EgressBytesPerSecond: 500e6, StorageBytes: 100 << 40,
			},
		}, nil
	}
	return hosted{}, orrery.Errorf(orrery.Invalid, "there is no engine %q", name)
}

// chooseEngine stores the engine of a new directory, and refuses another one for a directory that was made with one.
func (d *directory) chooseEngine(wanted hosted) error {
	made := d.choices.Engine
	if made == "" && d.choices.SatelliteID != "" {
		made = orrery.EngineEmbedded // before there was a choice
	}
	if made == "" {
		d.choices.Engine = wanted.engine
		return d.save()
	}
	if made == wanted.engine {
		return nil
	}
	by, err := hostedBy(made)
	if err != nil {
		return orrery.Errorf(orrery.Invalid, "%s names an engine that this program does not know (%q): use the version of orrery that wrote it", d.join("orrery.json"), made)
	}
	return orrery.Errorf(orrery.Conflict, "the data directory %s was made with --engine %s, and what it holds cannot be used with --engine %s: start it with --engine %s, or choose another directory with --dir",
		d.path, by.option, wanted.option, by.option)
}

// install makes Apache Kafka ready, before anything that is bounded in time waits for it. tell gets what takes time.
func (h hosted) install(ctx context.Context, cache string, tell func(text string)) error {
	if h.engine != orrery.EngineApache {
		return nil
	}
	if _, err := installer(cache)(ctx, engine.DefaultVersion, lines(tell)); err != nil {
		return &orrery.Error{Code: orrery.Unavailable, Message: fmt.Sprintf("Apache Kafka %s cannot be made ready: %v", engine.DefaultVersion, err), Err: err}
	}
	return nil
}

// installer installs versions of Apache Kafka into a cache.
func installer(cache string) func(ctx context.Context, version string, progress io.Writer) (engine.Installation, error) {
	return func(ctx context.Context, version string, progress io.Writer) (engine.Installation, error) {
		return engine.Install(ctx, engine.Config{CacheDir: cache, Version: version, Progress: progress})
	}
}

// lines makes a writer of what takes lines; nil drops them.
type lines func(text string)

func (l lines) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		l.tell(strings.TrimSpace(line))
	}
	return len(text), nil
}

func (l lines) tell(text string) {
	if l != nil {
		l(text)
	}
}
