package gateway

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/quota"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

func quotaRecord(t testing.TB, cluster string, s quota.Setting) stateRecord {
	t.Helper()
	r := record(t, tenancy.StateClientQuota, cluster+"/"+s.ID(), s)
	r.topic = topicACLs
	return r
}

// Client quotas are what their records say, each state for itself; what cannot be understood, or comes by the wrong
// topic, changes nothing.
func TestClientQuotaRecords(t *testing.T) {
	user, client := quota.Entity{User: quota.Named("sa-1")}, quota.Entity{User: quota.Default, ClientID: quota.Named("c")}
	rate := quota.Setting{Entity: user, Key: quota.ProducerByteRate, Value: 1000}
	share := quota.Setting{Entity: user, Key: quota.RequestPercentage, Value: 12.5}
	other := quota.Setting{Entity: client, Key: quota.ProducerByteRate, Value: 5}
	first, malformed := emptyState().with([]stateRecord{quotaRecord(t, "lkc-1", rate), quotaRecord(t, "lkc-1", share), quotaRecord(t, "lkc-1", other), quotaRecord(t, "lkc-2", rate)})
	want := quota.ClientQuotas{user: {quota.ProducerByteRate: 1000, quota.RequestPercentage: 12.5}, client: {quota.ProducerByteRate: 5}}
	check := func(when string, s *state, cluster string, want quota.ClientQuotas) {
		t.Helper()
		if diff := cmp.Diff(want, s.clientQuotasOf(cluster).quotas); diff != "" || len(malformed) > 0 {
			t.Errorf("%s: %v (-want +got):\n%s", when, malformed, diff)
		}
	}
	check("at first", first, "lkc-1", want)
	rate.Value = 2000
	gone := quotaRecord(t, "lkc-1", other)
	gone.value = nil
	second, malformed := first.with([]stateRecord{quotaRecord(t, "lkc-1", rate), gone, gone})
	check("the first, afterwards", first, "lkc-1", want)
	check("the second", second, "lkc-1", quota.ClientQuotas{user: {quota.ProducerByteRate: 2000, quota.RequestPercentage: 12.5}})
	check("another cluster", second, "lkc-2", quota.ClientQuotas{user: {quota.ProducerByteRate: 1000}})
	alone := quotaRecord(t, "lkc-2", rate)
	alone.value = nil
	third, malformed := second.with([]stateRecord{alone})
	check("without the last", third, "lkc-2", nil)
	if third.clientQuotas.size != 1 {
		t.Errorf("%d clusters have client quotas", third.clientQuotas.size)
	}
	good := quotaRecord(t, "lkc-1", rate)
	for name, r := range map[string]stateRecord{
		"no JSON":                    {topicACLs, good.key, []byte("{")},
		"another quota":              {topicACLs, good.key, record(t, "", "", share).value},
		"no content":                 {topicACLs, good.key, []byte("{}")},
		"a key of a later version":   {topicACLs, good.key, []byte(`{"content":{"entity":[{"type":"user"}],"key":"dreams","value":1}}`)},
		"a value that no client set": {topicACLs, good.key, []byte(`{"content":{"entity":[{"type":"user","name":"sa-1"}],"key":"producer_byte_rate","value":0}}`)},
		"no ID":                      {topicACLs, "client-quota/lkc-1", nil},
	} {
		next, malformed := second.with([]stateRecord{r})
		if len(malformed) != 1 || !cmp.Equal(next.clientQuotasOf("lkc-1").settings, second.clientQuotasOf("lkc-1").settings) {
			t.Errorf("%s: %v", name, malformed)
		}
	}
	elsewhere := good
	elsewhere.topic = topicTenants
	if next, _ := emptyState().with([]stateRecord{elsewhere}); len(next.clientQuotasOf("lkc-1").quotas) != 0 {
		t.Error("a client quota in the topic of tenants counts")
	}
}

