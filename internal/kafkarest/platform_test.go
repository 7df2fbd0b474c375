package kafkarest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/kafkarest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

const (
	physicalID = "pkc-000001"
	organizer  = "u-admin1" // OrganizationAdmin of orgA
	stranger   = "sa-none11"
	orgA, orgB = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	lkcA, lkcB = "lkc-aaaaaa", "lkc-bbbbbb"
	timeout    = time.Minute
)

// key is an API key and its secret.
type key struct{ id, secret string }

// The API keys of the tests.
var (
	keyA       = key{"KEYAAAAAAAAAAAAA", "secret of a"}
	keyB       = key{"KEYBBBBBBBBBBBBB", "secret of b"}
	cloudKeyA  = key{"CLOUDAAAAAAAAAAA", "cloud secret of a"}
	keyNoRight = key{"KEYNORIGHTAAAAAA", "secret without rights"}
)

// platform is Kafka REST in front of a real gateway in front of a real engine of three brokers.
type platform struct {
	t       testing.TB
	engine  *kfake.Cluster
	control *kgo.Client // the platform's own connection to the engine
	gateway *gateway.Gateway
	rest    *kafkarest.Handler
	server  *httptest.Server
}

func start(t testing.TB) *platform {
	t.Helper()
	return startWith(t, func(*gateway.Config) {})
}

// startWith is start with a gateway that is configured otherwise.
func startWith(t testing.TB, configure func(*gateway.Config)) *platform {
	t.Helper()
	engine, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	control, err := kgo.NewClient(kgo.SeedBrokers(engine.ListenAddrs()...), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(control.Close)
	compacted := "compact"
	for _, topic := range []string{"_orrery_tenants", "_orrery_gateways", "_orrery_acls"} {
		if _, err := kadm.NewClient(control).CreateTopic(t.Context(), 1, 3, map[string]*string{"cleanup.policy": &compacted}, topic); err != nil {
			t.Fatal(err)
		}
	}
	p := &platform{t: t, engine: engine, control: control}
	p.writeState()
	p.startGateway(configure)
	p.rest = kafkarest.New(kafkarest.Config{Gateway: p.gateway, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	p.server = httptest.NewUnstartedServer(p.rest)
	p.server.EnableHTTP2 = true
	p.server.StartTLS()
	t.Cleanup(func() {
		p.server.Close()
		p.rest.Close()
	})
	return p
}

func (p *platform) startGateway(configure func(*gateway.Config)) {
	addresses := p.engine.ListenAddrs()
	config := gateway.Config{
		PhysicalClusterID: physicalID,
		TLS:               &tls.Config{MinVersion: tls.VersionTLS12}, // nobody connects to it from outside
		DialBroker: func(ctx context.Context, node int32) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addresses[node])
		},
		Control:        gateway.Control{Seeds: addresses},
		EmbeddedEngine: true,
		Now:            time.Now,
		Logger:         slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	configure(&config)
	g, err := gateway.New(config)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	p.t.Cleanup(func() {
		cancel()
		g.Close()
		if err := <-ended; err != nil {
			p.t.Errorf("the gateway ended with %v", err)
		}
	})
	select {
	case <-g.Ready():
	case err := <-ended:
		ended <- nil
		p.t.Fatalf("the gateway did not start: %v", err)
	case <-time.After(timeout):
		p.t.Fatal("the gateway is not ready")
	}
	p.gateway = g
}

// writeState writes two tenants, their keys, and the right of organizer and of the owner of keyB.
func (p *platform) writeState() {
	p.t.Helper()
	var endpoints orrery.Endpoints
	for node := range int32(3) {
		endpoints.Brokers = append(endpoints.Brokers, orrery.BrokerEndpoint{Node: node, Host: "127.0.0.1", Port: 19093 + node})
	}
	p.put(tenancy.StateEndpoints, physicalID, endpoints)
	for lkc, org := range map[string]string{lkcA: orgA, lkcB: orgB} {
		p.put(tenancy.StateTenant, lkc, tenancy.Tenant{
			PhysicalClusterID: physicalID, LogicalClusterID: lkc, OrganizationID: org, EnvironmentID: "env-" + lkc[4:],
			Type: orrery.TypeStandard, MaxPartitions: 500, ReplicationFactor: 3,
		})
	}
	p.credential(keyA, orgA, lkcA, organizer)
	p.credential(keyB, orgB, lkcB, "u-admin2")
	p.credential(cloudKeyA, orgA, "", organizer)
	p.credential(keyNoRight, orgA, lkcA, stranger)
	for principal, org := range map[string]string{organizer: orgA, "u-admin2": orgB} {
		p.put(tenancy.StateBinding, "rb-"+principal, tenancy.Binding{
			PhysicalClusterID: physicalID, RoleBindingID: "rb-" + principal, Principal: orrery.Principal(principal),
			RoleName: orrery.RoleOrganizationAdmin, CRNPattern: orrery.OrganizationCRN(org).String(),
		})
	}
}

func (p *platform) credential(k key, organization, logicalCluster, owner string) {
	p.t.Helper()
	verifiers, err := orrery.NewVerifiers(rand.Reader, k.secret)
	if err != nil {
		p.t.Fatal(err)
	}
	p.put(tenancy.StateCredential, k.id, tenancy.Credential{
		PhysicalClusterID: physicalID, APIKeyID: k.id, OrganizationID: organization, LogicalClusterID: logicalCluster, OwnerID: owner, Verifiers: verifiers,
	})
}

// put writes a state record; content nil deletes.
func (p *platform) put(kind, id string, content any) {
	p.t.Helper()
	record := tenancy.StateRecord{Version: tenancy.StateVersion, Generation: orrery.Generation{Term: 1, Number: 1}}
	if content == nil {
		record.Deleted = true
	} else {
		document, err := json.Marshal(content)
		if err != nil {
			p.t.Fatal(err)
		}
		record.Content, record.Hash = document, orrery.Hash(document)
	}
	value, err := json.Marshal(record)
	if err != nil {
		p.t.Fatal(err)
	}
	message := &kgo.Record{Topic: "_orrery_tenants", Key: []byte(tenancy.StateKey(kind, id)), Value: value}
	if err := p.control.ProduceSync(p.t.Context(), message).FirstErr(); err != nil {
		p.t.Fatal(err)
	}
}

// request makes a request of a user; the path is below /kafka/v3.
func (p *platform) request(k key, method, path string, body io.Reader) *http.Request {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), timeout)
	p.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, p.server.URL+"/kafka/v3"+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	r.SetBasicAuth(k.id, k.secret)
	return r
}

