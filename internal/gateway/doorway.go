package gateway

import (
	"container/list"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// doorway bounds what clients can hold and do that have not logged in: how many there are, how many of one address,
// how often an address connects and how often it fails. What is beyond costs an accept and a close.
//
// Where there are too many of all addresses, the one that has been there for longest gives way: a good client needs
// milliseconds, and a hostile one as long as it is let.
type doorway struct {
	limits *Limits
	exempt []netip.Prefix
	now    func() time.Time

	mu        sync.Mutex
	waiting   list.List // of *visit, the oldest first
	addresses map[netip.Addr]*visitor
}

// visit is one connection that has not logged in.
type visit struct {
	connection *connection
	address    netip.Addr
	place      *list.Element // nil: it has left
}

// visitor is what is known about an address.
type visitor struct {
	waiting               int // connections that have not logged in
	connections, failures bucket
}

// bucket holds how much of something an address has left, up to a burst, as of a time.
type bucket struct {
	left float64
	at   time.Time
}

const (
	// maxAddresses bounds the table. An address that is forgotten begins anew, and one with connections that wait is not.
	maxAddresses = 1 << 14
	// forgetting looks at so many addresses for the one that is best forgotten.
	forgetting = 16
	// perSecond is the part of a burst that comes back each second.
	perSecond = 0.1
	// prefixIPv6 is what one customer has of IPv6 addresses, at least.
	prefixIPv6 = 64
)

var (
	errCrowded     = errors.New("too many clients are connected that have not logged in, and this one waited for longest")
	errAddressFull = doorwayError{"its address has too many connections that have not logged in"}
	errAddressFast = doorwayError{"its address connects too often"}
	errAddressBad  = doorwayError{"its address failed to log in too often"}
)

// doorwayError is a connection that was refused because of its address.
type doorwayError struct{ text string }

func (e doorwayError) Error() string { return e.text }

// Loopback returns this machine's own networks.
func Loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

func newDoorway(config *Config) *doorway {
	exempt := config.ExemptAddresses
	if exempt == nil {
		exempt = Loopback()
	}
	return &doorway{limits: &config.Limits, exempt: exempt, now: config.Now, addresses: map[netip.Addr]*visitor{}}
}

// enter admits a new connection to the time before its login, or says why not. The address is invalid for a client
// that has none.
func (d *doorway) enter(c *connection, address netip.Addr) error {
	address = customer(address)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.limited(address) {
		v, now := d.visitor(address), d.now()
		switch {
		case v.waiting >= d.limits.AddressConnections:
			return errAddressFull
		case v.failures.level(now, d.limits.AddressFailures) < 1:
			return errAddressBad
		case !v.connections.take(now, d.limits.AddressAttempts):
			return errAddressFast
		}
		v.waiting++
	}
	if d.waiting.Len() >= d.limits.Unauthenticated {
		oldest := d.waiting.Front().Value.(*visit)
		d.remove(oldest)
		oldest.connection.end(errCrowded)
	}
	c.visit = &visit{connection: c, address: address}
	c.visit.place = d.waiting.PushBack(c.visit)
	return nil
}

// leave ends a connection's visit: it has logged in, or ended. Further calls do nothing.
func (d *doorway) leave(v *visit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remove(v)
}

func (d *doorway) remove(v *visit) {
	if v == nil || v.place == nil {
		return
	}
	d.waiting.Remove(v.place)
	v.place = nil
	if at := d.addresses[v.address]; at != nil && d.limited(v.address) {
		at.waiting--
	}
}

// admits returns why a client that logs in without a visit may not try: its address failed too often.
func (d *doorway) admits(address netip.Addr) error {
	address = customer(address)
	d.mu.Lock()
	defer d.mu.Unlock()
	if v := d.addresses[address]; v != nil && d.limited(address) && v.failures.level(d.now(), d.limits.AddressFailures) < 1 {
		return errAddressBad
	}
	return nil
}

// failed counts a login of an address that failed.
func (d *doorway) failed(address netip.Addr) {
	address = customer(address)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.limited(address) {
		d.visitor(address).failures.take(d.now(), d.limits.AddressFailures)
	}
}

func (d *doorway) limited(address netip.Addr) bool {
	if !address.IsValid() {
		return false
	}
	for _, prefix := range d.exempt {
		if prefix.Contains(address) {
			return false
		}
	}
	return true
}

// visitor returns what is known about an address; it forgets another where there is no room.
func (d *doorway) visitor(address netip.Addr) *visitor {
	v := d.addresses[address]
	if v != nil {
		return v
	}
	if len(d.addresses) >= maxAddresses {
		d.forget()
	}
	now := d.now()
	v = &visitor{connections: bucket{float64(d.limits.AddressAttempts), now}, failures: bucket{float64(d.limits.AddressFailures), now}}
	d.addresses[address] = v
	return v
}

// forget drops the address that has most left, of some that have no connection here. There are such ones, for
// fewer connections wait than there are places in the table.
func (d *doorway) forget() {
	var best netip.Addr
	most, seen, now := -1.0, 0, d.now()
	for address, v := range d.addresses {
		if v.waiting > 0 {
			continue
		}
		left := min(v.failures.level(now, d.limits.AddressFailures)/float64(d.limits.AddressFailures), v.connections.level(now, d.limits.AddressAttempts)/float64(d.limits.AddressAttempts))
		if left > most {
			best, most = address, left
		}
		if seen++; seen == forgetting {
			break
		}
	}
	delete(d.addresses, best)
}

// level returns what a bucket has.
func (b *bucket) level(now time.Time, burst int) float64 {
	back := max(now.Sub(b.at).Seconds(), 0) * perSecond * float64(burst)
	return min(b.left+back, float64(burst))
}

// take takes one out; false: there is none.
func (b *bucket) take(now time.Time, burst int) bool {
	left := b.level(now, burst)
	if left < 1 {
		return false
	}
	b.left, b.at = left-1, now
	return true
}

// customer is the address by which somebody is counted.
func customer(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if address.Is6() {
		if prefix, err := address.Prefix(prefixIPv6); err == nil {
			return prefix.Addr()
		}
	}
	return address
}
