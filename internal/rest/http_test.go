package rest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery/wire"
)

func TestUnknownPathsAndMethods(t *testing.T) {
	p := newPlatform(t, nil)
	p.send(p.admin, "GET", "/nothing", "").want(t, 404, `"code":"not_found"`, "/openapi.json")
	p.send(p.admin, "GET", "/org/v2/environments/", "").want(t, 404)
	p.send(p.admin, "POST", "//org/v2/environments", "{}").want(t, 404, "did you mean /org/v2/environments?")
	p.send(p.admin, "GET", "/org/v2/../v2/environments", "").want(t, 404, "did you mean /org/v2/environments?")
	r := p.send(p.admin, "PUT", "/org/v2/environments", "{}").want(t, 405, "PUT is not offered here")
	if allow := r.header.Get("Allow"); allow != "GET, HEAD, POST" {
		t.Fatalf("Allow is %q", allow)
	}
	p.send(p.admin, "DELETE", "/org/v2/environments", "").want(t, 405)
}

func TestEveryAnswerHasItsHeaders(t *testing.T) {
	p := newPlatform(t, nil)
	seen := map[string]bool{}
	for _, r := range []reply{
		p.send(p.admin, "GET", "/org/v2/environments", ""),
		p.send(p.admin, "GET", "/org/v2/environments/env-none", ""),
		p.send(p.admin, "POST", "/org/v2/environments", "{"),
		p.send(credentials{}, "GET", "/org/v2/environments", ""),
	} {
		id := r.header.Get("X-Request-Id")
		if id == "" || seen[id] || !strings.Contains(p.log.String(), "request="+id) {
			t.Fatalf("the request's id is %q: it must be new and in the log", id)
		}
		seen[id] = true
		for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
			if _, err := strconv.Atoi(r.header.Get(name)); err != nil {
				t.Errorf("%s is %q on status %d", name, r.header.Get(name), r.status)
			}
		}
		if r.header.Get("Content-Type") != "application/json" || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("headers are %v", r.header)
		}
		if r.status >= 400 && r.field(t, "errors.0.id") != id {
			t.Errorf("the error's id is not the request's: %s", r.body)
		}
	}
	if strings.Contains(p.log.String(), p.admin.secret) {
		t.Error("the secret is in the log")
	}
}

func TestAuthentication(t *testing.T) {
	p := newPlatform(t, nil)
	const path = "/org/v2/environments"
	for name, r := range map[string]reply{
		"none":      p.send(credentials{}, "GET", path, ""),
		"secret":    p.send(credentials{p.admin.key, "wrong"}, "GET", path, ""),
		"key":       p.send(credentials{"WRONGWRONGWRONGW", p.admin.secret}, "GET", path, ""),
		"empty":     p.send(credentials{"", p.admin.secret}, "GET", path, ""),
		"bearer":    p.send(credentials{}, "GET", path, "", "Authorization", "Bearer abc"),
		"malformed": p.send(credentials{}, "GET", path, "", "Authorization", "Basic !!"),
		"scheme":    p.send(credentials{}, "GET", path, "", "Authorization", "Basic"),
	} {
		if r.status != 401 || r.header.Get("WWW-Authenticate") == "" || r.field(t, "errors.0.code") != "unauthenticated" {
			t.Errorf("%s: status %d, headers %v: %s", name, r.status, r.header, r.body)
		}
	}
	p.send(credentials{}, "GET", path, "", "Authorization", "Bearer abc").want(t, 401, "HTTP Basic")
	cluster := p.cluster("c")
	key := p.send(p.admin, "POST", "/iam/v2/api-keys", `{"spec":{"resource":{"id":"`+cluster+`"}}}`).want(t, 202)
	p.send(credentials{key.field(t, "id"), key.field(t, "spec.secret")}, "GET", path, "").want(t, 401, "Cloud API key")
}

// cluster creates a Basic cluster and waits until it takes clients.
func (p *platform) cluster(name string) string {
	p.t.Helper()
	c := p.client(p.admin)
	created, err := c.CreateCluster(p.t.Context(), wire.Cluster{Spec: wire.ClusterSpec{
		DisplayName: name, Cloud: "AWS", Region: "us-east-1", Config: wire.ClusterConfig{Kind: "Basic"},
		Environment: &wire.Reference{ID: p.first.Environment.ID},
	}})
	p.must(err)
	_, err = c.WaitCluster(p.t.Context(), p.first.Environment.ID, created.ID, nil)
	p.must(err)
	return created.ID
}

