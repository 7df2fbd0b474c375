package dataplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

// The paths of administration sockets beside process.AdminHealth and process.AdminReady.
const (
	AdminMetrics     = "/metrics"       // of every role
	AdminDiagnostics = "/debug/gateway" // of a gateway: gateway.Diagnostics, as a page or as JSON
)

// admin is the administration socket of a role: HTTP for whoever may open the role's directory.
type admin struct{ server *http.Server }

// listenAdmin opens the socket, before the role begins: another process that serves it is an error.
func listenAdmin(socket string) (net.Listener, error) {
	if conn, err := net.DialTimeout("unix", socket, dialTimeout); err == nil {
		conn.Close()
		return nil, orrery.Errorf(orrery.Conflict, "the socket %s is served: another process runs with this configuration, and has to be stopped first", socket)
	}
	return process.ListenSocket(socket)
}

// serveAdmin serves the socket with what every role has, and more by pattern. ready says why the role does not take
// clients, or nil.
func serveAdmin(listener net.Listener, metrics prometheus.Gatherer, ready func() error, logger *slog.Logger, more map[string]http.Handler) *admin {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+process.AdminHealth, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET "+process.AdminReady, func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET "+AdminMetrics, promhttp.HandlerFor(metrics, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	for pattern, handler := range more {
		mux.Handle(pattern, handler)
	}
	a := &admin{server: &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}}
	go func() {
		if err := a.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("the administration socket ended", "error", err)
		}
	}()
	return a
}

// close ends the socket, within closeTimeout after the answers that are under way.
func (a *admin) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := a.server.Shutdown(ctx); err != nil {
		return a.server.Close()
	}
	return nil
}

// closeTimeout bounds what a role waits for when it ends.
const closeTimeout = time.Second

// newRegistry has the metrics of the process. All that are registered with the Registerer get the labels.
func newRegistry(labels prometheus.Labels) (*prometheus.Registry, prometheus.Registerer) {
	registry := prometheus.NewRegistry()
	labelled := prometheus.WrapRegistererWith(labels, registry)
	labelled.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry, labelled
}
