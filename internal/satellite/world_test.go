package satellite_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/brokers/kafka"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/jwks"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/link/mem"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/satellite"
	"github.com/orrery-kafka/orrery/internal/substrate/inproc"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

const (
	satelliteID = "sat-test"
	patience    = time.Minute
)

// gateways returns what starts the gateway of a broker, which says to the logger what goes wrong.
func gateways(logger *slog.Logger) func(ctx context.Context, spec inproc.GatewaySpec) (inproc.Gateway, error) {
	return func(ctx context.Context, spec inproc.GatewaySpec) (inproc.Gateway, error) {
		return gatewaytest.Run(ctx, gateway.Config{
			PhysicalClusterID: spec.PhysicalClusterID, Node: spec.Node, TLS: spec.TLS,
			DialBroker: spec.DialBroker, Control: gateway.Control{Seeds: spec.Access.Seeds, Dial: spec.Access.Dial}, EmbeddedEngine: true, Now: time.Now, Logger: logger,
		})
	}
}

// world is a satellite with real brokers and gateways, and the mothership's end of its link.
type world struct {
	*testing.T
	ctx        context.Context
	dir        string
	topics     *mem.Topics
	mothership *mem.End
	nudged     chan struct{}
	local      []satellite.Local
	ahead      time.Duration // of the satellite's clock
	keys       jwks.Config
	meter      time.Duration // its period; 0 is longer than a test

	substrate *inproc.Substrate
	satellite *satellite.Satellite
	link      *mem.End
	// stepped is the satellite's time of the last step, and next when it wants the next one.
	stepped, next time.Time

	statuses map[string]orrery.Status
	received []link.Message
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	w := &world{T: t, ctx: ctx, dir: t.TempDir(), topics: mem.New(nil), nudged: make(chan struct{}, 1), statuses: map[string]orrery.Status{}}
	w.mothership = w.topics.OpenMothership(nil, satelliteID)
	return w
}

func (w *world) nudge() {
	select {
	case w.nudged <- struct{}{}:
	default:
	}
}

