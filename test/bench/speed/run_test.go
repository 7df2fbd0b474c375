package speed

import (
	"testing"

	"github.com/orrery-kafka/orrery/test/bench/job"
	bench "github.com/orrery-kafka/orrery/test/bench/rig"
)

// A run whose bytes went another way than its path says is no run.
func TestCheck(t *testing.T) {
	gateway, relay := &bench.Child{Name: "gateway"}, &bench.Child{Name: "relay"}
	r := &rig{fronts: []*bench.Child{gateway, relay}}
	through := &path{name: pathGateway, Path: job.Path{Address: "gateway:1", CA: "ca.pem"}, front: gateway}
	relayed := &path{name: pathRelay, Path: job.Path{Address: "broker:1", Through: "relay:1", CA: "ca.pem"}, front: relay}
	direct := &path{name: pathPlain, Path: job.Path{Address: "broker:1"}}
	const size = 1 << 20
	full, none, half := use{read: size, written: size}, use{read: 100, written: 100}, use{read: size, written: size / 2}
	for _, c := range []struct {
		name           string
		path           *path
		server, tls    string
		gateway, relay use
		ok             bool
	}{
		{"through the gateway", through, "gateway:1", commonTLS, full, none, true},
		{"through the relay", relayed, "relay:1", commonTLS, none, full, true},
		{"direct", direct, "broker:1", "none", none, none, true},
		{"past the gateway", through, "gateway:1", commonTLS, none, none, false},
		{"half of it past the gateway", through, "gateway:1", commonTLS, half, none, false},
		{"through both", through, "gateway:1", commonTLS, full, full, false},
		{"not direct", direct, "broker:1", "none", full, none, false},
		{"past the relay to the broker", relayed, "broker:1", commonTLS, none, full, false},
		{"another cipher", through, "gateway:1", "TLS 1.3, TLS_AES_256_GCM_SHA384, ECDSA P-256", full, none, false},
		{"without TLS", through, "gateway:1", "none", full, none, false},
		{"TLS where there is none", direct, "broker:1", commonTLS, none, none, false},
	} {
		s := sample{Result: job.Result{Server: c.server, TLS: c.tls}, bytes: size}
		if err := r.check(c.path, s, snapshot{fronts: []use{c.gateway, c.relay}}); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