func (p *platform) send(r *http.Request) (*http.Response, []byte) {
	p.t.Helper()
	response, err := p.server.Client().Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response, body
}

// do sends a request and decodes the answer into a map; want is the HTTP status.
func (p *platform) do(k key, method, path, body string, want int) map[string]any {
	p.t.Helper()
	response, content := p.send(p.request(k, method, path, strings.NewReader(body)))
	if response.StatusCode != want {
		p.t.Errorf("%s %s %.200s: status %d, want %d: %s", method, path, body, response.StatusCode, want, content)
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return nil
	}
	var document map[string]any
	if err := json.Unmarshal(content, &document); err != nil {
		p.t.Errorf("%s %s: the answer is not one JSON object: %v: %s", method, path, err, content)
	}
	return document
}

// refused sends a request that must fail with a status, an error code and a text in the message.
func (p *platform) refused(k key, method, path, body string, status, code int, text string) {
	p.t.Helper()
	document := p.do(k, method, path, body, status)
	message, _ := document["message"].(string)
	if document["error_code"] != float64(code) || !strings.Contains(message, text) || message == "" || len(document) != 2 {
		p.t.Errorf("%s %s %.200s: %v, want error_code %d with %q", method, path, body, document, code, text)
	}
}

const (
	a = "/clusters/" + lkcA
	b = "/clusters/" + lkcB
)

// stored reads what a physical topic has, all partitions, by asking the engine itself.
func (p *platform) stored(topic string, count int) []*kgo.Record {
	p.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(p.engine.ListenAddrs()...), kgo.ConsumeTopics(topic))
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(p.t.Context(), timeout)
	defer cancel()
	var records []*kgo.Record
	for len(records) < count {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			p.t.Fatalf("reading %s: %v, after %d of %d records", topic, err, len(records), count)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}
