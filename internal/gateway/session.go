package gateway

import (
	"context"
	"net/netip"
	"sync"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// Identity is who a connection belongs to, fixed by its authentication.
type Identity struct {
	OrganizationID, EnvironmentID, LogicalClusterID string
	// PrincipalID is the owner of the API key, u-… or sa-…, or with a token or certificate the identity pool, pool-….
	PrincipalID string
	APIKeyID    string // "" with a token or certificate
	// Subject is who a token or certificate says that it is for, in the claim or part that the identity pool names: for
	// logs, it gives no rights. "" with an API key.
	Subject string
}

// Caller is an identity that asks for something inside this process.
type Caller struct {
	Identity
	// Address is where it asks from, as hosts in ACLs name it; the zero Addr is this machine, 127.0.0.1.
	Address netip.Addr
}

// host is the caller's address as an ACL names it.
func (c Caller) host() string {
	if !c.Address.IsValid() {
		return "127.0.0.1"
	}
	return authz.Host(c.Address)
}

// session is an authenticated connection as handlers see it. It never changes: where a re-authentication or a new
// tenant record changes something, the connection takes a new session, which shares the old one's memory.
type session struct {
	Identity
	tenant tenancy.Tenant
	// prefix begins the physical name of everything that the tenant has: "lkc-…_".
	prefix tenancy.Prefix
	// principal is User:PRINCIPAL, as ACLs and role bindings name it.
	principal string
	// clientID is the client.id of the request at hand, and clientHost the client's IP address as authz.Host writes it.
	clientID, clientHost string
	// node is the broker to which the connection leads.
	node       int32
	gateway    *Gateway
	connection *connection
	memory     *memory
}

// maxRemembered bounds each map of a connection's memory; a full one starts again.
const maxRemembered = 4096

// memory is what a connection remembers between requests. Handlers run on the read loop and their finish
// functions where the broker is read, so it has a lock.
type memory struct {
	mu         sync.Mutex
	groupTypes map[string]string // group id (logical) -> protocol type
	somewhere  somewhere
	producers  map[producerKey]bool // pairs that are known to belong together
	writer     int64                // the producer id of the batch last written, and 1; the read loop's alone
	// fetchSessions are those that the connection opened at its broker and that are still open.
	fetchSessions   map[int32]fetchSession
	openingSessions int // fetches on their way that may open a session, each with a slot
	shareSessions   map[shareSessionKey]shareSession
}

type producerKey struct {
	transactionalID string
	producerID      int64
}

// physical returns the name by which the broker knows the tenant's name.
func (s *session) physical(name string) string { return s.prefix.Physical(name) }

// logical returns the tenant's name for a broker's name, and false for a name that is not the tenant's.
func (s *session) logical(name string) (string, bool) { return s.prefix.Logical(name) }

// clusterID is the cluster id that clients see.
func (s *session) clusterID() string { return s.LogicalClusterID }

// endpoint returns the address at which the tenant's clients reach the gateway of a node.
func (s *session) endpoint(node int32) (host string, port int32, ok bool) {
	return s.gateway.state.Load().endpoint(node)
}

// topicName returns the physical name of a topic id, and false for an id that is unknown or another tenant's. It
// may ask the broker, for an id that this gateway has not seen.
func (s *session) topicName(ctx context.Context, id [16]byte) (physical string, ok bool) {
	name, ok := s.gateway.topics.name(ctx, id)
	return name, ok && s.prefix.Owns(name)
}

// learnTopic keeps the id of a topic that passed by in a broker's response.
func (s *session) learnTopic(id [16]byte, physical string) { s.gateway.topics.learn(id, physical) }

// policy returns who may do what in the tenant's cluster. It is another one once that has changed.
func (s *session) policy() *authz.Authorizer {
	return s.gateway.state.Load().authorizer(s.LogicalClusterID)
}

// allowed reports whether the session's principal may do action to a resource of the tenant: orrery.CRNTopic,
// CRNGroup or CRNTransactionalID with its logical name, or CRNKafka, the cluster itself, whose name is ignored.
func (s *session) allowed(action authz.Action, resourceType, logicalName string) bool {
	return s.policy().Authorize(s.question(action, resourceType, logicalName)).Allowed
}

// question is what the session asks its tenant's Authorizer.
func (s *session) question(action authz.Action, resourceType, logicalName string) authz.Request {
	r := authz.Request{Principal: s.principal, Host: s.clientHost, Operation: action.Operation(), ResourceName: logicalName}
	switch resourceType {
	case orrery.CRNTopic:
		r.ResourceType = authz.ResourceTopic
	case orrery.CRNGroup:
		r.ResourceType = authz.ResourceGroup
	case orrery.CRNTransactionalID:
		r.ResourceType = authz.ResourceTransactionalID
	case orrery.CRNKafka:
		r.ResourceType, r.ResourceName = authz.ResourceCluster, authz.ClusterName
	}
	return r
}

// allowedSomewhere reports whether the session's principal may do action to some topic, whether or not there is one.
// To find out can take long, so the connection remembers the last answer, which is asked for again and again.
func (s *session) allowedSomewhere(action authz.Action) bool {
	policy, m := s.policy(), s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.somewhere.policy != policy || m.somewhere.action != action {
		allowed := policy.AuthorizeByResourceType(s.question(action, orrery.CRNTopic, "")).Allowed
		m.somewhere = somewhere{policy, action, allowed}
	}
	return m.somewhere.allowed
}

// somewhere is an answer of allowedSomewhere.
type somewhere struct {
	policy  *authz.Authorizer
	action  authz.Action
	allowed bool
}

// rememberGroupType keeps the protocol type of a group that the client joined on this connection, for
// SyncGroup below version 5, which does not carry it.
func (s *session) rememberGroupType(group, protocolType string) {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.groupTypes == nil || len(m.groupTypes) >= maxRemembered {
		m.groupTypes = map[string]string{}
	}
	m.groupTypes[group] = protocolType
}

// groupType returns what rememberGroupType kept, and "" for a group that was not joined here.
func (s *session) groupType(group string) string {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	return s.memory.groupTypes[group]
}
