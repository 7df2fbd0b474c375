package mothership_test

import (
	"cmp"
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	linkmem "github.com/orrery-kafka/orrery/internal/link/mem"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/internal/store"
	"github.com/orrery-kafka/orrery/internal/store/mem"
	"github.com/orrery-kafka/orrery/internal/store/sqlite"
)

const (
	satelliteID = "sat-000001"
	adminKey    = "ADMINKEYADMINKEY"
	adminSecret = "a-secret-of-at-least-thirty-two-characters"
)

// counted is a store that counts its Updates.
type counted struct {
	store.Store
	updates atomic.Int64
}

func (c *counted) Update(ctx context.Context, f func(store.Tx) error) error {
	c.updates.Add(1)
	return c.Store.Update(ctx, f)
}

// sent is a sender that counts messages.
type sent struct {
	*linkmem.End
	messages int
}

func (s *sent) Send(ctx context.Context, satelliteID string, messages []link.Message) error {
	s.messages += len(messages)
	return s.End.Send(ctx, satelliteID, messages)
}

// platform is a mothership with a store and a link of its own and one satellite that a test steers. Time moves only
// when the test says so.
type platform struct {
	*testing.T
	store     *counted
	topics    *linkmem.Topics
	down      *sent // the mothership's end
	m         *mothership.Mothership
	clock     time.Time
	random    *rand.ChaCha8
	limits    mothership.Limits
	term      int64
	satellite *satellite
	admin     mothership.Actor
	first     mothership.BootstrapResult
}

// satellite answers desired records as the test lets it.
type satellite struct {
	end   *linkmem.End
	known map[string]link.Message // the newest of each record
	// mute keeps it from reading; unready, per record key or kind, is why it answers "not applied"; keep, by kind,
	// keeps it from saying Gone.
	mute    bool
	unready map[string]string
	keep    map[string]bool
	told    map[string]string // what was last reported of each
}

type fixture struct {
	limits mothership.Limits
	sqlite bool
	bare   bool // no satellite has registered
}

func start(t *testing.T, f fixture) *platform {
	t.Helper()
	p := &platform{
		T: t, clock: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), random: rand.NewChaCha8([32]byte{1}),
		topics: linkmem.New(nil), limits: f.limits, term: 1,
	}
	var s store.Store = mem.New()
	if f.sqlite {
		var err error
		s, err = sqlite.Open(t.Context(), t.TempDir())
		p.ok(err)
	}
	p.store = &counted{Store: s}
	t.Cleanup(func() { s.Close() })
	p.satellite = &satellite{
		end: p.topics.OpenSatellite(func() {}, satelliteID), known: map[string]link.Message{},
		unready: map[string]string{}, keep: map[string]bool{}, told: map[string]string{},
	}
	p.restart()
	first, err := p.m.Bootstrap(t.Context(), mothership.BootstrapInput{
		OrganizationName: "acme", EnvironmentName: "default", Email: "ada@example.com", FullName: "Ada", APIKeyID: adminKey, Secret: adminSecret,
	})
	p.ok(err)
	p.first = first
	p.admin, err = p.m.Authenticate(t.Context(), adminKey, adminSecret)
	p.ok(err)
	if !f.bare {
		p.register("*", "*", 1000)
		p.settle()
	}
	return p
}

// restart makes a new mothership on the same store and link, as a process does that was stopped and started.
func (p *platform) restart() {
	p.Helper()
	if p.down != nil {
		p.down.Close()
	}
	p.down = &sent{End: p.topics.OpenMothership(func() {}, satelliteID)}
	var err error
	p.m, err = mothership.New(mothership.Config{
		Store: p.store, Desired: p.down, Statuses: p.down, Random: p.random, Now: func() time.Time { return p.clock },
		Limits: p.limits, Term: p.term, MaxLease: maxLease,
	})
	p.ok(err)
	p.ok(p.m.Resync(p.Context()))
}

