package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

// The client against the real server is tested in internal/rest. Here are the answers that that one does not
// give: those of proxies, of other programs, of a server that is going away.

// answering serves one handler and returns a client of it.
func answering(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &Client{URL: server.URL, APIKey: "KEY", APISecret: "the-secret", HTTPClient: server.Client()}
}

func always(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func TestFailures(t *testing.T) {
	const body = `{"errors":[{"id":"r1","status":"400","code":"unsupported_value","title":"Not offered","detail":"there are no networks","source":{"pointer":"/spec/network"}}]}`
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		code    orrery.Code
		message string
		failure Failure
	}{
		{"ours", always(400, body, "X-Request-Id", "r1"), orrery.UnsupportedValue, "there are no networks", Failure{400, "r1", 0}},
		{"without a code", always(404, `{"errors":[{"title":"Gone"}]}`), orrery.NotFound, "Gone", Failure{404, "", 0}},
		{"to be repeated", always(503, `{"errors":[{"code":"unavailable","detail":"later"}]}`, "Retry-After", "7"), orrery.Unavailable, "later", Failure{503, "", 7 * time.Second}},
		{"at once, absurd wait", always(429, `{"errors":[{"code":"too_many_requests","detail":"slow"}]}`, "Retry-After", "99999999"), orrery.TooManyRequests, "slow", Failure{429, "", time.Hour}},
		{"a proxy's", always(502, "<html>Bad Gateway"), orrery.Unavailable, "not as an Orrery API does", Failure{502, "", 0}},
		{"another program's", always(418, "teapot"), orrery.Invalid, "not as an Orrery API does", Failure{418, "", 0}},
		{"a fault", always(500, `{"errors":[{"code":"internal","detail":"oops"}]}`), orrery.Internal, "oops", Failure{500, "", 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := answering(t, test.handler).GetEnvironment(t.Context(), "env-1")
			var e *orrery.Error
			var f *Failure
			if !errors.As(err, &e) || e.Code != test.code || !strings.Contains(e.Message, test.message) {
				t.Fatalf("got %#v", err)
			}
			if !errors.As(err, &f) || *f != test.failure {
				t.Fatalf("the failure is %+v, want %+v", f, test.failure)
			}
			if test.name == "ours" && e.Pointer != "/spec/network" {
				t.Fatalf("the pointer is %q", e.Pointer)
			}
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"HTML":      always(200, "<html>"),
		"too large": always(200, `{"id":"`+strings.Repeat("x", maxAnswer)+`"}`),
		"a list":    always(200, `[]`),
	} {
		if _, err := answering(t, handler).GetEnvironment(t.Context(), "env-1"); orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
	c := answering(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := c.GetEnvironment(t.Context(), "env-1"); orrery.ErrorCode(err) != orrery.Unavailable {
		t.Errorf("a broken connection: got %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c := &Client{URL: server.URL, APIKey: "KEY", APISecret: "the-secret"}
	_, err := c.GetEnvironment(t.Context(), "env-1")
	if orrery.ErrorCode(err) != orrery.Unavailable || !strings.Contains(err.Error(), "cannot reach "+server.URL) || strings.Contains(err.Error(), "the-secret") {
		t.Fatalf("got %v", err)
	}
	for _, address := range []string{"", "127.0.0.1:8080", "ftp://host", "http://", "http://a b"} {
		c.URL = address
		if _, err := c.GetEnvironment(t.Context(), "env-1"); orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%q: got %v", address, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.URL = server.URL
	if _, err := c.GetEnvironment(ctx, "env-1"); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestRequests(t *testing.T) {
	var got *http.Request
	var body string
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		content, _ := io.ReadAll(r.Body)
		body = string(content)
		io.WriteString(w, "{}")
	})
	c.URL += "/"
	c.UserAgent = "test/1"
	if _, err := c.GetCluster(t.Context(), "env-1", "lkc-1/../x?y"); err != nil {
		t.Fatal(err)
	}
	if got.RequestURI != "/cmk/v2/clusters/lkc-1%2F..%2Fx%3Fy?environment=env-1" || got.Header.Get("User-Agent") != "test/1" {
		t.Fatalf("asked for %s", got.RequestURI)
	}
	if key, secret, _ := got.BasicAuth(); key != "KEY" || secret != "the-secret" {
		t.Fatal("the credentials were not sent")
	}
	if _, err := c.UpdateEnvironment(t.Context(), "env-1", wire.EnvironmentUpdate{DisplayName: new("x")}); err != nil {
		t.Fatal(err)
	}
	if got.Method != "PATCH" || body != `{"display_name":"x"}` || got.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("sent %s %s: what is not set must not be sent", got.Method, body)
	}
}

// TestPages: pages are followed by their token alone, at the client's own address.
func TestPages(t *testing.T) {
	requests := 0
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		switch r.URL.Query().Get("page_token") {
		case "":
			io.WriteString(w, `{"metadata":{"next":"http://elsewhere.invalid/other?page_token=a%2Bb"},"data":[{"id":"env-1"},{"id":"env-2"}]}`)
		case "a+b":
			if r.URL.Path != "/org/v2/environments" || r.URL.Query().Get("page_size") != "100" {
				t.Errorf("asked for %s", r.RequestURI)
			}
			io.WriteString(w, `{"metadata":{"next":""},"data":[{"id":"env-3"}]}`)
		}
	})
	var ids []string
	for e, err := range c.ListEnvironments(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	if strings.Join(ids, " ") != "env-1 env-2 env-3" || requests != 2 {
		t.Fatalf("got %v in %d requests", ids, requests)
	}
	requests = 0
	for range c.ListEnvironments(t.Context()) {
		break
	}
	if requests != 1 {
		t.Fatalf("%d requests for the first object", requests)
	}
	c = answering(t, always(200, `{"metadata":{"next":"http://x/?page=2"},"data":[]}`))
	for _, err := range c.ListEnvironments(t.Context()) {
		if orrery.ErrorCode(err) != orrery.Invalid {
			t.Fatalf("got %v for a link without a token", err)
		}
	}
}

func logical(phase, reason string) string {
	return fmt.Sprintf(`{"id":"lkc-1","environment":{"id":"env-1"},"status":{"phase":%q,"state":{"reason":%q}}}`, phase, reason)
}

func TestWaitCluster(t *testing.T) {
	script := []http.HandlerFunc{
		always(200, logical("PROVISIONING", "waiting for placement")),
		always(503, `{"errors":[{"code":"unavailable","detail":"restarting"}]}`),
		always(200, logical("PROVISIONING", "waiting for placement")),
		always(200, logical("PROVISIONING", "waiting for gateway 1")),
		always(200, logical("PROVISIONED", "")),
		always(200, `{"id":"lkc-1","status":{"phase":"PROVISIONED"}}`),
	}
	var paths []string
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.RequestURI)
		script[len(paths)-1](w, r)
	})
	var reasons []string
	cluster, err := c.WaitCluster(t.Context(), "", "lkc-1", func(now wire.LogicalCluster) { reasons = append(reasons, now.Status.State.Reason) })
	if err != nil || cluster.Status.Phase != wire.PhaseProvisioned {
		t.Fatalf("got %+v, %v", cluster, err)
	}
	if strings.Join(reasons, ", ") != "waiting for placement, waiting for gateway 1, " {
		t.Fatalf("progress was %q", reasons)
	}
	if last := paths[len(paths)-1]; last != "/cmk/v2/clusters/lkc-1?environment=env-1" {
		t.Fatalf("asked for %s at last", last)
	}
}

func TestWaitClusterFails(t *testing.T) {
	c := answering(t, always(200, logical("FAILED", "no room")))
	if _, err := c.WaitCluster(t.Context(), "env-1", "lkc-1", nil); orrery.ErrorCode(err) != orrery.Conflict || !strings.Contains(err.Error(), "no room") {
		t.Fatalf("got %v", err)
	}
	c = answering(t, always(404, `{"errors":[{"code":"not_found","detail":"there is none"}]}`))
	if _, err := c.WaitCluster(t.Context(), "env-1", "lkc-1", nil); orrery.ErrorCode(err) != orrery.NotFound {
		t.Fatalf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c = answering(t, always(200, logical("PROVISIONING", "waiting for gateway 1")))
	_, err := c.WaitCluster(ctx, "env-1", "lkc-1", func(wire.LogicalCluster) { cancel() })
	if orrery.ErrorCode(err) != orrery.Unavailable || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "waiting for gateway 1") {
		t.Fatalf("got %v", err)
	}
}
