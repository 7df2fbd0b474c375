package kafkarest_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery/internal/poll"
)

// TestManyUsers has more users than there may be clients: an idle client makes room, and while none is idle the next
// user is told to wait.
func TestManyUsers(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":1}`, 201)
	const most = 256
	var keys []key
	for i := range most + 10 {
		k := key{fmt.Sprintf("MANY%012d", i), fmt.Sprint("secret ", i)}
		p.credential(k, orgA, lkcA, organizer)
		keys = append(keys, k)
	}
	p.awaitKey(keys[len(keys)-1])
	for _, k := range keys {
		p.do(k, "GET", a+"/topics/orders", "", 200)
	}
	var writers []*io.PipeWriter
	for i, k := range keys[:most+1] {
		reader, writer := io.Pipe()
		defer writer.Close()
		go writer.Write([]byte(`{}`))
		response, err := p.server.Client().Do(p.request(k, "POST", a+"/topics/orders/records", reader))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		writers = append(writers, writer)
		if want := map[bool]int{true: 200, false: 429}[i < most]; response.StatusCode != want {
			t.Fatalf("user %d of %d at the same time: status %d, want %d", i+1, most, response.StatusCode, want)
		}
	}
	writers[0].Close()
	p.await(keys[most+1], 200, 429)
}

// awaitKey waits until the gateway has applied a key.
func (p *platform) awaitKey(k key) {
	p.t.Helper()
	p.await(k, 200, 401)
}

// await polls until a user's request has a status; only the others may come before.
func (p *platform) await(k key, want int, before ...int) {
	p.t.Helper()
	poll.Until(p.t, fmt.Sprint("status ", want), func() bool {
		response, body := p.send(p.request(k, "GET", a+"/topics", nil))
		if response.StatusCode != want && !slices.Contains(before, response.StatusCode) {
			p.t.Fatalf("waiting for status %d: %d %s", want, response.StatusCode, body)
		}
		return response.StatusCode == want
	})
}

func TestUnavailable(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":1}`, 201)
	p.engine.Close()
	for _, r := range []struct{ method, path, body string }{{"GET", "/topics", ""}, {"POST", "/topics/orders/records", "{}"}} {
		response, body := p.send(p.request(keyA, r.method, a+r.path, strings.NewReader(r.body)))
		if response.StatusCode != 503 || response.Header.Get("Retry-After") != "1" || !strings.Contains(string(body), `"error_code":503`) {
			t.Errorf("%s without an engine: %d, Retry-After %q, %s", r.path, response.StatusCode, response.Header.Get("Retry-After"), body)
		}
	}
	if err := p.rest.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	p.refused(keyA, "GET", a+"/topics", "", 503, 503, "stopping")
}
