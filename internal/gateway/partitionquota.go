package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/orrery-kafka/orrery/internal/quota"
)

// partitionQuota holds one request that wants more partitions against its tenant's limit. The broker knows how many
// there are, and is asked when the first is wanted; what it may not know yet (topicChanges) and what requests that
// are on their way were granted is kept here, so that many at once do not each get the rest. On the embedded engine,
// where only the controller takes such requests, the limit is exact. Apache Kafka's brokers all take them, and what
// was granted at another gateway is not seen until this one's broker knows of it: for as long as the request and the
// broker's metadata are behind, milliseconds as a rule. In that time a tenant that uses all brokers at once can get
// the rest of its limit once at each of them, and no broker grants more than the quota of partition changes has: so it
// has at most (brokers - 1) × min(what was left, that quota) too many, once, for then every broker sees that it is full.
type partitionQuota struct {
	session *session
	payers  *payers          // of the request; nil: nobody pays
	topics  map[string]int32 // physical name -> partitions; nil: not counted yet
	failure error            // of counting
	grant   *grant
	// tooFast is what a topic is told whose partitions would change too fast; 0 for a request that only wants to know,
	// which is not charged.
	tooFast int16
	// throttle is the longest time to wait until the tenant may change partitions again; 0 where nothing was refused.
	throttle time.Duration
}

// grant is what one request was given.
type grant struct {
	partitions int
	started    time.Time // before the count of what there is
	// done is when the broker answered, zero before that; what was counted from then on contains the grant.
	done time.Time
}

// grantLife is longer than any request to a broker lives.
const grantLife = 2 * time.Minute

// open reports whether the request is on its way; one that was never answered ends by itself.
func (g *grant) open(now time.Time) bool { return g.done.IsZero() && now.Sub(g.started) < grantLife }

// errPartitionLimit is what a request that wants more than the limit is told.
type errPartitionLimit struct{ limit, used, wanted int }

func (e errPartitionLimit) Error() string {
	return fmt.Sprintf("This cluster may have %d partitions and has %d; %d more would be too many. Delete topics, or ask for a higher limit.", e.limit, e.used, e.wanted)
}

// errPartitionChanges is what a request is told that would change partitions too fast.
var errPartitionChanges = errors.New("This cluster's partitions, or those of this user or client, were created and deleted as often as they may for now; try again later.")

// tooFast is what a client is told that changes partitions too fast (KIP-599): a version of the request from before the
// error's own gets one that it knows and that may be tried again.
func tooFast(version, since int16) int16 {
	if version >= since {
		return kerr.ThrottlingQuotaExceeded.Code
	}
	return kerr.RequestTimedOut.Code
}

// refusal maps an error of a partition quota to what Kafka says.
func (q *partitionQuota) refusal(err error) (code int16, why string) {
	var limit errPartitionLimit
	switch {
	case err == nil:
		return 0, ""
	case errors.Is(err, errPartitionChanges):
		return q.tooFast, err.Error()
	case errors.As(err, &limit):
		return kerr.PolicyViolation.Code, limit.Error()
	default:
		return kerr.RequestTimedOut.Code, "The cluster's partitions could not be counted in time; try again."
	}
}

// newPartitionQuota is for a request and who pays for it, which the read loop knows.
func (s *session) newPartitionQuota(p *payers) *partitionQuota {
	return &partitionQuota{session: s, payers: p, grant: &grant{}}
}

// partitions returns how many partitions a topic (physical) has.
func (q *partitionQuota) partitions(ctx context.Context, physical string) (n int32, exists bool, err error) {
	if err := q.count(ctx); err != nil {
		return 0, false, err
	}
	n, exists = q.topics[physical]
	return n, exists, nil
}

// take grants more partitions, or says why not.
func (q *partitionQuota) take(ctx context.Context, wanted int) error {
	if err := q.count(ctx); err != nil {
		return err
	}
	if err := q.grow(wanted); err != nil {
		return err
	}
	if err := q.change(wanted); err != nil {
		q.session.gateway.grants.giveBack(q.grant, wanted)
		return err
	}
	return nil
}

