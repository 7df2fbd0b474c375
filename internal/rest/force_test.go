package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/wire"
)

// TestCreationIsWithdrawn: a key that no satellite puts in force is refused, with the reason, and is gone.
func TestCreationIsWithdrawn(t *testing.T) {
	p := newPlatform(t, nil)
	cluster := p.cluster("c")
	p.listen(false)
	answered := make(chan reply, 1)
	go func() {
		answered <- p.send(p.admin, "POST", "/iam/v2/api-keys", `{"spec":{"resource":{"id":"`+cluster+`"}}}`)
	}()
	list := "/iam/v2/api-keys?spec.resource=" + cluster
	poll.Until(t, "the key to be stored", func() bool { return p.send(p.admin, "GET", list, "").field(t, "data.0.id") != "" })
	p.ahead.Store(int64(time.Hour)) // past the deadline
	p.nudge()
	r := (<-answered).want(t, 503, `"code":"unavailable"`, "withdrawn")
	if r.header.Get("Retry-After") == "" || strings.Contains(r.body, "secret") {
		t.Fatalf("headers %v: %s", r.header, r.body)
	}
	if key := p.send(p.admin, "GET", list, "").field(t, "data.0.id"); key != "" {
		t.Fatalf("the key %s is still there", key)
	}
}

// TestDeletionStaysInForce: where a deletion takes too long the answer is 503, and the same request says when it
// is done.
func TestDeletionStaysInForce(t *testing.T) {
	p := newPlatform(t, func(c *Config) { c.Wait = 50 * time.Millisecond })
	cluster := p.cluster("c")
	key := p.send(p.admin, "POST", "/iam/v2/api-keys", `{"spec":{"resource":{"id":"`+cluster+`"}}}`).want(t, 202).field(t, "id")
	pattern := orrery.CloudClusterCRN(p.first.Organization.ID, p.first.Environment.ID, cluster).String()
	account := p.send(p.admin, "POST", "/iam/v2/service-accounts", `{"display_name":"a"}`).want(t, 201).field(t, "id")
	binding := p.send(p.admin, "POST", "/iam/v2/role-bindings", `{"principal":"User:`+account+`","role_name":"CloudClusterAdmin","crn_pattern":"`+pattern+`"}`).want(t, 201).field(t, "id")
	p.listen(false)
	for path, done := range map[string]int{"/iam/v2/api-keys/" + key: 204, "/iam/v2/role-bindings/" + binding: 200} {
		for range 2 {
			r := p.send(p.admin, "DELETE", path, "").want(t, 503, "it goes on")
			if r.header.Get("Retry-After") == "" {
				t.Fatalf("no Retry-After: %v", r.header)
			}
		}
		p.send(p.admin, "GET", path, "").want(t, 404)
		p.listen(true)
		poll.Until(t, path+" to be deleted", func() bool {
			status := p.send(p.admin, "DELETE", path, "").status
			return status == done || status == 404
		})
		p.listen(false)
	}
}

// TestDisconnectLeavesTheOperation: a client that goes away ends the wait and not the creation.
func TestDisconnectLeavesTheOperation(t *testing.T) {
	p := newPlatform(t, nil)
	cluster := p.cluster("c")
	p.listen(false)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := p.client(p.admin).CreateAPIKey(ctx, wire.APIKey{Spec: wire.APIKeySpec{Resource: &wire.Reference{ID: cluster}}})
		failed <- err
	}()
	listed := func() string {
		return p.send(p.admin, "GET", "/iam/v2/api-keys?spec.resource="+cluster, "").field(t, "data.0.id")
	}
	poll.Until(t, "the key to be stored", func() bool { return listed() != "" })
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	p.listen(true)
	if listed() == "" {
		t.Fatal("the key went with the client")
	}
}

