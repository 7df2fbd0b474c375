package gateway

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// fetchSession is an incremental fetch session that a connection opened at the broker.
type fetchSession struct {
	// policy is what allowed its topics. Where it changed, the session must be opened again.
	policy *authz.Authorizer
}

// sessionUse is what one fetch does with a session.
type sessionUse struct {
	reserved bool // a slot of the tenant is taken for a session that the broker may open
	policy   *authz.Authorizer
	ended    int32 // the session that the request closes or replaces, or 0
	goesOn   int32 // the session that the request goes on with, or 0
}

// admitFetchSession decides what a fetch (version 7 or newer) may do with a session, and takes the session out of
// the request where it may have none.
func (s *session) admitFetchSession(id, epoch *int32, sessionless bool) (sessionUse, int16) {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	policy := s.policy()
	held, known := m.fetchSessions[*id]
	if *id != 0 && !known {
		if *epoch > 0 {
			return sessionUse{}, kerr.FetchSessionIDNotFound.Code
		}
		*id = 0 // to be closed or replaced, and not this connection's
	}
	use := sessionUse{policy: policy}
	switch {
	case *epoch > 0 && (sessionless || held.policy != policy):
		return use, kerr.FetchSessionIDNotFound.Code
	case *epoch > 0:
		use.goesOn = *id
		return use, 0
	}
	use.ended = *id
	if *epoch < 0 {
		return use, 0
	}
	if use.reserved = !sessionless && s.gateway.takeFetchSession(s.LogicalClusterID); use.reserved {
		m.openingSessions++
	} else {
		*epoch = -1
	}
	return use, 0
}

// settleFetchSession keeps what the broker's response says about the session.
func (s *session) settleFetchSession(use sessionUse, code int16, id int32) {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := use.ended
	if code == kerr.FetchSessionIDNotFound.Code {
		gone = use.goesOn // the broker threw it out for another one
	}
	if _, held := m.fetchSessions[gone]; held {
		delete(m.fetchSessions, gone)
		s.gateway.giveFetchSession(s.LogicalClusterID)
	}
	if !use.reserved {
		return
	}
	m.openingSessions--
	if code != 0 || id == 0 {
		s.gateway.giveFetchSession(s.LogicalClusterID)
		return
	}
	if m.fetchSessions == nil {
		m.fetchSessions = map[int32]fetchSession{}
	}
	m.fetchSessions[id] = fetchSession{use.policy}
}

// releaseFetchSessions has the sessions of a connection that has ended closed at the broker, which gives their slots
// back. For a session that the broker may have opened with an answer that nobody got, the id is not known: it
// counts until the broker may throw it out.
func (s *session) releaseFetchSessions() {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	var ended []endedSession
	for id := range m.fetchSessions {
		ended = append(ended, endedSession{s.LogicalClusterID, s.node, id})
	}
	s.gateway.closer.add(ended)
	if n := m.openingSessions; n > 0 {
		time.AfterFunc(sessionEviction, func() {
			for range n {
				s.gateway.giveFetchSession(s.LogicalClusterID)
			}
		})
	}
	m.fetchSessions, m.openingSessions = nil, 0
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
