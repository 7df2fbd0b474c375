package gateway

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// fetchSession is an incremental fetch session that a connection opened at the broker.
type fetchSession struct {
	// policy is what allowed its topics. Where it changed, the session must be opened again.
	policy *authz.Policy
}

// sessionUse is what one fetch does with a session.
type sessionUse struct {
	reserved bool // a slot of the tenant is taken for a session that the broker may open
	policy   *authz.Policy
	ended    int32 // the session that the request closes or replaces, or 0
	goesOn   int32 // the session that the request goes on with, or 0
}

// admitFetchSession decides what a fetch (version 7 or newer) may do with a session, and takes the session out of
// the request where it may have none.
func (s *session) admitFetchSession(r *kmsg.FetchRequest, sessionless bool) (sessionUse, int16) {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	policy := s.policy()
	held, known := m.fetchSessions[r.SessionID]
	if r.SessionID != 0 && !known {
		if r.SessionEpoch > 0 {
			return sessionUse{}, kerr.FetchSessionIDNotFound.Code
		}
		r.SessionID = 0 // to be closed or replaced, and not this connection's
	}
	use := sessionUse{policy: policy}
	switch {
	case r.SessionEpoch > 0 && (sessionless || held.policy != policy):
		return use, kerr.FetchSessionIDNotFound.Code
	case r.SessionEpoch > 0:
		use.goesOn = r.SessionID
		return use, 0
	}
	use.ended = r.SessionID
	if r.SessionEpoch < 0 {
		return use, 0
	}
	if use.reserved = !sessionless && s.gateway.takeFetchSession(s.LogicalClusterID); !use.reserved {
		r.SessionEpoch = -1
	}
	return use, 0
}

// settleFetchSession keeps what the broker's response says about the session.
func (s *session) settleFetchSession(use sessionUse, response *kmsg.FetchResponse) {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := use.ended
	if response.ErrorCode == kerr.FetchSessionIDNotFound.Code {
		gone = use.goesOn // the broker threw it out for another one
	}
	if _, held := m.fetchSessions[gone]; held {
		delete(m.fetchSessions, gone)
		s.gateway.giveFetchSession(s.LogicalClusterID)
	}
	if !use.reserved {
		return
	}
	if response.ErrorCode != 0 || response.SessionID == 0 {
		s.gateway.giveFetchSession(s.LogicalClusterID)
		return
	}
	if m.fetchSessions == nil {
		m.fetchSessions = map[int32]fetchSession{}
	}
	m.fetchSessions[response.SessionID] = fetchSession{use.policy}
}

// releaseFetchSessions gives the tenant back what a connection that has ended held.
func (s *session) releaseFetchSessions() {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	for range m.fetchSessions {
		s.gateway.giveFetchSession(s.LogicalClusterID)
	}
	m.fetchSessions = nil
}

// takeFetchSession counts a session of a tenant, unless it has as many as it may.
func (g *Gateway) takeFetchSession(logicalClusterID string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fetchSessions[logicalClusterID] >= g.config.Limits.FetchSessions {
		return false
	}
	g.fetchSessions[logicalClusterID]++
	return true
}

func (g *Gateway) giveFetchSession(logicalClusterID string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fetchSessions[logicalClusterID]--; g.fetchSessions[logicalClusterID] <= 0 {
		delete(g.fetchSessions, logicalClusterID)
	}
}