// TestRepeatedCreation: a POST that is sent again with its Idempotency-Key creates nothing more.
func TestRepeatedCreation(t *testing.T) {
	p := newPlatform(t, nil)
	post := func(body, key string) reply {
		return p.send(p.admin, "POST", "/org/v2/environments", body, "Idempotency-Key", key)
	}
	first := post(`{"display_name":"a"}`, "k1").want(t, 201)
	again := post(`{"display_name":"a"}`, "k1").want(t, 201)
	if first.body != again.body || first.header.Get("X-Request-Id") == again.header.Get("X-Request-Id") {
		t.Fatalf("the repetition was answered %s, the request %s", again.body, first.body)
	}
	post(`{"display_name":"a"}`, "k2").want(t, 409)
	post(`{"display_name":"b"}`, "k1").want(t, 400, "used for another request")
	post(`{"display_name":""}`, "k3").want(t, 400)
	post(`{"display_name":"c"}`, "k4").want(t, 201)
	post(`{"display_name":"d"}`, strings.Repeat("k", maxIdempotencyKey+1)).want(t, 400, "Idempotency-Key has 256 bytes")

	key := p.send(p.admin, "POST", "/iam/v2/api-keys", `{"spec":{}}`, "Idempotency-Key", "k5").want(t, 202)
	r := p.send(p.admin, "POST", "/iam/v2/api-keys", `{"spec":{}}`, "Idempotency-Key", "k5").want(t, 409, key.field(t, "id"))
	if strings.Contains(r.body, key.field(t, "spec.secret")) {
		t.Fatal("the secret was kept")
	}
}

// TestRepeatedWhileRunning: the repetition of a request that is still being worked on waits for its answer, also
// where the first client went away.
func TestRepeatedWhileRunning(t *testing.T) {
	p := newPlatform(t, nil)
	cluster := p.cluster("c")
	account := p.send(p.admin, "POST", "/iam/v2/service-accounts", `{"display_name":"a"}`).want(t, 201).field(t, "id")
	pattern := orrery.CloudClusterCRN(p.first.Organization.ID, p.first.Environment.ID, cluster).String()
	body := `{"principal":"User:` + account + `","role_name":"CloudClusterAdmin","crn_pattern":"` + pattern + `"}`
	p.listen(false)
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "POST", p.server.URL+"/iam/v2/role-bindings", strings.NewReader(body))
	p.must(err)
	request.SetBasicAuth(p.admin.key, p.admin.secret)
	request.Header.Set("Idempotency-Key", "k")
	gone := make(chan error, 1)
	go func() {
		_, err := p.server.Client().Do(request)
		gone <- err
	}()
	list := "/iam/v2/role-bindings?principal=User:" + account + "&crn_pattern=" + pattern
	poll.Until(t, "the binding to be stored", func() bool { return p.send(p.admin, "GET", list, "").field(t, "data.0.id") != "" })
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	answered := make(chan reply, 1)
	go func() {
		answered <- p.send(p.admin, "POST", "/iam/v2/role-bindings", body, "Idempotency-Key", "k")
	}()
	p.listen(true)
	(<-answered).want(t, 201, account)
}

func TestRepeatsAreBounded(t *testing.T) {
	r := newRepeats()
	now := time.Unix(0, 0)
	for i := range maxRepeats + 10 {
		entry, first := r.begin([32]byte{byte(i), byte(i >> 8)}, [32]byte{}, now)
		if !first {
			t.Fatalf("the key %d was there", i)
		}
		r.end(entry, route{}, 201, []byte(strconv.Itoa(i)))
	}
	if len(r.entries) > maxRepeats || len(r.entries) != r.oldest.Len() {
		t.Fatalf("%d answers are kept; at most %d may be", len(r.entries), maxRepeats)
	}
	if _, first := r.begin([32]byte{byte(maxRepeats & 0xff), byte(maxRepeats >> 8)}, [32]byte{}, now.Add(repeatLifetime)); first {
		t.Fatal("an answer was forgotten too early")
	}
	if _, first := r.begin([32]byte{0xff, 0xff}, [32]byte{}, now.Add(repeatLifetime+time.Second)); !first || len(r.entries) != 1 {
		t.Fatalf("%d answers are kept for too long", len(r.entries)-1)
	}
}