// grow grants what fits into the limit, or says that it does not.
func (q *partitionQuota) grow(wanted int) error {
	used, limit := 0, q.session.tenant.MaxPartitions
	for _, n := range q.topics {
		used += int(n)
	}
	if granted, ok := q.session.gateway.grants.grow(q.session.LogicalClusterID, q.grant, wanted, limit-used); !ok {
		return errPartitionLimit{limit, used + granted, wanted}
	}
	return nil
}

// made charges a topic (physical) that was created although it was counted: somebody deleted it in between.
func (q *partitionQuota) made(physical string, partitions int) {
	if _, counted := q.topics[physical]; counted && q.tooFast != 0 && q.payers != nil {
		q.session.connection.quota.charge(q.session.gateway.quotas.now(), q.payers, quota.PartitionChanges, int64(partitions))
	}
}

// delete charges the partitions of a topic that is to be deleted. What is not there costs nothing; where they cannot be
// counted it is one, for a tenant must be able to delete.
func (q *partitionQuota) delete(ctx context.Context, physical string) error {
	if _, limited := q.session.take(q.payers, quota.PartitionChanges, 0); !limited {
		return nil
	}
	n, exists, err := q.partitions(ctx, physical)
	switch {
	case err != nil:
		n = 1
	case !exists:
		return nil
	}
	return q.change(int(n))
}

// change charges partitions that are created or deleted.
func (q *partitionQuota) change(partitions int) error {
	if q.tooFast == 0 {
		return nil
	}
	wait, _ := q.session.take(q.payers, quota.PartitionChanges, int64(partitions))
	if q.throttle = max(q.throttle, wait); wait > 0 {
		return errPartitionChanges
	}
	return nil
}

// settle ends the grant, when the broker has answered or nothing is sent: from now on its topics show in a count, or
// were never made. What was made is added to the gateway's changes before.
func (q *partitionQuota) settle() {
	grants := &q.session.gateway.grants
	grants.mu.Lock()
	defer grants.mu.Unlock()
	q.grant.done = q.session.gateway.config.Now()
}

// count asks the broker for the tenant's topics, once.
func (q *partitionQuota) count(ctx context.Context) error {
	if q.topics != nil || q.failure != nil {
		return q.failure
	}
	s := q.session
	q.grant.started = s.gateway.config.Now()
	s.gateway.grants.add(s.LogicalClusterID, q.grant)
	topics, err := s.ownTopics(ctx)
	if err != nil {
		q.failure = fmt.Errorf("counting the tenant's partitions: %w", err)
		return q.failure
	}
	q.topics = make(map[string]int32, len(topics))
	for _, t := range topics {
		q.topics[t.name] = t.partitions
	}
	s.gateway.changes.complete(s.LogicalClusterID, q.topics, s.gateway.config.Now())
	return nil
}

// grants are those of each tenant that a count may not contain yet. The zero value is ready.
type grants struct {
	mu       sync.Mutex
	byTenant map[string][]*grant // lkc-… ->
}

// add opens a grant, and forgets those that the count of every open one contains.
func (g *grants) add(tenant string, added *grant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byTenant == nil {
		g.byTenant = map[string][]*grant{}
	}
	oldest := added.started
	for _, each := range g.byTenant[tenant] {
		if each.open(added.started) && each.started.Before(oldest) {
			oldest = each.started
		}
	}
	kept := []*grant{added}
	for _, each := range g.byTenant[tenant] {
		if each.open(added.started) || !each.done.IsZero() && !each.done.Before(oldest) {
			kept = append(kept, each)
		}
	}
	g.byTenant[tenant] = kept
}

// grow adds to a grant what fits into room beside the others, and returns what they all have.
func (g *grants) grow(tenant string, grown *grant, wanted, room int) (granted int, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, each := range g.byTenant[tenant] {
		if each.done.IsZero() || !each.done.Before(grown.started) {
			granted += each.partitions
		}
	}
	if wanted > room-granted {
		return granted, false
	}
	grown.partitions += wanted
	return granted + wanted, true
}

// giveBack takes from a grant what was not used.
func (g *grants) giveBack(from *grant, partitions int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	from.partitions -= partitions
}
