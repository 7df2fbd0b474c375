package gateway

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// Why is what was refused to the clients of a logical cluster, at all of its gateways.
type Why struct {
	Entries []Entry // the last first
	// Forgotten is how many entries were dropped because there were too many.
	Forgotten int64
	// Silent are the brokers whose gateways did not say in time what they refused.
	Silent []int32
}

// Why returns what was refused to the clients of a caller's logical cluster. Gateways of other processes are asked over
// _orrery_gateways, at most for inquiryPatience. Who may not see how the cluster is set up (DESCRIBE_CONFIGS, as
// Operator and CloudClusterAdmin may) sees what was refused to itself. The error is an *orrery.Error: Unavailable before
// Ready.
func (g *Gateway) Why(ctx context.Context, caller Caller) (Why, error) {
	select {
	case <-g.ready:
	default:
		return Why{}, errNotReady
	}
	var why Why
	own, forgotten := g.config.Journal.Entries(caller.LogicalClusterID)
	all := [][]Entry{own}
	if g.shares != nil && len(g.state.Load().endpoints.Brokers) > 1 {
		var told []toldRecord
		told, why.Silent = g.inquiries.ask(ctx, caller.LogicalClusterID)
		for _, t := range told {
			var entries []Entry
			if err := json.Unmarshal(t.Entries, &entries); err != nil {
				g.warn("ignoring what another gateway says that it refused", err)
				continue
			}
			all, forgotten = append(all, entries), forgotten+t.Forgotten
		}
	}
	why.Entries, why.Forgotten = merged(all...)
	why.Forgotten += forgotten
	if !g.sessionOf(caller).allowed(authz.DescribeConfigs, orrery.CRNKafka, "") {
		principal := principalOf(caller.Identity)
		why.Entries = slices.DeleteFunc(why.Entries, func(e Entry) bool { return e.Principal != principal })
		why.Forgotten = 0
	}
	return why, nil
}

// sessionOf returns a session without a connection, to decide what a caller may do.
func (g *Gateway) sessionOf(caller Caller) *session {
	return &session{Identity: caller.Identity, principal: principalOf(caller.Identity), clientHost: caller.host(), node: g.config.Node, gateway: g, memory: &memory{}}
}
