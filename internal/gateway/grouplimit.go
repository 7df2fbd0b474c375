package gateway

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// groupsKnown is for how long a group that was listed counts as one that is there.
	groupsKnown = 10 * time.Second
	// groupsCounted is for how long listings say how much room there is. Of that a gateway gives away its part only: one
	// for each broker, so that all of them together do not give away more. Who is refused was counted anew.
	groupsCounted = time.Second
	// groupsPause is between two listings of a broker for who wants one more group than there was room for.
	groupsPause = 50 * time.Millisecond
	// groupsPending is for how long a group that was let through is counted beside a listing without it: the broker
	// has its request by then, or never will.
	groupsPending = 5 * time.Second
	// othersTimeout bounds the wait for the groups of other brokers. One that is gone is asked again after groupsKnown;
	// until it answers, it counts with the groups that it had.
	othersTimeout = time.Second
)

// groupLimit holds tenants to their quota of groups. The gateway beside a group's coordinator sees the group begin, and
// counts the tenant's groups at all brokers then. So the quota is exact at one gateway; where several are asked for the
// last group within the same milliseconds, each may let it in. The zero value is ready.
type groupLimit struct {
	mu       sync.Mutex
	listings map[int32]datedListing          // by node: the newest
	admitted map[string]map[string]time.Time // lkc-… -> group (physical) -> when it was let through
}

// datedListing is what a broker listed to a request that was sent at a time.
type datedListing struct {
	*groupListing
	asked time.Time
	// failed is when the broker did not answer last.
	failed time.Time
	// names are the groups of the tenants that were asked about, by lkc-…: each commit of a client may ask.
	names map[string]map[string]struct{}
}

// groupRoomError returns POLICY_VIOLATION where a group of the tenant, by its own name, is not there and would be one
// more than the tenant may have, else 0: also where the broker cannot say how many there are, for what a tenant
// produces and consumes comes before how many groups it has. Who is refused waits for two listings at most.
func (s *session) groupRoomError(ctx context.Context, group string) int16 {
	most := s.tenant.Quotas.Groups
	if most == 0 {
		return 0
	}
	g, name := s.gateway, s.physical(group)
	if g.groupLimit.there(s, name, g.config.Now()) {
		return 0
	}
	now := g.config.Now()
	for _, since := range []time.Time{now.Add(-groupsCounted), now} {
		if err := g.listGroupsSince(ctx, s.node, since, true); err != nil {
			if ctx.Err() == nil {
				g.warn("cannot count the groups of a cluster, and lets a new one be", err)
			}
			return 0
		}
		if g.groupLimit.there(s, name, g.config.Now()) {
			return 0 // nobody waits for other brokers whose group is there
		}
		g.listOthersSince(ctx, s.node, since)
		if g.groupLimit.admit(s, name, most, since.Equal(now)) {
			return 0
		}
	}
	return kerr.PolicyViolation.Code
}

// groupLimitReason and groupLimitRemedy are what those are told who would have too many groups.
const (
	groupLimitReason = "The cluster has as many groups as it may."
	groupLimitRemedy = "delete groups that nobody needs (`kafka-consumer-groups --delete`), or ask for a higher quota: `orrery kafka quota list` shows the quotas"
)

// newGroupError is groupRoomError with the text for answers that have one.
func (s *session) newGroupError(ctx context.Context, group string) (code int16, why string) {
	if code = s.groupRoomError(ctx, group); code != 0 {
		why = groupLimitReason
	}
	return code, why
}

// isGroupLimit reports whether an error is about too many groups: it is all that groupRoomError says, and no broker does
// in answer to these.
func isGroupLimit(api, code int16) bool {
	switch kmsg.Key(api) {
	case kmsg.JoinGroup, kmsg.OffsetCommit, kmsg.TxnOffsetCommit, kmsg.ConsumerGroupHeartbeat, kmsg.ShareGroupHeartbeat, kmsg.ShareFetch,
		kmsg.ShareAcknowledge, kmsg.StreamsGroupHeartbeat, kmsg.AlterShareGroupOffsets:
		return code == kerr.PolicyViolation.Code
	}
	return false
}

