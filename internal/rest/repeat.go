package rest

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/orrery-kafka/orrery"
)

// Bounds of what is remembered of requests with an Idempotency-Key.
const (
	maxRepeats         = 1000
	repeatLifetime     = 10 * time.Minute
	maxIdempotencyKey  = 255     // bytes
	maxRepeatedAnswer  = 1 << 16 // bytes
	repeatedCallBudget = 30 * time.Second
)

// repeats remembers the successful answers to POSTs with an Idempotency-Key header, so that a client that lost
// one may send it again. It is kept in memory: a restart forgets it.
type repeats struct {
	mu      sync.Mutex
	entries map[[sha256.Size]byte]*list.Element // of *repeat
	oldest  *list.List                          // oldest first
}

// repeat is one remembered request. What is below done is set before done is closed.
type repeat struct {
	key     [sha256.Size]byte
	request [sha256.Size]byte
	at      time.Time
	done    chan struct{}
	status  int // 0: it failed, and was forgotten
	body    []byte
	refusal error // instead of a body that must not be kept
}

func newRepeats() *repeats {
	return &repeats{entries: map[[sha256.Size]byte]*list.Element{}, oldest: list.New()}
}

// once runs an operation, or, where the request repeats an earlier one with the same Idempotency-Key, answers as
// that did.
func (s *server) once(c *call, r route) (int, []byte, error) {
	header := c.request.Header.Get("Idempotency-Key")
	switch {
	case header == "" || r.method != http.MethodPost:
		return c.execute(r)
	case len(header) > maxIdempotencyKey:
		return 0, nil, orrery.Errorf(orrery.Invalid, "the Idempotency-Key has %d bytes; at most %d are allowed", len(header), maxIdempotencyKey)
	}
	key := sha256.Sum256([]byte(c.actor.APIKeyID + "\x00" + header))
	request := sha256.Sum256(append([]byte(r.path+"\x00"+c.request.URL.RawQuery+"\x00"), c.body...))
	entry, first := s.repeats.begin(key, request, s.now())
	if !first {
		return entry.replay(c, request)
	}
	// The answer is for the repetition too, so a client that gives up does not end the wait for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), repeatedCallBudget)
	defer cancel()
	c.ctx = ctx
	var status int
	var body []byte
	defer func() { s.repeats.end(entry, r, status, body) }() // also after a panic
	var err error
	status, body, err = c.execute(r)
	return status, body, err
}

// execute runs the operation and encodes its answer.
func (c *call) execute(r route) (int, []byte, error) {
	out, err := r.run(c)
	if err != nil {
		return 0, nil, err
	}
	if r.response == nil {
		return r.status, nil, nil
	}
	body, err := marshal(out)
	return r.status, body, err
}

// begin returns the entry of a key, and whether it is new, so that the caller has to end it.
func (r *repeats) begin(key, request [sha256.Size]byte, now time.Time) (*repeat, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for front := r.oldest.Front(); front != nil && (r.oldest.Len() >= maxRepeats || now.Sub(front.Value.(*repeat).at) > repeatLifetime); front = r.oldest.Front() {
		delete(r.entries, r.oldest.Remove(front).(*repeat).key)
	}
	if element, ok := r.entries[key]; ok {
		return element.Value.(*repeat), false
	}
	entry := &repeat{key: key, request: request, at: now, done: make(chan struct{})}
	r.entries[key] = r.oldest.PushBack(entry)
	return entry, true
}

// end keeps a success, but never a secret, and forgets a failure.
func (r *repeats) end(entry *repeat, made route, status int, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if status != 0 && made.secret {
		var created struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(body, &created) != nil { // our own encoding: cannot be
			created.ID = "what it asked for"
		}
		entry.status = status
		entry.refusal = orrery.Errorf(orrery.Conflict, "the earlier request with this Idempotency-Key created %s, whose secret is shown only once and is kept nowhere; delete it and create another", created.ID)
	} else if status != 0 && len(body) <= maxRepeatedAnswer {
		entry.status, entry.body = status, body
	} else if element, ok := r.entries[entry.key]; ok && element.Value == entry {
		delete(r.entries, entry.key)
		r.oldest.Remove(element)
	}
	close(entry.done)
}

// replay answers as the earlier request was answered.
func (e *repeat) replay(c *call, request [sha256.Size]byte) (int, []byte, error) {
	if e.request != request {
		return 0, nil, orrery.Errorf(orrery.Invalid, "the Idempotency-Key was used for another request before; use a new one")
	}
	select {
	case <-e.done:
	case <-c.ctx.Done():
		return 0, nil, &orrery.Error{Code: orrery.Unavailable, Message: "the request with this Idempotency-Key is still being worked on", Err: c.ctx.Err()}
	}
	if e.status == 0 {
		return 0, nil, orrery.Errorf(orrery.Unavailable, "the request with this Idempotency-Key failed at the same moment; send it again")
	}
	return e.status, e.body, e.refusal
}
