package gateway

import (
	"errors"
	"sync"
	"time"
)

// explain logs why a connection ended, as loudly as somebody can do something about it.
func (g *Gateway) explain(c *connection, reason error) {
	var protocol protocolError
	var handshake handshakeError
	var refused refusedError
	var unwelcome doorwayError
	log := g.config.Logger.With("client", c.host)
	g.noteEnd(c, reason)
	switch {
	case errors.Is(reason, errPlaintext):
		g.metrics.refused.WithLabelValues("plaintext").Inc()
		if g.notices.first("plaintext " + c.host) {
			log.Warn("closed the connection of " + reason.Error())
		}
	case errors.As(reason, &handshake):
		g.metrics.refused.WithLabelValues("tls").Inc()
		log.Debug("closed a client's connection", "reason", reason)
	case errors.As(reason, &refused):
		g.metrics.refused.WithLabelValues("authentication").Inc()
		kind := "authentication "
		if c.mechanism == "" { // another mistake, which must not hide behind a wrong key from the same address
			kind = "mechanism "
		}
		if g.notices.first(kind + c.host) {
			log.Info("a client could not authenticate", "reason", reason)
		}
	case errors.As(reason, &protocol):
		g.metrics.refused.WithLabelValues("protocol").Inc()
		if g.notices.first("protocol " + c.host) {
			log.Warn("closed a client's connection", "reason", reason, "cluster", c.session.LogicalClusterID)
		}
	case errors.As(reason, &unwelcome), errors.Is(reason, errCrowded):
		g.metrics.refused.WithLabelValues("address").Inc()
		if g.notices.first("address " + c.host) {
			log.Warn("closed a client's connection before it logged in", "reason", reason)
		}
	case errors.Is(reason, errForeignTopic):
		log.Error("closed a client's connection before it saw what is not its own", "reason", reason, "cluster", c.session.LogicalClusterID)
	case errors.Is(reason, errClientLeft):
	default:
		log.Debug("closed a client's connection", "reason", reason, "cluster", c.session.LogicalClusterID)
	}
}

// notices keeps a client that tries again and again from filling the log: one line per kind and address in
// noticePause.
type notices struct {
	now func() time.Time
	mu  sync.Mutex
	at  map[string]time.Time
}

const (
	noticePause = time.Minute
	maxNotices  = 1024
)

func newNotices(now func() time.Time) *notices {
	return &notices{now: now, at: map[string]time.Time{}}
}

// first reports whether a notice is due.
func (n *notices) first(what string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	if last, ok := n.at[what]; ok && now.Sub(last) < noticePause {
		return false
	}
	if len(n.at) >= maxNotices {
		clear(n.at)
	}
	n.at[what] = now
	return true
}