// metered is a session of a tenant with quotas of its own and of its clients, all far away.
func metered(t testing.TB) (*session, *tenantQuota) {
	t.Helper()
	g := &Gateway{}
	st, malformed := emptyState().with([]stateRecord{
		quotaRecord(t, "lkc-1", quota.Setting{Entity: quota.Entity{User: quota.Named("sa-1")}, Key: quota.ProducerByteRate, Value: 1e12}),
		quotaRecord(t, "lkc-1", quota.Setting{Entity: quota.Entity{User: quota.Named("sa-1"), ClientID: quota.Default}, Key: quota.ConsumerByteRate, Value: 1e12}),
		quotaRecord(t, "lkc-1", quota.Setting{Entity: quota.Entity{ClientID: quota.Default}, Key: quota.RequestPercentage, Value: 1e6}),
	})
	if len(malformed) > 0 {
		t.Fatal(malformed)
	}
	g.state.Store(st)
	g.quotas = tenantQuotas{start: time.Now(), state: &g.state, byTenant: map[string]*tenantQuota{}}
	tenant := tenancy.Tenant{LogicalClusterID: "lkc-1", Quotas: orrery.Quotas{IngressBytesPerSecond: 1e12, EgressBytesPerSecond: 1e12, RequestsPerSecond: 1e9, RequestMillisecondsPerSecond: 1e9}}
	s := &session{Identity: Identity{LogicalClusterID: "lkc-1", PrincipalID: "sa-1"}, clientID: "c", tenant: tenant, gateway: g}
	return s, g.quotas.of(tenant)
}

// admitted lets a request in and settles it, as a connection does.
func admitted(t testing.TB, s *session, q *tenantQuota, p *payers, key kmsg.Key) *payers {
	now := s.gateway.quotas.now()
	p, v, _ := q.admit(now, s, p, key.Int16(), 1000, 1000)
	if w := q.settle(now, p, key.Int16(), 500, time.Microsecond); !v.Free() || !w.Free() {
		t.Fatal(v, w)
	}
	return p
}

// A request that client quotas hold for allocates nothing on its way in and out.
func TestAdmissionAllocatesNothing(t *testing.T) {
	s, q := metered(t)
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.Fetch, kmsg.Metadata} {
		p := admitted(t, s, q, nil, key)
		if len(p.Clients) != 3 {
			t.Fatalf("%d client quotas hold", len(p.Clients))
		}
		if n := testing.AllocsPerRun(100, func() { p = admitted(t, s, q, p, key) }); n != 0 {
			t.Errorf("%s: %v allocations", key.Name(), n)
		}
	}
}

// A connection pays by the quotas and the client id of now, and what it was charged before by those of then.
func TestPayersChange(t *testing.T) {
	s, q := metered(t)
	first := admitted(t, s, q, nil, kmsg.Produce)
	if p := admitted(t, s, q, first, kmsg.Produce); p != first {
		t.Error("somebody else pays without need")
	}
	s.clientID = "d"
	second := admitted(t, s, q, first, kmsg.Produce)
	if second == first || second.Clients[0] == first.Clients[0] || second.Clients[1] != first.Clients[1] {
		t.Error("another client id does not share the user's meters, or shares those of a client id")
	}
	s.gateway.quotas.setClients("lkc-1", nil)
	third := admitted(t, s, q, second, kmsg.Produce)
	s.clientID = "e"
	if p := admitted(t, s, q, third, kmsg.Produce); len(third.Clients) != 0 || p != third {
		t.Errorf("without quotas %d hold, or the client id matters", len(third.Clients))
	}
	q.settle(s.gateway.quotas.now(), first, kmsg.Produce.Int16(), 0, 0) // of a request that was let in long ago
}

// BenchmarkAdmission is what quotas cost a request, with three client quotas in force.
func BenchmarkAdmission(b *testing.B) {
	s, q := metered(b)
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.Fetch} {
		b.Run(key.Name(), func(b *testing.B) {
			p := admitted(b, s, q, nil, key)
			b.ReportAllocs()
			for b.Loop() {
				p = admitted(b, s, q, p, key)
			}
		})
	}
}
