package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// shareSessionKey names a share session of a connection's broker.
type shareSessionKey struct{ group, member string } // the group's physical name

// shareSession is a session that a connection opened at the broker.
type shareSession struct {
	// policy is what allowed its topics. Where it changed, the session must be opened again.
	policy *authz.Authorizer
	// incomplete is true where a topic could not be taken into it that may turn out to be the tenant's: another
	// gateway may just have created it. Then too it must be opened again.
	incomplete bool
}

// shareUse is what one request does with a session.
type shareUse struct {
	key    shareSessionKey
	epoch  int32
	policy *authz.Authorizer
	// incomplete is true where the request had a topic id that is not known.
	incomplete bool
}

const (
	opening = 0  // the epoch that opens a session, or begins it anew
	closing = -1 // the epoch that closes it
)

// admitShareSession decides whether a request may use a session. A session is the broker's, found by its group and
// member, and knows the topics that were allowed when they came into it. So it must have been opened by the same
// connection, as Kafka has it too, under the rights that hold now, else SHARE_SESSION_NOT_FOUND, after which a
// client opens one with all its topics.
func (s *session) admitShareSession(ctx context.Context, group, member *string, epoch int32) (shareUse, int16) {
	if group == nil {
		group = new(string)
	}
	if code := s.groupError(authz.Read, *group); code != 0 {
		return shareUse{}, code
	}
	if member == nil || *member == "" || len(*member) > maxMemberIDLength {
		return shareUse{}, kerr.InvalidRequest.Code
	}
	if epoch == opening { // with which the embedded engine begins a group
		if code := s.groupRoomError(ctx, *group); code != 0 {
			return shareUse{}, code
		}
	}
	policy := s.policy()
	use := shareUse{key: shareSessionKey{s.physical(*group), *member}, epoch: epoch, policy: policy}
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	held, known := m.shareSessions[use.key]
	switch {
	case epoch == opening && !known:
		if !s.gateway.takeShareSession(s.LogicalClusterID) {
			return use, kerr.ShareSessionLimitReached.Code
		}
		if m.shareSessions == nil {
			m.shareSessions = map[shareSessionKey]shareSession{}
		}
		m.shareSessions[use.key] = shareSession{policy: policy}
	case epoch == opening:
	case !known, epoch > 0 && (held.policy != policy || held.incomplete):
		return use, kerr.ShareSessionNotFound.Code
	}
	return use, 0
}

// settleShareSession keeps what the broker's answer says about the session.
func (s *session) settleShareSession(use shareUse, code int16) {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	held, known := m.shareSessions[use.key]
	switch {
	case !known:
	case use.epoch == opening && code != 0, use.epoch == closing && code == 0, code == kerr.ShareSessionNotFound.Code:
		delete(m.shareSessions, use.key)
		s.gateway.giveShareSession(s.LogicalClusterID)
	case use.epoch == opening:
		m.shareSessions[use.key] = shareSession{use.policy, use.incomplete}
	case use.incomplete:
		held.incomplete = true
		m.shareSessions[use.key] = held
	}
}

// releaseShareSessions gives the tenant back what a connection that has ended held.
func (s *session) releaseShareSessions() {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	for range m.shareSessions {
		s.gateway.giveShareSession(s.LogicalClusterID)
	}
	m.shareSessions = nil
}

// takeShareSession counts a session of a tenant, unless it has as many as it may.
func (g *Gateway) takeShareSession(logicalClusterID string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shareSessions[logicalClusterID] >= g.config.Limits.ShareSessions {
		return false
	}
	g.shareSessions[logicalClusterID]++
	return true
}

func (g *Gateway) giveShareSession(logicalClusterID string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shareSessions[logicalClusterID]--; g.shareSessions[logicalClusterID] <= 0 {
		delete(g.shareSessions, logicalClusterID)
	}
}

// maxAcknowledged bounds the offsets that one request may acknowledge: far more than a group may hold of a
// partition. The embedded engine counts through them one by one, while every other tenant waits.
const maxAcknowledged = 1 << 20

// acknowledged adds offsets to those of a request, and reports whether these are too many.
func acknowledged(total *uint64, first, last int64) (tooMany bool) {
	if last < first {
		return false // the broker says what it thinks of that
	}
	if first < 0 {
		return true
	}
	*total += uint64(last-first) + 1
	return *total > maxAcknowledged
}

// shareTopicError is why a session may not read a topic that is given by its id; 0: it may. An id that is not
// known makes its session incomplete.
func (s *session) shareTopicError(ctx context.Context, use *shareUse, id [16]byte) int16 {
	code := s.topicIDError(ctx, authz.Read, id)
	use.incomplete = use.incomplete || code == kerr.UnknownTopicID.Code
	return code
}
