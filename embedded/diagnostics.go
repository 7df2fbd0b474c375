package embedded

import (
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/mothership"
)

// pages are the diagnostic pages of gateways, by pkc-…/NODE. They tell of all tenants, so only an administrator of the
// organization that runs the installation sees them, with a Cloud API key.
type pages interface {
	// keys returns the gateways that run, sorted.
	keys() []string
	// page returns the page of one, and whether it runs.
	page(key string) (http.Handler, bool)
}

// gatewayPages are the pages of the gateways that run in this process. The zero value is ready.
type gatewayPages struct {
	mu       sync.Mutex
	gateways map[string]*gateway.Gateway // by pkc-…/NODE
}

const gatewaysPath = "/debug/gateways"

// show adds the page of a gateway; hide removes it, unless its successor's is there already.
func (p *gatewayPages) show(physicalClusterID string, node int32, g *gateway.Gateway) (hide func()) {
	key := gatewayKey(physicalClusterID, node)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gateways == nil {
		p.gateways = map[string]*gateway.Gateway{}
	}
	p.gateways[key] = g
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.gateways[key] == g {
			delete(p.gateways, key)
		}
	}
}

// page implements pages.
func (p *gatewayPages) page(key string) (http.Handler, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, ok := p.gateways[key]
	if !ok {
		return nil, false
	}
	return http.HandlerFunc(g.ServeDiagnostics), true
}

// keys implements pages.
func (p *gatewayPages) keys() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.gateways))
}

// pageHandlers are the pages and their index, for the API's server.
func pageHandlers(p pages, m *mothership.Mothership) map[string]http.Handler {
	return map[string]http.Handler{
		"GET " + gatewaysPath:                       guarded(m, func(w http.ResponseWriter, _ *http.Request) { serveIndex(w, p.keys()) }),
		"GET " + gatewaysPath + "/{cluster}/{node}": guarded(m, func(w http.ResponseWriter, r *http.Request) { servePage(w, r, p) }),
	}
}

// guarded asks for a Cloud API key of an administrator of the installation.
func guarded(m *mothership.Mothership, page http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, secret, _ := r.BasicAuth()
		actor, err := m.Authenticate(r.Context(), key, secret)
		if err == nil {
			_, err = m.ListSatellites(r.Context(), actor, mothership.Page{Size: 1}) // what such an administrator may see, too
		}
		switch orrery.ErrorCode(err) {
		case "":
			page(w, r)
		case orrery.Unauthenticated:
			w.Header().Set("WWW-Authenticate", `Basic realm="orrery"`)
			http.Error(w, "log in with a Cloud API key and its secret", http.StatusUnauthorized)
		case orrery.Forbidden:
			http.Error(w, err.Error(), http.StatusForbidden)
		default:
			http.Error(w, "the API key cannot be checked at the moment", http.StatusServiceUnavailable)
		}
	})
}

var gatewayIndex = template.Must(template.New("gateways").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Gateways</title><h1>Gateways</h1>
<ul>{{range .}}<li><a href="` + gatewaysPath + `/{{.}}">{{.}}</a>{{else}}<li>None runs.{{end}}</ul></html>
`))

func serveIndex(w http.ResponseWriter, keys []string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = gatewayIndex.Execute(w, keys) // who asked has left
}

func servePage(w http.ResponseWriter, r *http.Request, p pages) {
	key := r.PathValue("cluster") + "/" + r.PathValue("node")
	page, ok := p.page(key)
	if !ok {
		http.Error(w, fmt.Sprintf("no gateway %.60q runs here; %s lists those that do", key, gatewaysPath), http.StatusNotFound)
		return
	}
	page.ServeHTTP(w, r)
}

// gatewayKey names a gateway in the path of its page.
func gatewayKey(physicalClusterID string, node int32) string {
	return physicalClusterID + "/" + strconv.Itoa(int(node))
}