// start starts substrate and satellite; with a link unless the mothership is away.
func (w *world) start(connected bool) {
	w.Helper()
	root, err := pki.OpenRoot(filepath.Join(w.dir, "pki"), time.Now())
	if err != nil {
		w.Fatal(err)
	}
	intermediate, err := pki.OpenIntermediate(filepath.Join(w.dir, "intermediate"), root, "test", pki.Loopback(), time.Now())
	if err != nil {
		w.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(w.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	w.substrate, err = inproc.New(inproc.Config{
		Dir: filepath.Join(w.dir, "clusters"), Authority: intermediate, StartGateway: gateways(logger),
		Changed: func(string) { w.nudge() }, Now: time.Now, Logger: logger,
	})
	if err != nil {
		w.Fatal(err)
	}
	w.keys.Changed = w.nudge
	keys := jwks.New(w.keys)
	w.satellite, err = satellite.New(satellite.Config{
		Satellite: orrery.Satellite{ID: satelliteID, Cloud: "*", Region: "*", Engine: orrery.EngineEmbedded, Substrate: "inproc", Version: "test", Capacity: orrery.Capacity{Brokers: 30}},
		Ledger:    satellite.Directory(filepath.Join(w.dir, "ledger")), Substrate: w.substrate, Open: kafka.Opener(logger), Local: w.local, Changed: w.nudge, Logger: logger, Keys: keys, MeterPeriod: cmp.Or(w.meter, time.Hour),
	})
	if err != nil {
		w.Fatal(err)
	}
	if connected {
		w.connect()
	}
	s, sub := w.satellite, w.substrate
	w.Cleanup(func() { s.Close(); keys.Close(); sub.Close() })
}

func (w *world) connect() {
	w.link = w.topics.OpenSatellite(w.nudge, satelliteID)
	w.satellite.Connect(w.link, w.link)
}

func (w *world) stop() {
	w.Helper()
	w.satellite.Close()
	if err := w.substrate.Close(); err != nil {
		w.Fatal(err)
	}
}

func (w *world) step() {
	w.Helper()
	var err error
	w.stepped = time.Now().Add(w.ahead)
	if w.next, err = w.satellite.Step(w.ctx, w.stepped); err != nil {
		w.Logf("step: %v", err)
	}
	messages, err := w.mothership.Receive(w.ctx, 10_000)
	if err != nil {
		w.Fatal(err)
	}
	for _, m := range messages {
		w.received = append(w.received, m)
		if m.Tombstone {
			delete(w.statuses, m.Key())
			continue
		}
		if m.Kind == orrery.ReportSatellite {
			continue
		}
		var status orrery.Status
		if err := json.Unmarshal(m.Content, &status); err != nil {
			w.Fatalf("status %s: %v", m.Key(), err)
		}
		w.statuses[m.Key()] = status
	}
}

// until steps at each nudge and when a step is due, until something is so.
func (w *world) until(what string, so func() bool) {
	w.Helper()
	for w.step(); !so(); w.step() {
		select {
		case <-w.nudged:
		case <-time.After(max(time.Until(w.next.Add(-w.ahead)), time.Millisecond)):
		case <-w.ctx.Done():
			w.Fatalf("it did not happen that %s; the statuses are %+v", what, w.statuses)
		}
	}
}

// converge steps until nothing is nudged any more and the next step is far away.
func (w *world) converge() {
	w.Helper()
	for quiet := 0; quiet < 3; {
		w.step()
		select {
		case <-w.nudged:
			quiet = 0
		case <-time.After(20 * time.Millisecond):
			quiet++
		case <-w.ctx.Done():
			w.Fatal("it does not come to rest")
		}
	}
}

func (w *world) applied(key string) func() bool {
	return func() bool { return w.statuses[key].Applied }
}

func (w *world) gone(key string) func() bool {
	return func() bool { return w.statuses[key].Gone }
}

func (w *world) refused(key, with string) {
	w.Helper()
	w.until(key+" is refused", func() bool { return contains(w.statuses[key].Reason, with) })
}

func (w *world) send(messages ...link.Message) {
	w.Helper()
	if err := w.mothership.Send(w.ctx, satelliteID, messages); err != nil {
		w.Fatal(err)
	}
}

func message(kind, id string, number int64, content any) link.Message {
	encoded, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	return link.Message{Version: link.WireVersion, Kind: kind, ID: id, Generation: orrery.Generation{Term: 1, Number: number}, Content: encoded}
}

func deleted(m link.Message) link.Message {
	m.Deleted = true
	m.Generation.Number++
	return m
}

func tombstone(m link.Message) link.Message {
	return link.Message{Kind: m.Kind, ID: m.ID, Tombstone: true}
}

func pscSpec(brokerCount int) orrery.PSCSpec {
	return orrery.PSCSpec{
		Kind: orrery.KindKafka, Type: orrery.TypeMultiTenant, Cloud: "AWS", Region: "us-east-1", Profile: "kafka-1",
		Engine: orrery.EngineEmbedded, Version: "test", Brokers: brokerCount, Gateways: true, StorageBytes: 1 << 30,
	}
}

func psc(id string) link.Message { return message(orrery.DesiredPSC, id, 1, pscSpec(2)) }

func tenant(pkc, lkc string) link.Message {
	return message(orrery.DesiredTenant, lkc, 1, tenancy.Tenant{
		PhysicalClusterID: pkc, LogicalClusterID: lkc, OrganizationID: "o", EnvironmentID: "env-1",
		Type: orrery.TypeBasic, MaxPartitions: 100, ReplicationFactor: 1,
	})
}

func credential(pkc, key, lkc string) link.Message {
	return message(orrery.DesiredCredential, pkc+"/"+key, 1, tenancy.Credential{
		PhysicalClusterID: pkc, APIKeyID: key, OrganizationID: "o", LogicalClusterID: lkc, OwnerID: "u-1",
	})
}

func binding(pkc, id string) link.Message {
	return message(orrery.DesiredBinding, pkc+"/"+id, 1, tenancy.Binding{
		PhysicalClusterID: pkc, RoleBindingID: id, Principal: "User:u-1", RoleName: orrery.RoleOrganizationAdmin,
		CRNPattern: orrery.OrganizationCRN("o").String(),
	})
}

// client is a Kafka client with the platform's own access.
func (w *world) client(pkc string, options ...kgo.Opt) *kgo.Client {
	w.Helper()
	access, err := w.substrate.Access(w.ctx, pkc)
	if err != nil {
		w.Fatal(err)
	}
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(access.Seeds...), kgo.Dialer(access.Dial))...)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(client.Close)
	return client
}

// inside opens a second view of a physical cluster, independent of the satellite's.
func (w *world) inside(pkc string) brokers.Cluster {
	w.Helper()
	access, err := w.substrate.Access(w.ctx, pkc)
	if err != nil {
		w.Fatal(err)
	}
	cluster, err := kafka.Open(pkc, brokers.Access(access), slog.New(slog.DiscardHandler), func() {})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(cluster.Close)
	return cluster
}

// state returns the records of a physical cluster's _orrery_tenants, by key.
func (w *world) state(pkc string) map[string]tenancy.StateRecord {
	w.Helper()
	records, err := w.inside(pkc).ReadState(w.ctx, brokers.TopicTenants)
	if err != nil {
		w.Fatal(err)
	}
	state := map[string]tenancy.StateRecord{}
	for _, r := range records {
		var record tenancy.StateRecord
		if err := json.Unmarshal(r.Value, &record); err != nil {
			w.Fatalf("%s: %v", r.Key, err)
		}
		state[r.Key] = record
	}
	return state
}

// end is the offset at the end of a state topic: it grows with each write.
func (w *world) end(pkc, topic string) int64 {
	w.Helper()
	offsets, err := kadm.NewClient(w.client(pkc)).ListEndOffsets(w.ctx, topic)
	if err != nil {
		w.Fatal(err)
	}
	offset, _ := offsets.Lookup(topic, 0)
	return offset.Offset
}

// lease writes the record of a gateway that does not exist, as if it lived beside broker 7.
func (w *world) lease(pkc string, record tenancy.GatewayRecord) {
	w.Helper()
	record.Version, record.Node, record.Incarnation = tenancy.StateVersion, 7, "test"
	value, err := json.Marshal(record)
	if err != nil {
		w.Fatal(err)
	}
	if _, err := w.inside(pkc).WriteState(w.ctx, brokers.TopicGateways, []brokers.Record{{Key: fmt.Sprintf("gateway/%d", record.Node), Value: value}}); err != nil {
		w.Fatal(err)
	}
}