// there reports whether a group is known to be there.
func (l *groupLimit) there(s *session, name string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := l.listings[s.node]
	return own.groupListing != nil && now.Sub(own.asked) < groupsKnown && own.has(s.LogicalClusterID, name) ||
		l.pending(s, name, own)
}

// pending reports whether a group was let through that the listing of its broker may be too old to have.
func (l *groupLimit) pending(s *session, name string, own datedListing) bool {
	at, ok := l.admitted[s.LogicalClusterID][name]
	return ok && own.asked.Sub(at) < groupsPending
}

// has reports whether a group is in the listing. The caller holds the lock.
func (l *datedListing) has(tenant, name string) bool {
	names, asked := l.names[tenant]
	if !asked {
		names = make(map[string]struct{}, len(l.groups[tenant]))
		for _, g := range l.groups[tenant] {
			names[g.Group] = struct{}{}
		}
		l.names[tenant] = names
	}
	_, ok := names[name]
	return ok
}

// admit lets a group through that is there, or for which there is room: of fresh listings all of it.
func (l *groupLimit) admit(s *session, name string, most int64, fresh bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	tenant, own := s.LogicalClusterID, l.listings[s.node]
	if own.has(tenant, name) {
		return true
	}
	room := most
	for _, listing := range l.listings {
		if listing.groupListing != nil {
			room -= int64(len(listing.groups[tenant]))
		}
	}
	if !fresh {
		room /= int64(len(l.listings))
	}
	maps.DeleteFunc(l.admitted[tenant], func(name string, _ time.Time) bool {
		return !l.pending(s, name, own) || own.has(tenant, name)
	})
	switch _, again := l.admitted[tenant][name]; {
	case again:
		return true
	case int64(len(l.admitted[tenant])) >= room:
		return false
	case l.admitted == nil:
		l.admitted = map[string]map[string]time.Time{}
	}
	if l.admitted[tenant] == nil {
		l.forget(own.asked)
		l.admitted[tenant] = map[string]time.Time{}
	}
	l.admitted[tenant][name] = s.gateway.config.Now()
	return true
}

// forget drops what every listing from a time on contains. The caller holds the lock.
func (l *groupLimit) forget(asked time.Time) {
	for tenant, names := range l.admitted {
		maps.DeleteFunc(names, func(_ string, at time.Time) bool { return asked.Sub(at) >= groupsPending })
		if len(names) == 0 {
			delete(l.admitted, tenant)
		}
	}
}

// listOthersSince has a listing of every broker but one that was asked for at a time or later, as far as they answer.
func (g *Gateway) listOthersSince(ctx context.Context, node int32, since time.Time) {
	ctx, cancel := context.WithTimeout(ctx, othersTimeout)
	defer cancel()
	var others sync.WaitGroup
	for _, broker := range g.state.Load().endpoints.Brokers {
		if broker.Node != node {
			others.Go(func() { _ = g.listGroupsSince(ctx, broker.Node, since, false) }) // it counts with what it had
		}
	}
	others.Wait()
}

// listGroupsSince lists a broker's groups, unless there is such a listing already or, without must, the broker failed not
// long ago.
func (g *Gateway) listGroupsSince(ctx context.Context, node int32, since time.Time, must bool) error {
	l := &g.groupLimit
	for {
		now, before := g.config.Now(), l.newest(node)
		if before.groupListing != nil && !before.asked.Before(since) || !must && now.Sub(before.failed) < groupsKnown {
			return nil
		}
		pause := groupsPause - now.Sub(before.asked)
		if pause <= 0 {
			return l.keep(ctx, g, node, now)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func (l *groupLimit) newest(node int32) datedListing {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.listings[node]
}

// keep asks a broker for its groups and keeps the newest answer.
func (l *groupLimit) keep(ctx context.Context, g *Gateway, node int32, asked time.Time) error {
	listing, err := g.groups.of(node).get(ctx)
	if err == nil {
		err = kerr.ErrorForCode(listing.code)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listings == nil {
		l.listings = map[int32]datedListing{}
	}
	newest := l.listings[node]
	switch {
	case err != nil:
		newest.failed = g.config.Now()
	case newest.groupListing == nil || newest.asked.Before(asked):
		newest = datedListing{groupListing: listing, asked: asked, names: map[string]map[string]struct{}{}}
	}
	l.listings[node] = newest
	return err
}