func (p *platform) ok(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// fails checks the code of an error, and returns its text.
func (p *platform) fails(err error, code orrery.Code) string {
	p.Helper()
	if orrery.ErrorCode(err) != code {
		p.Fatalf("error %v (%s), want %s", err, orrery.ErrorCode(err), code)
	}
	return orrery.ErrorMessage(err)
}

// step runs every loop once, and then the satellite. It reports whether anything was done.
func (p *platform) step() bool {
	p.Helper()
	updates, messages := p.store.updates.Load(), p.down.messages
	for _, loop := range p.m.Loops() {
		_, err := loop.Step(p.Context(), p.clock)
		p.ok(err)
	}
	return p.answer() || p.store.updates.Load() != updates || p.down.messages != messages
}

// settle runs everything until it is quiet.
func (p *platform) settle() {
	p.Helper()
	for range 200 {
		if !p.step() {
			return
		}
	}
	p.Fatal("the platform does not come to rest")
}

func (p *platform) report(kind, id string, generation orrery.Generation, content any) {
	p.Helper()
	encoded, err := json.Marshal(content)
	p.ok(err)
	p.ok(p.satellite.end.Send(p.Context(), satelliteID, []link.Message{{
		Version: link.WireVersion, Kind: kind, ID: id, Generation: generation, Content: encoded,
	}}))
}

func (p *platform) register(cloud, region string, brokers int) {
	p.Helper()
	p.report(orrery.ReportSatellite, satelliteID, orrery.Generation{Term: 1, Number: 1}, orrery.Satellite{
		ID: satelliteID, Cloud: cloud, Region: region, Engine: orrery.EngineEmbedded, Substrate: "inproc", Version: "test",
		Capacity: orrery.Capacity{
			LogicalClusters: 1 << 20, Partitions: 1 << 30, Connections: 1 << 30, Brokers: brokers,
			IngressBytesPerSecond: 1 << 50, EgressBytesPerSecond: 1 << 50, StorageBytes: 1 << 60,
		},
		ReportedAt: p.clock,
	})
	p.report(orrery.ReportLease, satelliteID, orrery.Generation{}, orrery.Lease{RenewedAt: p.clock, Seconds: int(maxLease / time.Second)})
}

// maxLease is as long as any test.
const maxLease = 1000 * 24 * time.Hour

// answer takes in what arrived and reports what it is allowed to. It reports whether it said anything new.
func (p *platform) answer() bool {
	p.Helper()
	s := p.satellite
	if s.mute {
		return false
	}
	messages, err := s.end.Receive(p.Context(), 10_000)
	p.ok(err)
	for _, message := range messages {
		old, known := s.known[message.Key()]
		switch {
		case message.Tombstone:
			delete(s.known, message.Key())
			delete(s.told, message.Key())
			continue
		case known && message.Generation.Compare(old.Generation) < 0:
			continue
		case known && message.Generation == old.Generation && string(message.Content) != string(old.Content):
			p.Fatalf("%s: the same generation %s came with other content", message.Key(), message.Generation)
		}
		s.known[message.Key()] = message
	}
	said := false
	for _, key := range sortedKeys(s.known) {
		message := s.known[key]
		status := s.status(message, p.clock)
		text, err := json.Marshal(status)
		p.ok(err)
		if s.told[key] == string(text) {
			continue
		}
		s.told[key], said = string(text), true
		p.report(message.Kind, message.ID, message.Generation, status)
	}
	return said
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (s *satellite) status(message link.Message, _ time.Time) orrery.Status {
	reason := cmp.Or(s.unready[message.Key()], s.unready[message.Kind])
	status := orrery.Status{
		Generation: message.Generation, Applied: reason == "", Reason: reason,
		Gone: message.Deleted && reason == "" && !s.keep[message.Kind],
	}
	if message.Kind == orrery.DesiredPSC {
		ready := orrery.Condition{Type: orrery.ConditionReady, Status: orrery.True, Reason: "Serving"}
		if reason != "" {
			ready = orrery.Condition{Type: orrery.ConditionReady, Status: orrery.False, Reason: "BrokersStarting", Message: reason}
		}
		status.PSC = &orrery.PSCStatus{
			ObservedGeneration: message.Generation, Conditions: []orrery.Condition{ready}, Gone: status.Gone,
			Endpoints: orrery.Endpoints{Bootstrap: "127.0.0.1:19092", REST: "127.0.0.1:19093"},
		}
	}
	return status
}

// cluster creates a cluster and returns it without waiting.
func (p *platform) cluster(name, clusterType string) mothership.Cluster {
	p.Helper()
	in := mothership.ClusterInput{EnvironmentID: p.first.Environment.ID, DisplayName: name, Type: clusterType, Cloud: "aws", Region: "us-east-1"}
	if clusterType == orrery.TypeDedicated {
		in.CKU = 1
	}
	c, err := p.m.CreateCluster(p.Context(), p.admin, in)
	p.ok(err)
	return c
}

// usableCluster creates a cluster and waits until it is provisioned.
func (p *platform) usableCluster(name, clusterType string) mothership.Cluster {
	p.Helper()
	c := p.cluster(name, clusterType)
	p.settle()
	c, err := p.m.Cluster(p.Context(), p.admin, "", c.ID)
	p.ok(err)
	if c.State.Phase != orrery.PhaseUsable {
		p.Fatalf("cluster %s is %s: %s", name, c.State.Phase, c.State.Reason)
	}
	return c
}

func (p *platform) key(in mothership.APIKeyInput) orrery.APIKey {
	p.Helper()
	key, _, err := p.m.CreateAPIKey(p.Context(), p.admin, in)
	p.ok(err)
	return key
}

func (p *platform) keyState(id string) orrery.Lifecycle {
	p.Helper()
	state, err := p.m.APIKeyState(p.Context(), id)
	p.ok(err)
	return state
}

func (p *platform) clusterState(id string) orrery.Lifecycle {
	p.Helper()
	state, err := p.m.ClusterState(p.Context(), id)
	p.ok(err)
	return state
}

// serviceAccount creates one, with a role on a pattern where role is not "".
func (p *platform) serviceAccount(name, role string, pattern orrery.CRN) mothership.Actor {
	p.Helper()
	account, err := p.m.CreateServiceAccount(p.Context(), p.admin, mothership.ServiceAccountInput{DisplayName: name})
	p.ok(err)
	if role != "" {
		_, err = p.m.CreateRoleBinding(p.Context(), p.admin, mothership.RoleBindingInput{
			Principal: orrery.Principal(account.ID), RoleName: role, CRNPattern: pattern.String(),
		})
		p.ok(err)
		p.settle()
	}
	return mothership.Actor{OrganizationID: account.OrganizationID, PrincipalID: account.ID}
}

// stranger makes another organization with an administrator, beside the use cases.
func (p *platform) stranger() mothership.Actor {
	p.Helper()
	actor := mothership.Actor{OrganizationID: "11111111-2222-4333-8444-555555555555", PrincipalID: "u-strange"}
	p.ok(p.store.Update(p.Context(), func(tx store.Tx) error {
		if err := tx.Organizations().Put(orrery.Organization{ID: actor.OrganizationID, DisplayName: "others", CreatedAt: p.clock}); err != nil {
			return err
		}
		if err := tx.Users().Put(orrery.User{ID: actor.PrincipalID, OrganizationID: actor.OrganizationID, CreatedAt: p.clock}); err != nil {
			return err
		}
		return tx.RoleBindings().Put(orrery.RoleBinding{
			ID: "rb-strange", OrganizationID: actor.OrganizationID, Principal: orrery.Principal(actor.PrincipalID), RoleName: orrery.RoleOrganizationAdmin,
			CRNPattern: orrery.OrganizationCRN(actor.OrganizationID).String(), State: orrery.Lifecycle{Phase: orrery.PhaseUsable}, CreatedAt: p.clock,
		})
	}))
	return actor
}

func (p *platform) desired(key string) (d orrery.Desired, ok bool) {
	p.Helper()
	p.ok(p.store.View(p.Context(), func(tx store.Tx) error {
		var err error
		d, err = tx.Desired().Get(key)
		ok = err == nil
		if orrery.ErrorCode(err) == orrery.NotFound {
			err = nil
		}
		return err
	}))
	return d, ok
}
