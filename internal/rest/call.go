package rest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
)

// call is one authenticated request of the route table on its way through a handler.
type call struct {
	*server
	ctx     context.Context
	request *http.Request
	actor   mothership.Actor
	id      string // of the request, as in X-Request-Id
	base    string // SCHEME://HOST, and /api where the request came there
	body    []byte
}

// operation serves a route: authentication, rate limit, query, body, use case, answer.
func (s *server) operation(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		out := w.(*answer)
		c := &call{server: s, ctx: request.Context(), request: request, id: out.id, base: baseURL(request)}
		if err := s.admit(out, c); err != nil {
			out.fail(err)
			return
		}
		if err := c.read(w, r); err != nil {
			out.fail(err)
			return
		}
		status, body, err := s.once(c, r)
		if err != nil {
			out.fail(err)
			return
		}
		out.send(status, body)
	})
}

// admit authenticates the request and takes it off the key's rate, or, where it does not authenticate, off its
// address's.
func (s *server) admit(out *answer, c *call) error {
	var failure error
	c.actor, failure = s.authenticate(c.request)
	key := "address " + remoteHost(c.request)
	if failure == nil {
		key = "key " + c.actor.APIKeyID
		out.actor = c.actor
	}
	rate := s.rates.take(key)
	rate.write(out.Header())
	if !rate.allowed {
		return orrery.Errorf(orrery.TooManyRequests, "more than %d requests a second came from this API key or address; try again in %d s", rate.perSecond, rate.retryAfter)
	}
	return failure
}

// authenticate checks the credentials: HTTP Basic with a Cloud API key.
func (s *server) authenticate(r *http.Request) (mothership.Actor, error) {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "":
		return mothership.Actor{}, orrery.Errorf(orrery.Unauthenticated, "this request has no credentials; send a Cloud API key and its secret with HTTP Basic authentication")
	case "basic":
	default:
		return mothership.Actor{}, orrery.Errorf(orrery.Unauthenticated, "this authentication scheme is not offered; send a Cloud API key and its secret with HTTP Basic authentication")
	}
	keyID, secret, ok := r.BasicAuth()
	if !ok {
		return mothership.Actor{}, orrery.Errorf(orrery.Unauthenticated, "the Authorization header is malformed; it must be Basic and the base 64 of KEY:SECRET")
	}
	return s.mothership.Authenticate(r.Context(), keyID, secret)
}

// read checks the query and reads the body.
func (c *call) read(w http.ResponseWriter, r route) error {
	for name, values := range c.request.URL.Query() {
		i := slices.IndexFunc(r.query, func(p parameter) bool { return p.name == name })
		switch {
		case !slices.ContainsFunc(values, func(v string) bool { return v != "" }):
		case i < 0:
			return invalidParameter(name, "%s %s has no query parameter %q", r.method, r.path, name)
		case len(slices.Compact(slices.Sorted(slices.Values(values)))) > 1:
			return invalidParameter(name, "the query parameter %q was given more than once, with different values", name)
		}
	}
	for _, p := range r.query {
		if p.required && c.query(p.name) == "" {
			return invalidParameter(p.name, "the query parameter %q is required: %s", p.name, p.meaning)
		}
	}
	if r.request == nil {
		return nil
	}
	if encoding := c.request.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return &httpError{http.StatusUnsupportedMediaType, orrery.Errorf(orrery.Invalid, "the content encoding %q is not offered; send the body as plain JSON", encoding)}
	}
	var err error
	c.body, err = io.ReadAll(http.MaxBytesReader(w, c.request.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return &httpError{http.StatusRequestEntityTooLarge, orrery.Errorf(orrery.Invalid, "the body is larger than %d bytes", tooLarge.Limit)}
	}
	if err != nil {
		return &orrery.Error{Code: orrery.Invalid, Message: "the body could not be read to its end", Err: err}
	}
	return nil
}

// query returns the value of a query parameter, "" where it is absent, empty, or a filler.
func (c *call) query(name string) string { return c.request.URL.Query().Get(name) }

// pathID returns the {id} of the path.
func (c *call) pathID() string { return c.request.PathValue("id") }

// url returns the full URL of an API path.
func (c *call) url(path string) string { return c.base + path }

// marshal encodes an answer: without HTML escapes, as clients show it to people.
func marshal(v any) ([]byte, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}
