package network

import (
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"
)

// maxQueued is how many packets wait between two hosts; more are dropped, as in any switch.
const maxQueued = 1000

// link carries packets from one host to another.
type link struct {
	to        *Host
	condition atomic.Pointer[Condition]
	queue     chan packet
}

type packet struct {
	content []byte
	arrived time.Time
}

// start begins to carry packets.
func (n *Network) start() {
	all := append([]*Host{n.Here}, n.Hosts...)
	n.links = make([][]*link, len(all))
	for _, from := range all {
		n.links[from.index] = make([]*link, len(all))
		for _, to := range all {
			if from != to {
				l := &link{to: to, queue: make(chan packet, maxQueued)}
				l.condition.Store(&Condition{})
				n.links[from.index][to.index] = l
				n.running.Go(func() { n.deliver(l) })
			}
		}
	}
	for _, from := range all {
		n.running.Go(func() { n.receive(from) })
	}
}

func (n *Network) each(do func(*link)) {
	for _, row := range n.links {
		for _, l := range row {
			if l != nil {
				do(l)
			}
		}
	}
}

// receive takes what a host sends, until its device is closed.
func (n *Network) receive(from *Host) {
	buffer := make([]byte, mtu)
	for {
		size, err := from.device.Read(buffer)
		if err != nil {
			return
		}
		l := n.route(from, buffer[:size])
		if l == nil {
			continue
		}
		select {
		case l.queue <- packet{append([]byte(nil), buffer[:size]...), time.Now()}:
		default:
		}
	}
}

// route is the link to where a packet goes, nil for nowhere: only IPv4 between the hosts is carried.
func (n *Network) route(from *Host, content []byte) *link {
	if len(content) < 20 || content[0]>>4 != 4 {
		return nil
	}
	to := netip.AddrFrom4([4]byte(content[16:20]))
	for _, l := range n.links[from.index] {
		if l != nil && l.to.Address == to {
			return l
		}
	}
	return nil
}

// deliver hands packets over, in their order, as the link's condition of that moment says.
func (n *Network) deliver(l *link) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	wait := func(d time.Duration) {
		if d <= 0 {
			return
		}
		timer.Reset(d)
		select {
		case <-timer.C:
		case <-n.ended:
		}
	}
	for {
		var p packet
		select {
		case p = <-l.queue:
		case <-n.ended:
			return
		}
		c := l.condition.Load()
		if c.Cut || c.Loss > 0 && rand.Float64() < c.Loss {
			continue
		}
		wait(time.Until(p.arrived.Add(c.Delay)))
		if c.Rate > 0 {
			wait(time.Duration(len(p.content)) * time.Second / time.Duration(c.Rate))
		}
		_, _ = l.to.device.Write(p.content) // a host that does not take it drops it
	}
}
