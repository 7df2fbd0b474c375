package rest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/internal/link"
	linkmem "github.com/orrery-kafka/orrery/internal/link/mem"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/internal/store"
	storemem "github.com/orrery-kafka/orrery/internal/store/mem"
)

const satelliteID = "sat-test01"

// platform is a mothership on memory with its API on a real listener, and a satellite that reports everything as
// applied at once.
type platform struct {
	t      testing.TB
	server *httptest.Server
	store  *storemem.Store
	m      *mothership.Mothership
	log    *logBuffer
	admin  credentials
	first  mothership.BootstrapResult

	end    *linkmem.End
	deaf   atomic.Bool  // the satellite hears nothing
	ahead  atomic.Int64 // nanoseconds by which the platform's clock is ahead
	nudges chan struct{}

	mu      sync.Mutex
	changes chan struct{}
}

type credentials struct{ key, secret string }

// logBuffer is a log that a test can read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newPlatform starts a platform with an organization, an environment and an administrator's key. adjust may be
// nil; it changes the handler's Config.
func newPlatform(t testing.TB, adjust func(*Config)) *platform {
	t.Helper()
	p := &platform{t: t, store: storemem.New(), nudges: make(chan struct{}, 1), changes: make(chan struct{}), log: &logBuffer{}}
	topics := linkmem.New(nil)
	mothershipEnd := topics.OpenMothership(p.nudge, satelliteID)
	p.end = topics.OpenSatellite(p.nudge, satelliteID)
	var err error
	p.m, err = mothership.New(mothership.Config{
		Store: p.store, Desired: mothershipEnd, Statuses: mothershipEnd, Random: rand.Reader, Now: p.now,
		Nudge: func(string) { p.nudge() }, Changed: p.change,
	})
	p.must(err)
	p.admin.key, err = orrery.NewAPIKeyID(rand.Reader)
	p.must(err)
	p.admin.secret, err = orrery.NewSecret(rand.Reader)
	p.must(err)
	p.first, err = p.m.Bootstrap(t.Context(), mothership.BootstrapInput{
		OrganizationName: "acme", EnvironmentName: "default", Email: "ada@example.com", FullName: "Ada", APIKeyID: p.admin.key, Secret: p.admin.secret,
	})
	p.must(err)
	p.must(p.m.Resync(t.Context()))
	p.registerSatellite()

	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() { defer close(stopped); p.run(ctx) }()
	config := Config{
		Mothership: p.m, Changed: p.changed, Now: time.Now, Burst: 100_000, RequestsPerSecond: 100_000,
		Logger: slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if adjust != nil {
		adjust(&config)
	}
	p.server = httptest.NewServer(NewHandler(config))
	t.Cleanup(func() {
		p.server.Close()
		cancel()
		<-stopped
		p.store.Close()
	})
	return p
}

func (p *platform) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *platform) now() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }

func (p *platform) nudge() {
	select {
	case p.nudges <- struct{}{}:
	default:
	}
}

func (p *platform) change() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.changes)
	p.changes = make(chan struct{})
}

func (p *platform) changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changes
}

// run gives the loops and the satellite their turns until ctx ends.
func (p *platform) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.nudges:
		case <-timer.C:
		}
		pause := time.Second
		for _, loop := range p.m.Loops() {
			next, err := loop.Step(ctx, p.now())
			if err != nil && ctx.Err() == nil {
				p.t.Errorf("loop %s: %v", loop.Name, err)
			}
			if !next.IsZero() {
				pause = max(0, min(pause, next.Sub(p.now())))
			}
		}
		if err := p.satelliteStep(ctx); err != nil && ctx.Err() == nil {
			p.t.Errorf("satellite: %v", err)
		}
		timer.Reset(pause)
	}
}

func (p *platform) report(ctx context.Context, kind, id string, generation orrery.Generation, content any) error {
	encoded, err := json.Marshal(content)
	if err != nil {
		return err
	}
	return p.end.Send(ctx, satelliteID, []link.Message{{Version: link.WireVersion, Kind: kind, ID: id, Generation: generation, Content: encoded}})
}

func (p *platform) registerSatellite() {
	plenty := orrery.Capacity{
		LogicalClusters: 1 << 20, Partitions: 1 << 30, Connections: 1 << 30, Brokers: 1 << 20,
		IngressBytesPerSecond: 1 << 50, EgressBytesPerSecond: 1 << 50, StorageBytes: 1 << 60,
	}
	p.must(p.report(p.t.Context(), orrery.ReportSatellite, satelliteID, orrery.Generation{Term: 1, Number: 1}, orrery.Satellite{
		ID: satelliteID, Cloud: "*", Region: "*", Engine: orrery.EngineEmbedded, Substrate: "inproc", Version: "test", Capacity: plenty,
		Conditions: []orrery.Condition{{Type: orrery.ConditionReady, Status: orrery.True, Reason: "Ready"}}, ReportedAt: time.Now(),
	}))
}