func TestBodies(t *testing.T) {
	p := newPlatform(t, nil)
	const path = "/org/v2/environments"
	r := p.send(p.admin, "POST", path, `{"display_name":"a","colour":"red"}`).want(t, 400, "no field /colour")
	if r.field(t, "errors.0.source.pointer") != "/colour" || r.field(t, "errors.0.status") != "400" || r.field(t, "errors.0.title") == "" {
		t.Fatalf("got %s", r.body)
	}
	p.send(p.admin, "POST", path, `{"display_name":"a"} x`).want(t, 400, "line 1, column 22")
	p.send(p.admin, "POST", path, "").want(t, 400, "needs a JSON object")
	p.send(p.admin, "POST", path, `{"display_name":""}`).want(t, 400, `"pointer":"/display_name"`)
	p.send(p.admin, "POST", path, `{"display_name":"`+strings.Repeat("a", maxBody)+`"}`).want(t, 413, "larger than 1048576 bytes")
	p.send(p.admin, "POST", path, `{"display_name":"gzip"}`, "Content-Encoding", "gzip").want(t, 415)
	p.send(p.admin, "POST", path, `{"display_name":"form"}`, "Content-Type", "application/x-www-form-urlencoded").want(t, 201)
	p.send(p.admin, "POST", path, `{"display_name":"<&>"}`, "Content-Type", "").want(t, 201, `"display_name":"<&>"`)
	p.send(p.admin, "POST", path, `{"display_name":"evil"}`, "Sec-Fetch-Site", "cross-site").want(t, 403, "another origin")
}

func TestQueries(t *testing.T) {
	p := newPlatform(t, nil)
	environment := p.first.Environment.ID
	p.send(p.admin, "GET", "/cmk/v2/clusters", "").want(t, 400, `"parameter":"environment"`)
	p.send(p.admin, "GET", "/cmk/v2/clusters/lkc-1?environment=", "").want(t, 400, `"parameter":"environment"`)
	p.send(p.admin, "GET", "/cmk/v2/clusters?environment="+environment+"&spec.network=", "").want(t, 200)
	p.send(p.admin, "GET", "/cmk/v2/clusters?environment="+environment+"&spec.network=n-1", "").want(t, 400, `"code":"unsupported_value"`, `"parameter":"spec.network"`)
	p.send(p.admin, "GET", "/cmk/v2/clusters?environment="+environment+"&spec.deletion_protection=maybe", "").want(t, 400, `"parameter":"spec.deletion_protection"`)
	p.send(p.admin, "GET", "/cmk/v2/clusters?environment="+environment+"&environment=env-2", "").want(t, 400, "more than once")
	p.send(p.admin, "GET", "/iam/v2/api-keys?spec.ownr=u-1", "").want(t, 400, `no query parameter \"spec.ownr\"`)
	p.send(p.admin, "GET", "/iam/v2/api-keys?spec.owner=&spec.resource=", "").want(t, 200, p.admin.key)
	p.send(p.admin, "GET", "/iam/v2/api-keys?spec.resource=cloud", "").want(t, 200, p.admin.key)
	p.send(p.admin, "GET", "/iam/v2/role-bindings", "").want(t, 400, `"parameter":"crn_pattern"`)
	p.send(p.admin, "POST", "/iam/v2/service-accounts?assigned_resource_owner=u-1", `{"display_name":"x"}`).want(t, 400, `"code":"unsupported_value"`)
	for _, size := range []string{"0", "-1", "ten", "1.5"} {
		p.send(p.admin, "GET", "/org/v2/environments?page_size="+size, "").want(t, 400, `"parameter":"page_size"`)
	}
	p.send(p.admin, "GET", "/org/v2/environments?page_size=5000", "").want(t, 200)
	p.send(p.admin, "GET", "/org/v2/environments?page_token=%21%21", "").want(t, 400)
}

