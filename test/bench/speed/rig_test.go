package speed

import (
	"context"
	"testing"
	"time"
)

// Every path works on Apache Kafka, with all the checks that a measured run has.
func TestPaths(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts Apache Kafka and builds programs")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	r, err := openRig(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	}()
	o := Options{Bytes: 4 << 20, Duration: time.Second}
	for _, p := range []*path{r.gateway, r.own, r.relay, r.plain} {
		found := map[string]sample{}
		if err := r.large(ctx, p, o, func(load string, s sample) { found[load] = s }); err != nil {
			t.Fatal(err)
		}
		for _, load := range []string{loadProduce, loadFetch, loadProduceMany} {
			s := found[load]
			if s.bytes < o.Bytes || s.Took <= 0 || (s.front > 0) && p.front == nil {
				t.Errorf("%s through %s: %+v", load, p.name, s)
			}
		}
	}
	// Another path's bytes are noticed: here the client goes past the front that its path names.
	past := *r.relay
	past.front = r.gateway.front
	if err := r.large(ctx, &past, o, func(string, sample) {}); err == nil {
		t.Error("a run through the relay passed for one through the gateway")
	}
}
