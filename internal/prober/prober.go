// Package prober measures every broker of a physical cluster from outside, as a tenant of its own: through the public
// address, TLS and a login with an API key it produces one record to a partition that this very broker leads, and reads
// it back. Each probe is a new client, so that it meets what a client meets that connects now; nothing is retried,
// for what a client would retry is what the probe is there to see.
//
// A probe is three connections (a client of this library has one each for asking, producing and fetching) and five
// requests after the logins, and some hundred bytes in a topic that keeps an hour; docs/decisions/0016 has what that costs.
package prober

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/orrery-kafka/orrery/internal/health"
)

// Target is one broker, or with no Topic an address at which a login is all that is tried.
type Target struct {
	Node int32
	// Address is HOST:PORT of the broker's gateway, as the cluster's endpoints say.
	Address string
	// Topic has one partition, which the broker leads and has the only replica of.
	Topic string
}

// Login is how a probe logs in.
type Login struct {
	// TLS is what it takes to trust the gateways; the name that their certificate is for is that of the address.
	TLS *tls.Config
	// User and Password are an API key and its secret.
	User, Password string
	// Dial replaces the network; nil: it is not.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Limits of one round.
const (
	// Timeout is how long one probe takes at the most: longer than a client waits that is in a hurry, and shorter than the
	// time between two probes.
	Timeout = 4 * time.Second
	// atOnce bounds the probes that are made at the same time.
	atOnce = 16
)

// Probe tries every target once, and returns when all of them are done, each after Timeout at most, by node. It has ended
// all that it began when it returns.
func Probe(ctx context.Context, login Login, targets []Target) []health.Probe {
	probes := make([]health.Probe, len(targets))
	slots := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	for i, target := range targets {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			probes[i] = probe(ctx, login, target)
		})
	}
	running.Wait()
	slices.SortStableFunc(probes, func(a, b health.Probe) int { return int(a.Node) - int(b.Node) })
	return probes
}
