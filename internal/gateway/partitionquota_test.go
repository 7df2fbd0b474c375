package gateway

import (
	"testing"
	"time"
)

// The times are made up: what counts is their order.
func TestGrants(t *testing.T) {
	var g grants
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0) }
	const tenant, room = "lkc-aaaaaa", 10

	first := &grant{started: at(1)}
	g.add(tenant, first)
	if granted, ok := g.grow(tenant, first, 6, room); !ok || granted != 6 {
		t.Fatalf("granted %d, %v", granted, ok)
	}
	second := &grant{started: at(2)}
	g.add(tenant, second)
	if granted, ok := g.grow(tenant, second, 5, room); ok || granted != 6 {
		t.Fatalf("a second request got what the first has: %d, %v", granted, ok)
	}
	if granted, ok := g.grow(tenant, second, 4, room); !ok || granted != 10 {
		t.Fatalf("granted %d, %v", granted, ok)
	}
	if _, ok := g.grow("lkc-bbbbbb", &grant{started: at(2)}, 10, room); !ok {
		t.Error("one tenant's requests use up another's limit")
	}

	// The first is done at 3: a count that started before may miss it, one that starts later has it.
	first.done = at(3)
	late := &grant{started: at(4)}
	g.add(tenant, late)
	if granted, ok := g.grow(tenant, second, 1, room); ok {
		t.Errorf("the second forgot the first: %d", granted)
	}
	if granted, ok := g.grow(tenant, late, 0, room); !ok || granted != 4 {
		t.Errorf("the late one has %d, %v; the first is in its count already", granted, ok)
	}

	// A request that was never answered ends by itself.
	after := &grant{started: at(4).Add(grantLife + time.Second)}
	g.add(tenant, after)
	if granted, ok := g.grow(tenant, after, 10, room); !ok {
		t.Errorf("old grants still hold %d", granted)
	}
	if n := len(g.byTenant[tenant]); n != 1 {
		t.Errorf("%d grants are kept", n)
	}
}

func TestMemberHosts(t *testing.T) {
	var h memberHosts
	if got := h.host("g", "m"); got != "" {
		t.Errorf("host %q", got)
	}
	h.remember("g", "m", "192.0.2.1")
	h.remember("g", "", "192.0.2.2")
	if got := h.host("g", "m"); got != "/192.0.2.1" {
		t.Errorf("host %q", got)
	}
	if got := h.host("other", "m"); got != "" {
		t.Errorf("another group's member has host %q", got)
	}
	for i := range maxMemberHosts + 10 {
		h.remember("g", time.Duration(i).String(), "192.0.2.3")
	}
	if len(h.hosts) > maxMemberHosts {
		t.Errorf("%d hosts are kept", len(h.hosts))
	}
}
