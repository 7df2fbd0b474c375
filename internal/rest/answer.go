package rest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

// answer is the ResponseWriter of every request: it remembers what the log needs.
type answer struct {
	http.ResponseWriter
	id     string
	status int // 0 until the header was written
	actor  mothership.Actor
	cause  error // of a failure; for the log
	begun  time.Time
}

// WriteHeader remembers the status.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write remembers that the header went out.
func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap gives http.ResponseController what is below.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// httpError is an error whose status is not the one of its code.
type httpError struct {
	status int
	err    *orrery.Error
}

func (e *httpError) Error() string { return e.err.Error() }
func (e *httpError) Unwrap() error { return e.err }

// parameterError is an error about a query parameter, named in the Pointer of err.
type parameterError struct{ err *orrery.Error }

func (e *parameterError) Error() string { return e.err.Error() }
func (e *parameterError) Unwrap() error { return e.err }

func invalidParameter(name, format string, args ...any) error {
	return &parameterError{orrery.InvalidField(name, format, args...)}
}

// retryAfter is what a client is asked to wait after an Unavailable answer.
const retryAfter = 2 * time.Second

// ServeHTTP gives the request an id, a log line and a net below panics, and finds its handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := &answer{ResponseWriter: w, id: newRequestID(), begun: s.now()}
	out.Header().Set("X-Request-Id", out.id)
	defer func() {
		if p := recover(); p != nil {
			s.recovered(out, p)
		}
		s.log(out, r)
	}()
	if err := s.origins.Check(r); err != nil {
		out.fail(orrery.Errorf(orrery.Forbidden, "a web page of another origin may not call this API"))
		return
	}
	if inner, ok := strings.CutPrefix(r.URL.Path, apiPrefix); ok && strings.HasPrefix(inner, "/") {
		r = r.WithContext(context.WithValue(r.Context(), prefixed{}, true))
		http.StripPrefix(apiPrefix, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { s.find(out, r) })).ServeHTTP(out, r)
		return
	}
	s.find(out, r)
}

const apiPrefix = "/api"

// prefixed is the context key of a request that came below apiPrefix.
type prefixed struct{}

// baseURL is what clients put before an API path to come back to where r came.
func baseURL(r *http.Request) string {
	base := "http://" + r.Host
	if r.TLS != nil {
		base = "https://" + r.Host
	}
	if r.Context().Value(prefixed{}) != nil {
		base += apiPrefix
	}
	return base
}

// find serves the route of r, or says in JSON what there is instead.
func (s *server) find(out *answer, r *http.Request) {
	if clean := path.Clean(r.URL.Path); clean != r.URL.Path && clean+"/" != r.URL.Path {
		out.fail(orrery.Errorf(orrery.NotFound, "there is nothing at %s; did you mean %s?", r.URL.Path, clean))
		return
	}
	handler, pattern := s.mux.Handler(r)
	if pattern != "" {
		s.mux.ServeHTTP(out, r)
		return
	}
	refusal := &discarded{header: http.Header{}}
	handler.ServeHTTP(refusal, r)
	if allow := refusal.header.Get("Allow"); allow != "" {
		out.Header().Set("Allow", allow)
		out.fail(&httpError{http.StatusMethodNotAllowed, orrery.Errorf(orrery.Invalid, "%s is not offered here; %s is", r.Method, allow)})
		return
	}
	out.fail(orrery.Errorf(orrery.NotFound, "there is nothing at %s; /openapi.json lists what there is", r.URL.Path))
}

// discarded is a ResponseWriter of which only the header counts.
type discarded struct{ header http.Header }

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }
func (d *discarded) WriteHeader(int)             {}

// send writes a success.
func (a *answer) send(status int, body []byte) {
	if status == http.StatusNoContent {
		a.WriteHeader(status)
		return
	}
	header := a.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	a.WriteHeader(status)
	a.Write(body)
}

// fail writes an error as every client of the API expects it.
func (a *answer) fail(err error) {
	a.cause = err
	status, title := wire.StatusOf(orrery.ErrorCode(err))
	if e := (*httpError)(nil); errors.As(err, &e) {
		status, title = e.status, http.StatusText(e.status)
	}
	shape := wire.Error{
		ID: a.id, Status: strconv.Itoa(status), Code: string(orrery.ErrorCode(err)), Title: title,
		Detail: orrery.ErrorMessage(err), Source: source(err),
	}
	body, encodeErr := marshal(wire.Failure{Errors: []wire.Error{shape}})
	if encodeErr != nil {
		panic(encodeErr) // strings only: cannot be
	}
	switch status {
	case http.StatusUnauthorized:
		a.Header().Set("WWW-Authenticate", `Basic realm="orrery", charset="UTF-8"`)
	case http.StatusServiceUnavailable:
		a.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
	}
	a.send(status, body)
}

func source(err error) *wire.ErrorSource {
	if e := (*parameterError)(nil); errors.As(err, &e) {
		return &wire.ErrorSource{Parameter: e.err.Pointer}
	}
	if e := (*orrery.Error)(nil); errors.As(err, &e) && e.Pointer != "" {
		return &wire.ErrorSource{Pointer: e.Pointer}
	}
	return nil
}

// recovered answers after a panic, where it still can.
func (s *server) recovered(out *answer, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	out.cause = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	if out.status == 0 {
		out.fail(out.cause)
	}
}

// log writes one line for each request: what was asked, never what was in it.
func (s *server) log(out *answer, r *http.Request) {
	level := slog.LevelInfo
	attributes := []slog.Attr{
		slog.String("request", out.id), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Int("status", out.status), slog.Duration("took", s.now().Sub(out.begun)),
	}
	if out.actor.APIKeyID != "" {
		attributes = append(attributes, slog.String("organization", out.actor.OrganizationID), slog.String("principal", out.actor.PrincipalID), slog.String("key", out.actor.APIKeyID))
	}
	switch {
	case out.status >= http.StatusInternalServerError && out.status != http.StatusServiceUnavailable:
		level = slog.LevelError
	case out.status < http.StatusBadRequest && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		level = slog.LevelDebug
	}
	if out.cause != nil {
		attributes = append(attributes, slog.String("error", out.cause.Error()))
	}
	s.logger.LogAttrs(r.Context(), level, "request", attributes...)
}

// newRequestID returns 64 random bits in hex.
func newRequestID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
