package gateway

import (
	"slices"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// Why returns what was refused to the clients of a caller's logical cluster, the last first, and how many entries
// were forgotten because there were too many. Who may not see how the cluster is set up (DESCRIBE_CONFIGS, as Operator
// and CloudClusterAdmin may) sees what was refused to itself. The error is an *orrery.Error: Unavailable before Ready.
func (g *Gateway) Why(caller Caller) (entries []Entry, forgotten int64, err error) {
	select {
	case <-g.ready:
	default:
		return nil, 0, errNotReady
	}
	entries, forgotten = g.config.Journal.Entries(caller.LogicalClusterID)
	if g.sessionOf(caller).allowed(authz.DescribeConfigs, orrery.CRNKafka, "") {
		return entries, forgotten, nil
	}
	own := principalOf(caller.Identity)
	return slices.DeleteFunc(entries, func(e Entry) bool { return e.Principal != own }), 0, nil
}

// sessionOf returns a session without a connection, to decide what a caller may do.
func (g *Gateway) sessionOf(caller Caller) *session {
	return &session{Identity: caller.Identity, principal: principalOf(caller.Identity), clientHost: caller.host(), node: g.config.Node, gateway: g, memory: &memory{}}
}
