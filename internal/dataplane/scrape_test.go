package dataplane

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

// TestMetricsOfProcesses: what each role says is among the metrics of whoever asks for them, and one that does not
// answer is seen.
func TestMetricsOfProcesses(t *testing.T) {
	t.Chdir(t.TempDir())
	var sockets []process.AdminSocket
	for node := range int32(2) {
		registry, metrics := newRegistry(prometheus.Labels{"physical_cluster": "pkc-a", "node": fmt.Sprint(node)})
		seen := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "seen_total", Help: "What was seen."}, []string{"what"})
		metrics.MustRegister(seen)
		seen.WithLabelValues(`a "quoted" thing`).Add(float64(node + 1))
		socket := process.AdminSocket{PhysicalClusterID: "pkc-a", Role: process.RoleGateway, Node: node, Path: fmt.Sprintf("admin-%d.sock", node)}
		l, err := process.ListenSocket(socket.Path)
		if err != nil {
			t.Fatal(err)
		}
		a := serveAdmin(l, registry, func() error { return nil }, slog.New(slog.DiscardHandler), nil)
		t.Cleanup(func() { a.close() })
		sockets = append(sockets, socket)
	}
	sockets = append(sockets, process.AdminSocket{PhysicalClusterID: "pkc-a", Role: process.RoleBalancer, Path: "gone.sock"})
	own, _ := newRegistry(nil)
	all := prometheus.Gatherers{own, Gatherer{Sockets: func() []process.AdminSocket { return sockets }}}
	page := httptest.NewRecorder()
	promhttp.HandlerFor(all, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body := page.Body.String()
	if page.Code != http.StatusOK {
		t.Fatalf("%d: %s", page.Code, body)
	}
	for _, want := range []string{
		`seen_total{node="0",physical_cluster="pkc-a",what="a \"quoted\" thing"} 1`, `seen_total{node="1",physical_cluster="pkc-a",what="a \"quoted\" thing"} 2`,
		`orrery_role_up{node="0",physical_cluster="pkc-a",role="gateway"} 1`, `orrery_role_up{physical_cluster="pkc-a",role="balancer"} 0`,
		"go_goroutines ", `go_goroutines{node="1",physical_cluster="pkc-a"}`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// TestForward: a page of a role is seen through another process, and who looks is not told to it.
func TestForward(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := process.ListenSocket("admin.sock")
	if err != nil {
		t.Fatal(err)
	}
	a := serveAdmin(l, prometheus.NewRegistry(), func() error { return nil }, slog.New(slog.DiscardHandler), map[string]http.Handler{
		"GET " + AdminDiagnostics: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'none'")
			fmt.Fprintf(w, "format=%s secrets=%q%q", r.URL.Query().Get("format"), r.Header.Get("Authorization"), r.Header.Get("Cookie"))
		}),
	})
	defer a.close()
	for socket, want := range map[string]struct {
		status int
		body   string
	}{"admin.sock": {http.StatusOK, `format=json secrets=""""`}, "gone.sock": {http.StatusBadGateway, "does not answer"}} {
		server := httptest.NewServer(Forward(socket, AdminDiagnostics))
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/debug/gateways/pkc-a/0?format=json", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth("key", "secret")
		request.AddCookie(&http.Cookie{Name: "a", Value: "b"})
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		server.Close()
		if err != nil || response.StatusCode != want.status || !strings.Contains(string(body), want.body) {
			t.Errorf("%s: %d, %v, %s", socket, response.StatusCode, err, body)
		}
		if want.status == http.StatusOK && response.Header.Get("Content-Security-Policy") == "" {
			t.Error("headers of the page are lost")
		}
	}
}
