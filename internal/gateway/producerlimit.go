package gateway

import (
	"maps"
	"sync"
	"time"

	"github.com/orrery-kafka/orrery/internal/quota"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// producerPeriod is the time in which a tenant's allowance of new producer ids comes again.
const producerPeriod = 10 * time.Minute

// maxThrottle is the most that a client is told to wait: connections of Kafka's clients do nothing else meanwhile.
const maxThrottle = time.Second

// producerLimit bounds how many producer ids tenants make the gateway's broker keep, which it does for a day after
// their last use, in each partition (what KIP-936 proposes). Ids are counted where they are given and where they are
// first written with, for a client may write with an id that it made up. The zero value is ready.
type producerLimit struct {
	mu      sync.Mutex
	tenants map[string]*tenantProducers // by lkc-…
}

// tenantProducers are the producer ids of one tenant.
type tenantProducers struct {
	allowance quota.Bucket
	// known are ids that were counted. A full set starts again, so that some are counted twice.
	known map[int64]struct{}
}

// count uses one of the tenant's allowance. Where it is overdrawn it uses none, and returns for how long it will be.
func (t *tenantProducers) count(now time.Time) (wait time.Duration) {
	if wait = t.allowance.Debt(now.UnixNano()); wait == 0 {
		t.allowance.Charge(now.UnixNano(), 1)
	}
	return wait
}

// of returns a tenant's ids, of a new one with its whole allowance, and forgets tenants that are gone once they are
// many.
func (p *producerLimit) of(logicalClusterID string, present *registry[tenancy.Tenant], whole quota.Bucket) *tenantProducers {
	if t := p.tenants[logicalClusterID]; t != nil {
		return t
	}
	if len(p.tenants) > 2*present.size {
		maps.DeleteFunc(p.tenants, func(id string, _ *tenantProducers) bool {
			_, there := present.get(id)
			return !there
		})
	}
	if p.tenants == nil {
		p.tenants = map[string]*tenantProducers{}
	}
	t := &tenantProducers{allowance: whole, known: map[int64]struct{}{}}
	p.tenants[logicalClusterID] = t
	return t
}

// newProducer counts a producer id that the broker is about to give, and returns how long to wait where the tenant
// may have none now.
func (s *session) newProducer() (wait time.Duration) {
	s.withProducers(func(t *tenantProducers) { wait = s.countProducer(t) })
	return wait
}

// learnGivenProducer keeps that the broker gave an id, which was counted.
func (s *session) learnGivenProducer(id int64) {
	s.withProducers(func(t *tenantProducers) { t.learn(id, s.gateway.config.Limits.ProducerIDs) })
}

// mayWriteAs counts the producer id of a batch, unless it was counted before, and reports whether the tenant may
// write with it now. It is for the read loop only.
func (s *session) mayWriteAs(id int64) bool {
	if s.memory.writer == id+1 {
		return true
	}
	var wait time.Duration
	s.withProducers(func(t *tenantProducers) {
		if _, known := t.known[id]; known {
			return
		}
		if wait = s.countProducer(t); wait == 0 {
			t.learn(id, s.gateway.config.Limits.ProducerIDs)
		}
	})
	if wait > 0 {
		return false
	}
	s.memory.writer = id + 1
	return true
}

func (s *session) withProducers(do func(*tenantProducers)) {
	p, present := &s.gateway.producers, &s.gateway.state.Load().tenants
	p.mu.Lock()
	defer p.mu.Unlock()
	most := int64(s.gateway.config.Limits.ProducerIDs)
	// A bucket may be overdrawn by one.
	whole := quota.NewBucket(s.gateway.config.Now().UnixNano(), quota.Rate{Units: most, Per: producerPeriod, Burst: most - 1})
	do(p.of(s.LogicalClusterID, present, whole))
}

func (s *session) countProducer(t *tenantProducers) (wait time.Duration) {
	wait, limited := s.take(s.connection.payers, quota.ProducerIDs, 1)
	if !limited { // by the tenant's quotas, but by the gateway's own limit
		wait = t.count(s.gateway.config.Now())
	}
	if wait > 0 {
		s.gateway.metrics.producersRefused.Inc()
	}
	return wait
}

func (t *tenantProducers) learn(id int64, most int) {
	if len(t.known) >= most {
		clear(t.known)
	}
	t.known[id] = struct{}{}
}
