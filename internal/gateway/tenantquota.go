package gateway

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/quota"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// tenantQuota is one tenant's quotas at this gateway, with those of its clients. It outlives the tenant's connections,
// so that who connects again does not begin anew.
type tenantQuota struct {
	mu      sync.Mutex // held for some tens of nanoseconds
	limits  *quota.Tenant
	clients quota.ClientMeters
	worked  time.Duration // the part of a microsecond that was not charged yet
}

// payers are who pays for a connection's requests: its tenant, and the client quotas of its user and client id. Another
// client id, or other quotas, make other ones; a request that was let in before is settled with those of then.
type payers struct {
	quota.Payers
	version    int64 // of the client quotas
	clientID   string
	mostEgress int64        // of the client quotas
	unanswered atomic.Int64 // bytes that were charged for fetches that are on their way
}

// bill is what a request was charged when it was let in, to whom, and the work on it so far.
type bill struct {
	payers *payers
	egress int64 // what its connection's last fetch had
	work   time.Duration
}

// payersOf returns who pays for a request of the session, whose requests were paid by before. The client id is that of
// the connection's last request: a request is let in before more than its head is read. The caller holds the lock.
func (q *tenantQuota) payersOf(now int64, s *session, before *payers) *payers {
	if before != nil && before.version == q.clients.Version() && (before.clientID == s.clientID || !q.clients.ByClient()) {
		return before
	}
	p := &payers{version: q.clients.Version(), clientID: s.clientID}
	var had []*quota.ClientMeter
	if before != nil {
		had = before.Clients
	}
	p.Tenant, p.Clients = &q.limits.Meter, q.clients.Attach(now, s.PrincipalID, s.clientID, had)
	p.mostEgress = quota.MostEgress(p.Clients)
	return p
}

// admit charges a request of which size bytes are on the wire, or says when to try again. A fetch is charged what its
// connection's last one had.
func (q *tenantQuota) admit(now int64, s *session, before *payers, key int16, size, last int64) (p *payers, v quota.Verdict, fetchBytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p = q.payersOf(now, s, before)
	one, time := quota.Charge{Dimension: quota.Requests, Units: 1}, quota.Charge{Dimension: quota.RequestTime}
	switch kmsg.Key(key) {
	case kmsg.Produce:
		v = p.Admit(now, quota.Charge{Dimension: quota.Ingress, Units: size}, one, time)
	case kmsg.Fetch, kmsg.ShareFetch:
		v = p.Admit(now, quota.Charge{Dimension: quota.Egress, Units: last}, one, time)
		fetchBytes = min(q.limits.Share(quota.Egress), p.mostEgress)
	default:
		v = p.Admit(now, one, time)
	}
	return p, v, fetchBytes
}

// settle charges what became known when a request is answered: egress beyond what it was charged, and the work on it.
func (q *tenantQuota) settle(now int64, p *payers, key int16, egress int64, work time.Duration) quota.Verdict {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.worked += max(work, 0)
	one := quota.Charge{Dimension: quota.Requests}
	time := quota.Charge{Dimension: quota.RequestTime, Units: q.worked.Microseconds()}
	q.worked %= 1000
	switch kmsg.Key(key) {
	case kmsg.Produce:
		return p.Settle(now, quota.Charge{Dimension: quota.Ingress}, one, time)
	case kmsg.Fetch, kmsg.ShareFetch:
		return p.Settle(now, quota.Charge{Dimension: quota.Egress, Units: egress}, one, time)
	}
	return p.Settle(now, one, time)
}

// take charges units of a slow dimension, which may be overdrawn once, or does not admit them. It is for what is refused
// and not held: nobody waits minutes for a partition on a connection. Limited is false where there is no quota of it.
func (q *tenantQuota) take(now int64, p *payers, d quota.Dimension, units int64) (v quota.Verdict, limited bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return p.Admit(now, quota.Charge{Dimension: d, Units: units}), q.limits.Share(d) != quota.Unlimited || quota.Limits(p.Clients, d)
}

// charge takes units that were used already, so that what comes next waits for them.
func (q *tenantQuota) charge(now int64, p *payers, d quota.Dimension, units int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p.Settle(now, quota.Charge{Dimension: d, Units: units})
}

func (q *tenantQuota) connect(now int64) quota.Verdict {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.limits.Connect(now)
}

// disconnect ends a connection that was let in, and gives back what was charged for fetches that nobody answered: to the
// tenant what all of them were charged, to the client quotas what they were while they were those that pay.
func (q *tenantQuota) disconnect(now int64, p *payers, unanswered int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limits.Disconnect()
	if unanswered > 0 {
		tenant := quota.Payers{Tenant: &q.limits.Meter}
		tenant.Settle(now, quota.Charge{Dimension: quota.Egress, Units: -unanswered})
	}
	if p == nil {
		return
	}
	if own := p.unanswered.Load(); own > 0 {
		clients := quota.Payers{Tenant: &quota.Meter{}, Clients: p.Clients}
		clients.Settle(now, quota.Charge{Dimension: quota.Egress, Units: -own})
	}
	q.clients.Detach(p.Clients)
}

// tenantQuotas are those of the tenants that have connected here.
type tenantQuotas struct {
	start time.Time
	state *atomic.Pointer[state]

	mu       sync.Mutex
	byTenant map[string]*tenantQuota // by lkc-…
}

// now is the time of all quotas: it does not go back.
func (q *tenantQuotas) now() int64 { return int64(time.Since(q.start)) }

// of returns the quotas of a tenant. One that is new here has an even share until the gateways have heard of it.
func (q *tenantQuotas) of(tenant tenancy.Tenant) *tenantQuota {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.byTenant[tenant.LogicalClusterID]
	if t == nil {
		st := q.state.Load() // under the lock: setClients comes after what it does not show
		t = &tenantQuota{limits: quota.NewTenant(q.now(), tenant.Quotas, st.gateways())}
		t.clients.SetQuotas(st.clientQuotasOf(tenant.LogicalClusterID).quotas)
		q.byTenant[tenant.LogicalClusterID] = t
	}
	return t
}

// change puts other quotas of a tenant in force.
func (q *tenantQuotas) change(t *tenantQuota, tenant tenancy.Tenant, gateways int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limits.Quotas() != tenant.Quotas {
		t.limits.SetQuotas(q.now(), tenant.Quotas, gateways)
	}
}

// setClients puts other client quotas of a tenant in force, for open connections too. The state has them already.
func (q *tenantQuotas) setClients(logicalClusterID string, quotas quota.ClientQuotas) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t := q.byTenant[logicalClusterID]; t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.clients.SetQuotas(quotas)
	}
}

// all returns every tenant's, without those of tenants that are gone.
func (q *tenantQuotas) all(st *state) map[string]*tenantQuota {
	q.mu.Lock()
	defer q.mu.Unlock()
	maps.DeleteFunc(q.byTenant, func(id string, _ *tenantQuota) bool {
		_, there := st.tenant(id)
		return !there
	})
	return maps.Clone(q.byTenant)
}

// gateways is how many share the quotas, as far as is known without having heard them: one for each broker.
func (s *state) gateways() int { return max(len(s.endpoints.Brokers), 1) }