// satelliteStep answers every desired record.
func (p *platform) satelliteStep(ctx context.Context) error {
	if p.deaf.Load() {
		return nil
	}
	messages, err := p.end.Receive(ctx, 1000)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if m.Tombstone {
			continue
		}
		status := orrery.Status{Generation: m.Generation, Applied: true, Gone: m.Deleted}
		if m.Kind == orrery.DesiredPSC {
			status.PSC = &orrery.PSCStatus{
				ObservedGeneration: m.Generation, Gone: m.Deleted,
				Conditions: []orrery.Condition{{Type: orrery.ConditionReady, Status: orrery.True, Reason: "Ready", Since: time.Now()}},
				Endpoints: orrery.Endpoints{Bootstrap: "127.0.0.1:19092", REST: "127.0.0.1:19093", Brokers: []orrery.BrokerEndpoint{
					{Node: 0, Host: "127.0.0.1", Port: 19094}, {Node: 1, Host: "127.0.0.1", Port: 19095}, {Node: 2, Host: "127.0.0.1", Port: 19096},
				}},
				Brokers: []orrery.BrokerStatus{{Node: 0, State: "running"}, {Node: 1, State: "running"}, {Node: 2, State: "running"}},
			}
		}
		if err := p.report(ctx, m.Kind, m.ID, m.Generation, status); err != nil {
			return err
		}
	}
	return nil
}

// listen makes the satellite hear, or not.
func (p *platform) listen(hears bool) {
	p.deaf.Store(!hears)
	p.nudge()
}

// client returns a client with some credentials.
func (p *platform) client(c credentials) *client.Client {
	return &client.Client{URL: p.server.URL, APIKey: c.key, APISecret: c.secret, HTTPClient: p.server.Client()}
}

// principal stores a user or service account with a Cloud API key and, where role is not "", that role on its
// organization, beside the API: what a platform has when the test begins.
func (p *platform) principal(organizationID, id, role string) credentials {
	p.t.Helper()
	c := credentials{}
	var err error
	c.key, err = orrery.NewAPIKeyID(rand.Reader)
	p.must(err)
	c.secret, err = orrery.NewSecret(rand.Reader)
	p.must(err)
	verifiers, err := orrery.NewVerifiers(rand.Reader, c.secret)
	p.must(err)
	usable := orrery.Lifecycle{Phase: orrery.PhaseUsable, Since: time.Now()}
	p.must(p.store.Update(p.t.Context(), func(tx store.Tx) error {
		if orrery.HasPrefix(id, orrery.PrefixUser) {
			err = tx.Users().Put(orrery.User{ID: id, OrganizationID: organizationID, Email: id + "@example.com", FullName: id, CreatedAt: time.Now()})
		} else {
			err = tx.ServiceAccounts().Put(orrery.ServiceAccount{ID: id, OrganizationID: organizationID, DisplayName: id, State: usable, CreatedAt: time.Now()})
		}
		if err != nil {
			return err
		}
		if role != "" {
			err = tx.RoleBindings().Put(orrery.RoleBinding{
				ID: "rb-" + id, OrganizationID: organizationID, Principal: orrery.Principal(id), RoleName: role,
				CRNPattern: orrery.OrganizationCRN(organizationID).String(), State: usable, CreatedAt: time.Now(),
			})
			if err != nil {
				return err
			}
		}
		return tx.APIKeys().Put(orrery.APIKey{
			ID: c.key, OrganizationID: organizationID, OwnerID: id, ResourceKind: orrery.APIKeyCloud, Verifiers: verifiers, State: usable, CreatedAt: time.Now(),
		})
	}))
	return c
}

// stranger makes another organization and its administrator.
func (p *platform) stranger() (organizationID string, c credentials) {
	p.t.Helper()
	organizationID, err := orrery.NewOrganizationID(rand.Reader)
	p.must(err)
	p.must(p.store.Update(p.t.Context(), func(tx store.Tx) error {
		return tx.Organizations().Put(orrery.Organization{ID: organizationID, DisplayName: "others", CreatedAt: time.Now()})
	}))
	return organizationID, p.principal(organizationID, "u-strange", orrery.RoleOrganizationAdmin)
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// send makes one request; header is NAME, VALUE, NAME, VALUE, …
func (p *platform) send(c credentials, method, path, body string, header ...string) reply {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.server.URL+path, strings.NewReader(body))
	p.must(err)
	if c != (credentials{}) {
		request.SetBasicAuth(c.key, c.secret)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	// Transport, and not Client, so that a redirect would be seen.
	response, err := p.server.Client().Transport.RoundTrip(request)
	p.must(err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	p.must(err)
	return reply{response.StatusCode, response.Header, string(content)}
}

// want fails the test unless the reply has a status, and a body that holds all of some texts.
func (r reply) want(t testing.TB, status int, texts ...string) reply {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	for _, text := range texts {
		if !strings.Contains(r.body, text) {
			t.Fatalf("the answer lacks %q: %s", text, r.body)
		}
	}
	return r
}

// field returns a field of the JSON body, by its dotted path; "" where there is none.
func (r reply) field(t testing.TB, path string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	for name := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(at) {
				return ""
			}
			v = at[i]
		}
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
