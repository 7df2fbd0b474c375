package gateway

import (
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/quota"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// tenantQuota is one tenant's quotas at this gateway. It outlives the tenant's connections, so that who connects again
// does not begin anew.
type tenantQuota struct {
	mu     sync.Mutex // held for some tens of nanoseconds
	limits *quota.Tenant
	meters []*quota.Meter // what a request is charged to: limits
	worked time.Duration  // the part of a microsecond that was not charged yet
}

// bill is what a request was charged when it was let in, and the work on it so far.
type bill struct {
	egress int64 // what its connection's last fetch had
	work   time.Duration
}

// admit charges a request of which size bytes are on the wire, or says when to try again. A fetch is charged what its
// connection's last one had.
func (q *tenantQuota) admit(now int64, key int16, size, last int64) (v quota.Verdict, fetchBytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	one, time := quota.Charge{Dimension: quota.Requests, Units: 1}, quota.Charge{Dimension: quota.RequestTime}
	switch kmsg.Key(key) {
	case kmsg.Produce:
		v = quota.Admit(now, q.meters, quota.Charge{Dimension: quota.Ingress, Units: size}, one, time)
	case kmsg.Fetch, kmsg.ShareFetch:
		v = quota.Admit(now, q.meters, quota.Charge{Dimension: quota.Egress, Units: last}, one, time)
		fetchBytes = q.limits.Share(quota.Egress)
	default:
		v = quota.Admit(now, q.meters, one, time)
	}
	return v, fetchBytes
}

// settle charges what became known when a request is answered: egress beyond what it was charged, and the work on it.
func (q *tenantQuota) settle(now int64, key int16, egress int64, work time.Duration) quota.Verdict {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.worked += max(work, 0)
	one := quota.Charge{Dimension: quota.Requests}
	time := quota.Charge{Dimension: quota.RequestTime, Units: q.worked.Microseconds()}
	q.worked %= 1000
	switch kmsg.Key(key) {
	case kmsg.Produce:
		return quota.Settle(now, q.meters, quota.Charge{Dimension: quota.Ingress}, one, time)
	case kmsg.Fetch, kmsg.ShareFetch:
		return quota.Settle(now, q.meters, quota.Charge{Dimension: quota.Egress, Units: egress}, one, time)
	}
	return quota.Settle(now, q.meters, one, time)
}

// take charges units of a slow dimension, which may be overdrawn once, or does not admit them. It is for what is refused
// and not held: nobody waits minutes for a partition on a connection. Limited is false where there is no quota of it.
func (q *tenantQuota) take(now int64, d quota.Dimension, units int64) (v quota.Verdict, limited bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return quota.Admit(now, q.meters, quota.Charge{Dimension: d, Units: units}), q.limits.Share(d) != quota.Unlimited
}

func (q *tenantQuota) connect(now int64) quota.Verdict {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.limits.Connect(now)
}

// disconnect ends a connection that was let in, and gives back what was charged for fetches that nobody answered.
func (q *tenantQuota) disconnect(now, unanswered int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limits.Disconnect()
	if unanswered > 0 {
		quota.Settle(now, q.meters, quota.Charge{Dimension: quota.Egress, Units: -unanswered})
	}
}

// tenantQuotas are those of the tenants that have connected here.
type tenantQuotas struct {
	start time.Time

	mu       sync.Mutex
	byTenant map[string]*tenantQuota // by lkc-…
}

func newTenantQuotas() tenantQuotas {
	return tenantQuotas{start: time.Now(), byTenant: map[string]*tenantQuota{}}
}

// now is the time of all quotas: it does not go back.
func (q *tenantQuotas) now() int64 { return int64(time.Since(q.start)) }

// of returns the quotas of a tenant. One that is new here has an even share until the gateways have heard of it.
func (q *tenantQuotas) of(tenant tenancy.Tenant, gateways int) *tenantQuota {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.byTenant[tenant.LogicalClusterID]
	if t == nil {
		t = &tenantQuota{limits: quota.NewTenant(q.now(), tenant.Quotas, gateways)}
		t.meters = []*quota.Meter{&t.limits.Meter}
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