func TestPaging(t *testing.T) {
	p := newPlatform(t, nil)
	for i := range 11 {
		p.send(p.admin, "POST", "/org/v2/environments", `{"display_name":"e`+strconv.Itoa(i)+`"}`).want(t, 201)
	}
	for _, prefix := range []string{"", "/api"} {
		seen := map[string]bool{}
		path := prefix + "/org/v2/environments?page_size=5"
		pages := 0
		for path != "" {
			r := p.send(p.admin, "GET", path, "").want(t, 200)
			var list wire.List[wire.Environment]
			p.must(json.Unmarshal([]byte(r.body), &list))
			if list.Kind != "EnvironmentList" || list.APIVersion != "org/v2" || !strings.HasPrefix(list.Metadata.First, p.server.URL+prefix+"/org/v2/environments?page_size=5") {
				t.Fatalf("got %s", r.body)
			}
			for _, e := range list.Data {
				if seen[e.ID] {
					t.Fatalf("%s is on two pages", e.ID)
				}
				seen[e.ID] = true
			}
			pages++
			var ok bool
			if path, ok = strings.CutPrefix(list.Metadata.Next, p.server.URL); !ok && list.Metadata.Next != "" {
				t.Fatalf("next is %q, not a full URL", list.Metadata.Next)
			}
			if path == "" && strings.Contains(r.body, `"next"`) {
				t.Fatalf("the last page has a next: %s", r.body)
			}
		}
		if pages != 3 || len(seen) != 12 {
			t.Fatalf("%d pages with %d environments", pages, len(seen))
		}
	}
	r := p.send(p.admin, "GET", "/org/v2/environments", "").want(t, 200)
	if r.field(t, "data.9.id") == "" || r.field(t, "data.10.id") != "" {
		t.Fatalf("a page has 10 objects where nothing was asked: %s", r.body)
	}
}

func TestAPIPrefix(t *testing.T) {
	p := newPlatform(t, nil)
	id := p.first.Environment.ID
	p.send(p.admin, "GET", "/api/org/v2/environments/"+id, "").want(t, 200, `"self":"`+p.server.URL+"/api/org/v2/environments/"+id+`"`)
	p.send(p.admin, "GET", "/api/nothing", "").want(t, 404)
	p.send(p.admin, "GET", "/apiorg/v2/environments", "").want(t, 404)
	p.send(p.admin, "PUT", "/api/org/v2/environments", "").want(t, 405)
}

func TestExtraHandlersDocumentAndPanics(t *testing.T) {
	p := newPlatform(t, func(c *Config) {
		c.Handlers = map[string]http.Handler{
			"GET /healthz": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok")) }),
			"GET /boom":    http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the cat is on the keyboard") }),
		}
	})
	p.send(credentials{}, "GET", "/healthz", "").want(t, 200, "ok")
	p.send(credentials{}, "GET", "/openapi.json", "").want(t, 200, `"openapi": "3.0.3"`, "/cmk/v2/clusters")
	r := p.send(credentials{}, "GET", "/boom", "").want(t, 500, `"code":"internal"`)
	if strings.Contains(r.body, "keyboard") {
		t.Fatal("the answer tells what only the log should")
	}
	log := p.log.String()
	if !strings.Contains(log, "keyboard") || !strings.Contains(log, r.header.Get("X-Request-Id")) || !strings.Contains(log, "level=ERROR") {
		t.Fatalf("the log lacks the panic: %s", log)
	}
}

func TestRateLimit(t *testing.T) {
	p := newPlatform(t, func(c *Config) { c.Burst, c.RequestsPerSecond = 3, 1 })
	other := p.principal(p.first.Organization.ID, "u-second", "OrganizationAdmin")
	for range 3 {
		p.send(p.admin, "GET", "/org/v2/environments", "").want(t, 200)
	}
	r := p.send(p.admin, "GET", "/org/v2/environments", "").want(t, 429, `"code":"too_many_requests"`)
	if r.header.Get("Retry-After") != "1" || r.header.Get("X-RateLimit-Limit") != "3" || r.header.Get("X-RateLimit-Remaining") != "0" {
		t.Fatalf("headers are %v", r.header)
	}
	p.send(other, "GET", "/org/v2/environments", "").want(t, 200)
	for range 3 {
		p.send(credentials{p.admin.key, "wrong"}, "GET", "/org/v2/environments", "").want(t, 401)
	}
	p.send(credentials{p.admin.key, "wrong"}, "GET", "/org/v2/environments", "").want(t, 429)
	p.send(other, "GET", "/org/v2/environments", "").want(t, 200)
}
