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

// gatewayPages are the diagnostic pages of the gateways that run in this process. They tell of all tenants, so only an
// administrator of the organization that runs the installation sees them, with a Cloud API key. The zero value is ready.
type gatewayPages struct {
	mu       sync.Mutex
	gateways map[string]*gateway.Gateway // by pkc-…/NODE
}

const gatewaysPath = "/debug/gateways"

// show adds the page of a gateway; hide removes it, unless its successor's is there already.
func (p *gatewayPages) show(physicalClusterID string, node int32, g *gateway.Gateway) (hide func()) {
	key := physicalClusterID + "/" + strconv.Itoa(int(node))
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

func (p *gatewayPages) find(key string) (*gateway.Gateway, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, ok := p.gateways[key]
	return g, ok
}

func (p *gatewayPages) keys() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.gateways))
}

// handlers are the pages, for the API's server.
func (p *gatewayPages) handlers(m *mothership.Mothership) map[string]http.Handler {
	return map[string]http.Handler{
		"GET " + gatewaysPath:                       guarded(m, p.serveIndex),
		"GET " + gatewaysPath + "/{cluster}/{node}": guarded(m, p.servePage),
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

func (p *gatewayPages) serveIndex(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = gatewayIndex.Execute(w, p.keys()) // who asked has left
}

func (p *gatewayPages) servePage(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("cluster") + "/" + r.PathValue("node")
	g, ok := p.find(key)
	if !ok {
		http.Error(w, fmt.Sprintf("no gateway %.60q runs here; %s lists those that do", key, gatewaysPath), http.StatusNotFound)
		return
	}
	g.ServeDiagnostics(w, r)
}
