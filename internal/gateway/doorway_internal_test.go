package gateway

import (
	"net/netip"
	"testing"
	"time"
)

// TestManyAddresses has more addresses come than the table has room for, some of them with connections that stay.
func TestManyAddresses(t *testing.T) {
	at := time.Now()
	config := Config{Limits: Limits{Connections: 1 << 20}.withDefaults(), Now: func() time.Time { return at }, ExemptAddresses: []netip.Prefix{}}
	if config.Limits.Unauthenticated > maxAddresses/2 {
		t.Fatalf("%d connections may wait, more than half of the table", config.Limits.Unauthenticated)
	}
	d := newDoorway(&config)
	g := &Gateway{config: config, doorway: d, uses: newTenantUses(config.Now, newBudget(1), newBudget(1))}
	enter := func(i int) *connection {
		c := g.newConnection(nil, "", 0)
		address := netip.AddrFrom16([16]byte{0x20, 1, 0, 0, byte(i >> 16), byte(i >> 8), byte(i), 0, 0, 0, 0, 0, 0, 0, byte(i), 1})
		if err := d.enter(c, address); err != nil {
			t.Fatalf("address %d: %v", i, err)
		}
		return c
	}
	for i := range config.Limits.Unauthenticated - 1 {
		enter(i)
	}
	for i := range maxAddresses + maxAddresses/4 {
		c := enter(i + maxAddresses)
		d.leave(c.visit)
		d.leave(c.visit) // nothing
	}
	if n := len(d.addresses); n > maxAddresses {
		t.Errorf("%d addresses are known", n)
	}
	staying := 0
	for _, v := range d.addresses {
		staying += v.waiting
	}
	if staying != config.Limits.Unauthenticated-1 || d.waiting.Len() != staying {
		t.Errorf("%d connections wait, and the table counts %d, want %d", d.waiting.Len(), staying, config.Limits.Unauthenticated-1)
	}
}

// TestBucket: a burst, then a tenth of it each second.
func TestBucket(t *testing.T) {
	at := time.Now()
	b := bucket{10, at}
	taken := func() (n int) {
		for b.take(at, 10) {
			n++
		}
		return n
	}
	if n := taken(); n != 10 {
		t.Errorf("%d at once, want 10", n)
	}
	at = at.Add(3 * time.Second)
	if n := taken(); n != 3 {
		t.Errorf("%d after 3 s, want 3", n)
	}
	at = at.Add(time.Hour)
	if n := taken(); n != 10 {
		t.Errorf("%d after an hour, want 10", n)
	}
	at = at.Add(-time.Hour) // a clock that is set back
	if n := taken(); n != 0 {
		t.Errorf("%d in the past, want 0", n)
	}
}
