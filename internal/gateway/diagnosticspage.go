package gateway

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
)

//go:embed diagnostics.html
var diagnosticsHTML string

var diagnosticsPage = template.Must(template.New("diagnostics").Parse(diagnosticsHTML))

// ServeDiagnostics answers with Diagnose: as JSON where that is asked for (?format=json, or Accept), else as a page for
// people. It is for those who run the gateway only: who mounts it sees to that.
func (g *Gateway) ServeDiagnostics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.URL.Query().Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(g.Diagnose()) // who asked has left
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_ = diagnosticsPage.Execute(w, g.Diagnose())
}
