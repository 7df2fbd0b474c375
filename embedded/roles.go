package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/internal/rest"
)

func (s *Server) openMothership(ctx context.Context) (err error) {
	s.mothership, err = mothership.New(mothership.Config{
		Store: s.store, Desired: s.link, Statuses: s.link, Random: rand.Reader, Now: time.Now,
		Nudge: s.nudge, Changed: s.changed.announce, Logger: s.log, RootAuthority: s.root, KafkaVersion: s.config.KafkaVersion, Admission: s.admissionOrNil(),
	})
	if err != nil {
		return err
	}
	s.registry.MustRegister(fleetMetrics{s.mothership})
	if err := s.directory.saveAdmin(s.admin, s.URL(), s.CAFile()); err != nil {
		return err
	}
	made, err := s.mothership.Bootstrap(ctx, mothership.BootstrapInput{
		OrganizationName: "default", EnvironmentName: "default", Email: "admin@localhost", FullName: "Administrator",
		APIKeyID: s.admin.keyID, Secret: s.admin.secret,
	})
	if err != nil {
		return fmt.Errorf("making the first organization: %w", err)
	}
	if !made.KeyWorks {
		s.log.Warn("the key in admin.env does not log in: it was deleted", "key", s.admin.keyID, "file", s.AdminEnvFile())
	}
	if err := s.mothership.Resync(ctx); err != nil {
		return err
	}
	var loops []*loop
	for _, l := range s.mothership.Loops() {
		loops = append(loops, &loop{name: l.Name, step: l.Step, woken: s.nudges[l.Name], final: func(err error) bool { return errors.Is(err, link.ErrFenced) }})
	}
	s.startLoops(loops...)
	return nil
}

// serve starts to answer: from here on the API is there, and admin.env is complete.
func (s *Server) serve(context.Context) error {
	handlers := map[string]http.Handler{
		"GET /healthz": http.HandlerFunc(ok),
		"GET /readyz":  http.HandlerFunc(ok),
		"GET /metrics": promhttp.HandlerFor(s.gatherers, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}),
	}
	maps.Copy(handlers, pageHandlers(s.pages, s.mothership))
	handler := rest.NewHandler(rest.Config{Mothership: s.mothership, Changed: s.changed.wait, Logger: s.log, Now: time.Now, Handlers: handlers})
	s.api = &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	listeners := []net.Listener{s.plain}
	if s.tls != nil {
		listeners = append(listeners, s.tls)
	}
	for _, l := range listeners {
		go func() {
			if err := s.api.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				s.fail(fmt.Errorf("the API on %s ended: %w", l.Addr(), err))
			}
		}()
	}
	s.onClose(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if err := s.api.Shutdown(ctx); err != nil {
			return s.api.Close() // requests that are still waiting are cut off; what they asked for stays asked for
		}
		return nil
	})
	s.log.Info("serving", "url", s.URL())
	return nil
}

// ok answers health checks: a process that got here has its store, its link and its loops; a loop that cannot go
// on ends the process.
func ok(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}
