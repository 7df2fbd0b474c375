package rest

import (
	"cmp"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/orrery-kafka/orrery/internal/mothership"
)

// Limits of one request.
const (
	maxBody         = 1 << 20                // bytes
	recheckInterval = 250 * time.Millisecond // of a wait for which no change was announced
	defaultWait     = 10 * time.Second
	// graceWait is how much longer than Config.Wait a creation is waited for: the loop that withdraws it at its
	// deadline must be the one that says why.
	graceWait = 3 * time.Second
)

// Config is what the handler is made of. Mothership is required.
type Config struct {
	Mothership *mothership.Mothership
	// Changed returns a channel that is closed at the next change of stored state. nil: waits look again each
	// 250 ms, which they do anyway.
	Changed func() <-chan struct{}
	// Wait bounds the wait for a deletion, and with three seconds more that for a creation. 0 means 10 s. The
	// http.Server's WriteTimeout must be longer.
	Wait time.Duration
	// RequestsPerSecond and Burst are the rate of each API key, and of each address without one. 0 means
	// DefaultRequestsPerSecond and DefaultBurst.
	RequestsPerSecond, Burst int
	// Handlers are served as they are, without authentication or rate limit, by http.ServeMux pattern: health
	// checks, metrics, the console.
	Handlers map[string]http.Handler
	// Now is the clock of rate limits and logs; nil means time.Now.
	Now func() time.Time
	// Logger gets one line for each request, and what an answer must not tell. nil: discarded.
	Logger *slog.Logger
}

// server is the handler's state: all of it is safe for concurrent use.
type server struct {
	mothership *mothership.Mothership
	changed    func() <-chan struct{}
	maxWait    time.Duration
	now        func() time.Time
	logger     *slog.Logger
	mux        *http.ServeMux
	origins    *http.CrossOriginProtection
	rates      *rates
	repeats    *repeats
	document   func() ([]byte, error)
}

// NewHandler returns the public API. It panics where two patterns of Handlers collide with each other or with
// the API's own: a fault of the wiring.
func NewHandler(c Config) http.Handler {
	s := &server{
		mothership: c.Mothership,
		changed:    c.Changed,
		maxWait:    cmp.Or(c.Wait, defaultWait),
		now:        c.Now,
		logger:     c.Logger,
		mux:        http.NewServeMux(),
		origins:    http.NewCrossOriginProtection(),
		repeats:    newRepeats(),
		document:   sync.OnceValues(Document),
	}
	if s.changed == nil {
		s.changed = func() <-chan struct{} { return nil }
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.rates = newRates(cmp.Or(c.RequestsPerSecond, DefaultRequestsPerSecond), cmp.Or(c.Burst, DefaultBurst), s.now)
	for _, r := range s.routes() {
		s.mux.Handle(r.method+" "+r.path, s.operation(r))
	}
	s.mux.HandleFunc("GET /openapi.json", s.serveDocument)
	for pattern, handler := range c.Handlers {
		s.mux.Handle(pattern, handler)
	}
	return s
}

// serveDocument answers GET /openapi.json.
func (s *server) serveDocument(w http.ResponseWriter, _ *http.Request) {
	document, err := s.document()
	if err != nil {
		panic(err) // the table is wrong; a test makes this impossible
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(document)
}
