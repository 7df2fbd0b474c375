package quota_test

import (
	"container/heap"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/quota"
)

// event is when a connection sends its next request.
type event struct {
	at         int64
	connection int
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// traffic is what connections do in a closed loop, each as fast as it may.
type traffic struct {
	connections int
	batch       int64
	// fetch: what a response has is known only when it is there; it is charged as large as the one before.
	fetch bool
}

// run returns what was let in in each of 120 seconds.
func (f traffic) run(payers *quota.Payers, d quota.Dimension) (perSecond [120]int64) {
	var queue events
	expected := make([]int64, f.connections)
	for i := range f.connections {
		queue = append(queue, event{int64(i), i})
		if !f.fetch {
			expected[i] = f.batch
		}
	}
	heap.Init(&queue)
	for queue[0].at < 120*second {
		next := &queue[0]
		now, charged := next.at, expected[next.connection]
		verdict := payers.Admit(now, quota.Charge{Dimension: d, Units: charged}, quota.Charge{Dimension: quota.Requests, Units: 1})
		if !verdict.Admitted {
			next.at += int64(verdict.Wait)
			heap.Fix(&queue, 0)
			continue
		}
		answered := now + int64(verdict.Wait)
		if answered < 120*second {
			perSecond[answered/second] += f.batch
		}
		expected[next.connection] = f.batch
		settled := payers.Settle(now, quota.Charge{Dimension: d, Units: f.batch - charged})
		next.at = now + int64(max(verdict.Wait, settled.Throttle)) + int64(100*time.Microsecond) // on its way
		heap.Fix(&queue, 0)
	}
	return perSecond
}

// A tenant that sends or reads all it can is held within 2 % over any minute, whatever the batch and however many
// connections: that, and a batch that falls into it or not.
func TestMeterHoldsEveryClient(t *testing.T) {
	for _, rate := range []int64{5e6, 100e6} {
		for _, batch := range []int64{10_000, 1 << 20, 10 << 20} {
			for _, connections := range []int{1, 3, 100, 1000} {
				if connections == 1 && batch*10_000 < rate {
					continue // one connection with so small a batch does not reach the rate
				}
				t.Run(fmt.Sprintf("produce %d by %d on %d", rate, batch, connections), func(t *testing.T) {
					anyMinute(t, rate, traffic{connections: connections, batch: batch}, 0)
				})
				if int64(connections)*batch < 10*rate { // what the first responses overdraw is paid within the first minute
					t.Run(fmt.Sprintf("fetch %d by %d on %d", rate, batch, connections), func(t *testing.T) {
						anyMinute(t, rate, traffic{connections: connections, batch: batch, fetch: true}, 40)
					})
				}
			}
		}
	}
}

// anyMinute checks each minute that begins at second from or later.
func anyMinute(t *testing.T, rate int64, f traffic, from int) {
	meter := &quota.Meter{}
	meter.SetRate(0, quota.Ingress, quota.Ingress.Rate(rate))
	perSecond := f.run(&quota.Payers{Tenant: meter}, quota.Ingress)
	slack := 0.02 + float64(f.batch)/float64(60*rate)
	for start := from; start+60 <= len(perSecond); start++ {
		var minute int64
		for _, n := range perSecond[start : start+60] {
			minute += n
		}
		if share := float64(minute) / float64(60*rate); share < 1-slack || share > 1+slack {
			t.Errorf("from second %d the tenant got %.2f %% of its rate in a minute", start, 100*share)
			return
		}
	}
	for at, n := range perSecond[from:] {
		if limit := rate*3/2 + f.batch; n > limit {
			t.Errorf("%d in second %d; rate, burst and a batch are %d", n, from+at, limit)
			return
		}
	}
}

func TestAdmitChargesAllOrNothing(t *testing.T) {
	tenant := &quota.Meter{}
	tenant.SetRate(0, quota.Ingress, quota.Ingress.Rate(1000))
	both := quota.Payers{Tenant: tenant, Clients: clientsOf(quota.ClientQuotas{{User: quota.Named("u")}: {quota.ProducerByteRate: 100}}, "u", "c")}
	first := both.Admit(0, quota.Charge{Dimension: quota.Ingress, Units: 400})
	if !first.Admitted || first.Wait != 0 || first.Throttle != quota.MaxThrottle || first.Client == nil || first.Dimension != quota.Ingress {
		t.Errorf("the first: %+v", first)
	}
	if text := first.String(); !strings.Contains(text, "ingress: over the client quota producer_byte_rate=100 of user u;") || !strings.Contains(text, "throttled for 1s") {
		t.Errorf("it says %q", text)
	}
	second := both.Admit(0, quota.Charge{Dimension: quota.Ingress, Units: 1000})
	if second.Admitted || second.Wait != quota.Horizon || second.Client == nil {
		t.Errorf("the second: %+v", second)
	}
	if tenant.Used(quota.Ingress) != 400 {
		t.Errorf("what was not let in was charged: %d", tenant.Used(quota.Ingress))
	}
	if other := both.Admit(0, quota.Charge{Dimension: quota.Egress}); !other.Free() {
		t.Errorf("debt of ingress holds a fetch: %+v", other)
	}
	queued := both.Admit(int64(3*time.Second), quota.Charge{Dimension: quota.Ingress, Units: 100})
	if !queued.Admitted || queued.Wait != 500*time.Millisecond || queued.Throttle != quota.MaxThrottle {
		t.Errorf("within the horizon: %+v", queued)
	}
	settled := both.Settle(int64(3*time.Second), quota.Charge{Dimension: quota.Ingress}, quota.Charge{Dimension: quota.Egress, Units: 1 << 40})
	if !settled.Admitted || settled.Wait != 0 || settled.Throttle != quota.MaxThrottle {
		t.Errorf("settled: %+v", settled)
	}
	huge := both.Settle(int64(3*time.Second), quota.Charge{Dimension: quota.Ingress, Units: 1 << 40})
	if huge.Throttle != quota.MaxThrottle {
		t.Errorf("a client is told %s", huge.Throttle)
	}
}

// clientsOf returns the meters of a connection.
func clientsOf(quotas quota.ClientQuotas, user, clientID string) []*quota.ClientMeter {
	var meters quota.ClientMeters
	meters.SetQuotas(quotas)
	return meters.Attach(0, user, clientID, nil)
}

// A client that is over its own quota does not make its tenant want a larger share, and one that the tenant's quota
// holds does.
func TestClientQuotasWantNoShare(t *testing.T) {
	for name, quotas := range map[string]quota.ClientQuotas{"the tenant's": nil, "its own": {{ClientID: quota.Default}: {quota.ProducerByteRate: 1}}} {
		tenant := quota.NewTenant(0, orrery.Quotas{IngressBytesPerSecond: 1e6}, 1)
		if quotas != nil {
			tenant = quota.NewTenant(0, orrery.Quotas{IngressBytesPerSecond: 1e12}, 1)
		}
		payers := quota.Payers{Tenant: &tenant.Meter, Clients: clientsOf(quotas, "u", "c")}
		payers.Admit(0, quota.Charge{Dimension: quota.Ingress, Units: 10e6})
		tenant.Report(second)
		if v := payers.Admit(second, quota.Charge{Dimension: quota.Ingress, Units: 10e6}); v.Admitted || (v.Client == nil) != (quotas == nil) {
			t.Errorf("over %s quota: %s", name, v)
		}
		if use := tenant.Report(2 * second)[quota.Ingress]; (use.Wanted > 0) != (quotas == nil) {
			t.Errorf("over %s quota, the tenant wants %d more", name, use.Wanted)
		}
	}
}

// One use an hour fades within the hours after it, however often it is looked at, and many do as they should.
func TestUseOfASlowDimensionFades(t *testing.T) {
	for _, every := range []time.Duration{time.Millisecond * 7, time.Second, time.Minute} {
		tenant := quota.NewTenant(0, someQuotas, 3)
		payers := quota.Payers{Tenant: &tenant.Meter}
		payers.Settle(0, quota.Charge{Dimension: quota.ProducerIDs, Units: 1}, quota.Charge{Dimension: quota.PartitionChanges, Units: 1000})
		tenant.Report(1)
		at := func(until time.Duration) (uses [quota.Dimensions]quota.Use) {
			for now := every; now <= until; now += every {
				uses = tenant.Report(int64(now))
			}
			return uses
		}
		if uses := at(5 * time.Minute); uses[quota.ProducerIDs].Used != 1 || uses[quota.PartitionChanges].Used < 320 || uses[quota.PartitionChanges].Used > 370 {
			t.Errorf("every %s: after 5 minutes %d of 1 producer id, %d of 1000 partitions", every, uses[quota.ProducerIDs].Used, uses[quota.PartitionChanges].Used)
		}
		if uses := at(time.Hour); uses[quota.ProducerIDs].Used != 0 || uses[quota.PartitionChanges].Used != 0 {
			t.Errorf("every %s: after an hour %d producer ids, %d partitions", every, uses[quota.ProducerIDs].Used, uses[quota.PartitionChanges].Used)
		}
	}
}

var someQuotas = orrery.Quotas{
	IngressBytesPerSecond: 9e6, EgressBytesPerSecond: 30e6, RequestsPerSecond: 900, RequestMillisecondsPerSecond: 2000,
	Connections: 9, ConnectionAttemptsPerSecond: 3, PartitionChangesPerFiveMinutes: 300, ProducerIDsPerHour: 3600,
}

func TestTenantStartsWithAnEvenShare(t *testing.T) {
	tenant := quota.NewTenant(0, someQuotas, 3)
	for d, want := range map[quota.Dimension]int64{quota.Ingress: 3e6, quota.RequestTime: 2_000_000 / 3, quota.Connections: 3, quota.PartitionChanges: 100} {
		if got := tenant.Share(d); got != want {
			t.Errorf("%s: a share of %d, not %d", d, got, want)
		}
	}
	changed := someQuotas
	changed.IngressBytesPerSecond, changed.EgressBytesPerSecond = 90e6, 0
	tenant.SetShare(0, quota.Requests, 777)
	tenant.SetQuotas(second, changed, 3)
	if tenant.Share(quota.Ingress) != 30e6 || tenant.Share(quota.Egress) != quota.Unlimited || tenant.Share(quota.Requests) != 777 {
		t.Errorf("after a change: %d, %d, %d", tenant.Share(quota.Ingress), tenant.Share(quota.Egress), tenant.Share(quota.Requests))
	}
	if lines := strings.Join(tenant.Describe(), "\n"); !strings.Contains(lines, "ingress: 0 used of a share of 30000000, quota 90000000 bytes/s") || strings.Contains(lines, "egress") {
		t.Errorf("it describes itself as\n%s", lines)
	}
}

func TestTenantBoundsConnections(t *testing.T) {
	tenant := quota.NewTenant(0, someQuotas, 3) // 3 at a time; one a second after a burst of 5
	for i := range 3 {
		if v := tenant.Connect(0); !v.Admitted {
			t.Fatalf("connection %d: %s", i, v)
		}
	}
	if v := tenant.Connect(0); v.Admitted || v.Dimension != quota.Connections || !strings.Contains(v.String(), "connections: over the cluster's share on this broker of 3") {
		t.Errorf("a fourth: %s", v)
	}
	for i := range 3 { // one overdraws
		tenant.Disconnect()
		if v := tenant.Connect(0); !v.Admitted {
			t.Fatalf("attempt %d: %s", i, v)
		}
	}
	tenant.Disconnect()
	if v := tenant.Connect(0); v.Admitted || v.Dimension != quota.ConnectionAttempts || v.Wait != time.Second {
		t.Errorf("an attempt too many: %s", v)
	}
	if v := tenant.Connect(second); !v.Admitted {
		t.Errorf("after a second: %s", v)
	}
	if use := tenant.Report(second)[quota.Connections]; use != (quota.Use{Used: 3, Wanted: 1}) {
		t.Errorf("it reports %+v", use)
	}
	if use := tenant.Report(2 * second)[quota.Connections]; use != (quota.Use{Used: 3}) {
		t.Errorf("it reports a refusal twice: %+v", use)
	}
}

func TestReportShowsWhatWasHeldBack(t *testing.T) {
	tenant := quota.NewTenant(0, someQuotas, 3)
	payers := quota.Payers{Tenant: &tenant.Meter}
	payers.Admit(0, quota.Charge{Dimension: quota.Ingress, Units: 1e6})
	if use := tenant.Report(second)[quota.Ingress]; use != (quota.Use{Used: 1e6}) {
		t.Errorf("within the burst: %+v", use)
	}
	payers.Admit(second, quota.Charge{Dimension: quota.Ingress, Units: 3e6})
	if use := tenant.Report(3 * second)[quota.Ingress]; use != (quota.Use{Used: 1.5e6, Wanted: 750_000}) {
		t.Errorf("3 MB of which waited half a second, over 2 s: %+v", use)
	}
	payers.Settle(3*second, quota.Charge{Dimension: quota.PartitionChanges, Units: 60})
	if use := tenant.Report(4 * second)[quota.PartitionChanges]; use.Used != 60 {
		t.Errorf("a slow dimension forgets: %+v", use)
	}
	if use := tenant.Report(154 * second)[quota.PartitionChanges]; use.Used != 30 {
		t.Errorf("after half its time it still counts %+v", use)
	}
	if use := tenant.Report(154 * second)[quota.Ingress]; use.Used != 0 {
		t.Errorf("two reports at once: %+v", use)
	}
}

func BenchmarkAdmitAndSettle(b *testing.B) {
	tenant := quota.NewTenant(0, orrery.Quotas{IngressBytesPerSecond: 1e12, EgressBytesPerSecond: 1e12, RequestsPerSecond: 1e12, RequestMillisecondsPerSecond: 1e9}, 3)
	clients := clientsOf(quota.ClientQuotas{
		{User: quota.Named("u")}:  {quota.ProducerByteRate: 1e12, quota.ConsumerByteRate: 1e12, quota.ControllerMutationRate: 1},
		{ClientID: quota.Default}: {quota.RequestPercentage: 1e6},
	}, "u", "c")
	for name, payers := range map[string]*quota.Payers{"tenant": {Tenant: &tenant.Meter}, "tenant and client": {Tenant: &tenant.Meter, Clients: clients}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var now int64
			for b.Loop() {
				now += 10_000
				v := payers.Admit(now, quota.Charge{Dimension: quota.Ingress, Units: 1000}, quota.Charge{Dimension: quota.Requests, Units: 1}, quota.Charge{Dimension: quota.RequestTime})
				w := payers.Settle(now+1000, quota.Charge{Dimension: quota.RequestTime, Units: 50}, quota.Charge{Dimension: quota.Ingress})
				if !v.Free() || !w.Free() {
					b.Fatal(v, w)
				}
			}
		})
	}
}

func BenchmarkBucket(b *testing.B) {
	bucket := quota.NewBucket(0, quota.PerSecond(1e12))
	var now int64
	b.ReportAllocs()
	for b.Loop() {
		now += 1000
		if bucket.Charge(now, 1000) != 0 {
			b.Fatal("throttled")
		}
	}
}
