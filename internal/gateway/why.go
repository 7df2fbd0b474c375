package gateway

import (
	"slices"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// Why returns what was refused to the clients of an identity's logical cluster, the last first, and how many entries
// were forgotten because there were too many. Who may not see how the cluster is set up (DESCRIBE_CONFIGS, as Operator
// and CloudClusterAdmin may) sees what was refused to itself. The error is an *orrery.Error: Unavailable before Ready.
func (g *Gateway) Why(identity Identity) (entries []Entry, forgotten int64, err error) {
	select {
	case <-g.ready:
	default:
		return nil, 0, errNotReady
	}
	entries, forgotten = g.config.Journal.Entries(identity.LogicalClusterID)
	if g.sessionOf(identity).allowed(authz.DescribeConfigs, orrery.CRNKafka, "") {
		return entries, forgotten, nil
	}
	own := principalOf(identity)
	return slices.DeleteFunc(entries, func(e Entry) bool { return e.Principal != own }), 0, nil
}

// sessionOf returns a session without a connection, to decide what an identity may do.
func (g *Gateway) sessionOf(identity Identity) *session {
	return &session{Identity: identity, principal: principalOf(identity), clientHost: "127.0.0.1", node: g.config.Node, gateway: g, memory: &memory{}}
}
