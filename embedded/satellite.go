package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers/kafka"
	"github.com/orrery-kafka/orrery/internal/jwks"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/satellite"
)

// controlCluster is the control plane's own Kafka, which carries the link. Its desired state comes from a file
// beside the satellite and needs no link.
const controlCluster = "pkc-control"

// capacity is what one process with the embedded engine can carry. Every active partition takes two file
// descriptors, and a process has some 20,000.
var capacity = orrery.Capacity{
	LogicalClusters: 2000, Partitions: 8000, Connections: 5000, Brokers: 300,
	IngressBytesPerSecond: 500e6, EgressBytesPerSecond: 500e6, StorageBytes: 100 << 40,
}

// meterPeriod is how often what tenants use is added up and reported.
const meterPeriod = 5 * time.Second

// openSatellite starts the satellite and waits until pkc-control runs.
func (s *Server) openSatellite(ctx context.Context) error {
	local, err := s.localPSCs()
	if err != nil {
		return err
	}
	keys := jwks.New(jwks.Config{
		Networks: s.config.IdentityProviderNetworks, RootCAs: s.config.IdentityProviderCAs,
		Changed: func() { s.nudge(loopSatellite) },
	})
	s.onClose(func(context.Context) error { keys.Close(); return nil })
	s.satellite, err = satellite.New(satellite.Config{
		Satellite: orrery.Satellite{
			ID: s.directory.choices.SatelliteID, Cloud: anyOf(s.config.Cloud), Region: anyOf(s.config.Region),
			Engine: orrery.EngineEmbedded, Substrate: "inproc", Version: s.config.Version, Capacity: capacity,
		},
		Ledger: satellite.Directory(s.directory.join("satellite", "ledger")), Substrate: s.substrate, Open: kafka.Opener(s.log), Local: local,
		MeterPeriod: meterPeriod, Keys: keys, Changed: func() { s.nudge(loopSatellite); s.changed.announce() }, Logger: s.log,
	})
	if err != nil {
		return err
	}
	s.onClose(func(context.Context) error { s.satellite.Close(); return nil })
	ready := make(chan struct{}, 1)
	s.startLoops(&loop{
		name: loopSatellite, woken: s.nudges[loopSatellite], final: func(err error) bool { return errors.Is(err, link.ErrFenced) },
		step: func(ctx context.Context, now time.Time) (time.Time, error) {
			next, err := s.satellite.Step(ctx, now)
			select {
			case ready <- struct{}{}:
			default:
			}
			return next, err
		},
	})
	for {
		select {
		case <-ready:
		case <-ctx.Done():
			return s.explainControl()
		}
		if status, ok := s.satellite.Status(controlCluster); ok && status.Ready(status.ObservedGeneration) {
			return nil
		}
	}
}

// explainControl says why pkc-control does not run.
func (s *Server) explainControl() error {
	status, _ := s.satellite.Status(controlCluster)
	reason := "nothing is known about it"
	if c, ok := orrery.FindCondition(status.Conditions, orrery.ConditionReady); ok {
		reason = c.Reason + ": " + c.Message
	}
	return orrery.Errorf(orrery.Unavailable, "the control plane's own Kafka, %s, did not start within %s: %s", controlCluster, openTimeout, reason)
}

// localPSCs reads the physical clusters that need no link from DIR/satellite/local/ID.json. At the first start
// it writes the one of pkc-control.
func (s *Server) localPSCs() ([]satellite.Local, error) {
	dir := s.directory.join("satellite", "local")
	for _, d := range []string{dir, s.directory.join("satellite", "ledger")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, directoryError(s.directory.path, err)
		}
	}
	name := filepath.Join(dir, controlCluster+".json")
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		document, err := json.MarshalIndent(controlSpec(), "", "  ")
		if err != nil {
			return nil, err
		}
		if err := writeFile(name, append(document, '\n'), 0o600); err != nil {
			return nil, err
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	found := map[string]satellite.Local{}
	for _, file := range files {
		document, err := os.ReadFile(file)
		if err != nil {
			return nil, directoryError(s.directory.path, err)
		}
		id := strings.TrimSuffix(filepath.Base(file), ".json")
		local := satellite.Local{ID: id}
		if err := json.Unmarshal(document, &local.Spec); err != nil {
			return nil, orrery.Errorf(orrery.Invalid, "%s is not the JSON of a physical cluster (%v): correct it or restore it from a backup", file, err)
		}
		found[id] = local
	}
	if _, ok := found[controlCluster]; !ok {
		return nil, fmt.Errorf("%s is missing", name)
	}
	var locals []satellite.Local
	for _, id := range slices.Sorted(maps.Keys(found)) {
		locals = append(locals, found[id])
	}
	return locals, nil
}

// controlSpec is pkc-control of a new directory: one broker, no tenants.
func controlSpec() orrery.PSCSpec {
	return orrery.PSCSpec{
		Kind: orrery.KindKafka, Type: "Control", Cloud: "*", Region: "*", Profile: "control-1", Engine: orrery.EngineEmbedded, Version: "kfake",
		Brokers: 1, Gateways: false, StorageBytes: 1 << 30, Capacity: orrery.Capacity{Brokers: 1},
	}
}

func anyOf(name string) string {
	if name == "" {
		return "*"
	}
	return name
}
