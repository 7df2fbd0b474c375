package embedded

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/substrate/inproc"
	"github.com/orrery-kafka/orrery/wire"
)

const deadline = time.Minute

// open starts a server on a directory with ports that the system chooses. A directory keeps its port, which the system
// may have given to another test since: then it is tried again.
func open(t *testing.T, dir string) (s *Server) {
	t.Helper()
	poll.Success(t, func() (err error) {
		s, err = Open(t.Context(), Config{Dir: dir, Listen: "127.0.0.1:0", Version: "test", Logger: slog.New(slog.NewTextHandler(testWriter{t}, nil))})
		if err != nil && !strings.Contains(err.Error(), "is taken by another program") {
			t.Fatal(err)
		}
		return err
	})
	t.Cleanup(func() { shut(t, s) })
	return s
}

func shut(t *testing.T, s *Server) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Errorf("closing: %v", err)
	}
}

// testWriter gives log lines to the test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(line []byte) (int, error) {
	w.t.Helper()
	w.t.Log(strings.TrimRight(string(line), "\n"))
	return len(line), nil
}

func (s *Server) testClient() *client.Client {
	return &client.Client{URL: s.URL(), APIKey: s.admin.keyID, APISecret: s.admin.secret}
}

// dedicated creates a Dedicated cluster and returns it with its physical cluster once it is PROVISIONED.
func dedicated(t *testing.T, s *Server) (wire.Cluster, wire.PhysicalCluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	c := s.testClient()
	var environment string
	for e, err := range c.ListEnvironments(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		environment = e.ID
	}
	made, err := c.CreateCluster(ctx, wire.Cluster{Spec: wire.ClusterSpec{
		DisplayName: "orders", Availability: orrery.AvailabilitySingleZone, Cloud: "AWS", Region: "us-east-1",
		Config: wire.ClusterConfig{Kind: orrery.TypeDedicated, CKU: 1}, Environment: &wire.Reference{ID: environment},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if made, err = c.WaitCluster(ctx, environment, made.ID, func(wire.LogicalCluster) {}); err != nil {
		t.Fatal(err)
	}
	logical, err := c.GetLogicalCluster(ctx, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	physical, err := c.GetPhysicalCluster(ctx, logical.Status.PhysicalCluster.ID)
	if err != nil {
		t.Fatal(err)
	}
	return made, physical
}

// TestStatusChange stops a broker of a Dedicated cluster by the substrate's fault switch, finds the same reason in
// the API and the CLI, and sees the operator heal it once the fault is lifted.
func TestStatusChange(t *testing.T) {
	s := open(t, t.TempDir())
	_, physical := dedicated(t, s)
	if got := readyCondition(t, s, physical.ID); got.Status != orrery.True {
		t.Fatalf("a PROVISIONED cluster is not ready: %+v", got)
	}
	const why = "its disk was pulled out"
	if err := s.Substrate().Fault(physical.ID, 1, inproc.Fault{Stopped: true, Message: why}); err != nil {
		t.Fatal(err)
	}
	broken := waitReady(t, s, physical.ID, orrery.False)
	if !strings.Contains(broken.Message, why) || !strings.Contains(broken.Message, "broker 1") || broken.Reason == "" {
		t.Errorf("the API says %+v", broken)
	}
	for _, arguments := range [][]string{{"psc", "describe", physical.ID}, {"psc", "describe", physical.ID, "-o", "json"}, {"psc", "describe", physical.ID, "-o", "yaml"}} {
		if out := cli(t, s, arguments...); !strings.Contains(out, broken.Reason) || !strings.Contains(out, broken.Message) {
			t.Errorf("orrery %s lacks %q:\n%s", strings.Join(arguments, " "), broken.Reason+": "+broken.Message, out)
		}
	}
	if err := s.Substrate().Fault(physical.ID, 1, inproc.Fault{}); err != nil {
		t.Fatal(err)
	}
	waitReady(t, s, physical.ID, orrery.True)
}

func readyCondition(t *testing.T, s *Server, id string) orrery.Condition {
	t.Helper()
	physical, err := s.testClient().GetPhysicalCluster(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := orrery.FindCondition(physical.Status.Conditions, orrery.ConditionReady)
	return c
}

func waitReady(t *testing.T, s *Server, id string, status orrery.ConditionStatus) orrery.Condition {
	t.Helper()
	var c orrery.Condition
	poll.Success(t, func() error {
		if c = readyCondition(t, s, id); c.Status != status {
			return fmt.Errorf("Ready did not become %s: %+v", status, c)
		}
		return nil
	})
	return c
}

// cli runs the built program against the server.
func cli(t *testing.T, s *Server, arguments ...string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "orrery")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/orrery").CombinedOutput(); err != nil {
		t.Fatalf("building the CLI: %v\n%s", err, out)
	}
	command := exec.Command(binary, arguments...)
	command.Env = append(os.Environ(), "ORRERY_URL="+s.URL(), "ORRERY_API_KEY="+s.admin.keyID, "ORRERY_API_SECRET="+s.admin.secret, "ORRERY_DIR="+s.directory.path)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil {
		t.Fatalf("orrery %s: %v\n%s", strings.Join(arguments, " "), err, problems.String())
	}
	return out.String()
}

// TestMetricsAndHealth looks at what is served without a key.
func TestMetricsAndHealth(t *testing.T) {
	s := open(t, t.TempDir())
	dedicated(t, s)
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ok", "/metrics": "orrery_gateway_connections{", "/openapi.json": `"openapi"`} {
		response, err := http.Get(s.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d, %v, without %q", path, response.StatusCode, err, want)
		}
	}
}

// TestLostAdminFile starts again without admin.env: a new key is made and works, and the first one still does.
func TestLostAdminFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	first := s.testClient()
	shut(t, s)
	if err := os.Remove(filepath.Join(dir, "admin.env")); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if again.AdminKeyID() == first.APIKey {
		t.Fatal("the lost key came back without its secret")
	}
	first.URL = again.URL()
	for _, c := range []*client.Client{first, again.testClient()} {
		for _, err := range c.ListEnvironments(t.Context()) {
			if err != nil {
				t.Errorf("the key %s: %v", c.APIKey, err)
			}
		}
	}
	info, err := os.Stat(again.AdminEnvFile())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("admin.env: %v, %v", info.Mode(), err)
	}
}

// TestDamagedDirectory starts on directories that lack or garble a part: each error names the file and says what
// to do, and nothing is made over what is there.
func TestDamagedDirectory(t *testing.T) {
	for name, damage := range map[string]struct{ file, content, says string }{
		"choices":   {"orrery.json", "{", "restore it from a backup"},
		"admin":     {"admin.env", "ORRERY_URL=x\n", "restore the file from a backup"},
		"authority": {"pki/root/ca-key.pem", "garbage", "restore both files from a backup"},
		"local psc": {"satellite/local/pkc-control.json", "[]", "restore it from a backup"},
		"store":     {"mothership/orrery.db", "this is not a database, and it is long enough to be looked at as one by whoever opens it first of all", "backup"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			shut(t, open(t, dir))
			path := filepath.Join(dir, damage.file)
			if err := os.WriteFile(path, []byte(damage.content), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), Config{Dir: dir, Listen: "127.0.0.1:0"})
			if err == nil {
				shut(t, s)
				t.Fatal("it starts")
			}
			if !strings.Contains(err.Error(), damage.says) {
				t.Errorf("the error is %q, without %q", err, damage.says)
			}
			if content, err := os.ReadFile(path); err != nil || string(content) != damage.content {
				t.Errorf("the damaged file was changed: %q, %v", content, err)
			}
		})
	}
}

// TestPortTaken starts where the API's port is taken.
func TestPortTaken(t *testing.T) {
	s := open(t, t.TempDir())
	_, err := Open(t.Context(), Config{Dir: t.TempDir(), Listen: strings.TrimPrefix(s.URL(), "http://")})
	if orrery.ErrorCode(err) != orrery.Conflict || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("got %v", err)
	}
	if _, err := Open(t.Context(), Config{Dir: t.TempDir(), Listen: "0.0.0.0:0"}); orrery.ErrorCode(err) != orrery.Invalid || !strings.Contains(err.Error(), "--tls-listen") {
		t.Errorf("listening in clear on every address: %v", err)
	}
}

// TestTLSListen reaches the API with TLS, trusting nothing but ca.pem.
func TestTLSListen(t *testing.T) {
	s, err := Open(t.Context(), Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", TLSListen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, s)
	httpClient := http.Client{Transport: &http.Transport{TLSClientConfig: trusting(t, s)}, Timeout: deadline}
	response, err := httpClient.Get("https://" + s.tls.Addr().String() + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var document map[string]any
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%d, %v", response.StatusCode, err)
	}
}

func trusting(t *testing.T, s *Server) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(s.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in the CA file")
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}
