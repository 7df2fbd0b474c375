package quota_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/quota"
)

func TestPublishedOnTheWire(t *testing.T) {
	published := quota.Published{
		quota.Ingress:     {Use: quota.Use{Used: 5, Wanted: 6}, Share: 7},
		quota.RequestTime: {Share: 1 << 40},
	}
	b, err := json.Marshal(published)
	if err != nil || string(b) != `{"ingress":[5,6,7],"request time":[0,0,1099511627776]}` {
		t.Fatalf("%s, %v", b, err)
	}
	var again quota.Published
	if err := json.Unmarshal([]byte(`{"dreams":[1,2,3],`+string(b[1:])), &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(published, again); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`{"ingress":"much"}`), &again); err == nil {
		t.Error("text is taken for a number")
	}
}

// gateways are three that exchange what they publish, as JSON.
type gateways struct {
	exchanges [3]*quota.Exchange
	tenants   [3]*quota.Tenant
	deaf      int // this one neither hears nor is heard; -1 for none
}

func newGateways(quotas orrery.Quotas) *gateways {
	g := &gateways{deaf: -1}
	for i := range g.exchanges {
		g.exchanges[i] = quota.NewExchange(0, int32(i))
		g.exchanges[i].SetGateways(0, []int32{0, 1, 2})
		g.tenants[i] = quota.NewTenant(0, quotas, g.exchanges[i].Gateways())
	}
	return g
}

// tick ends a second: every gateway decides and publishes, in order.
func (g *gateways) tick(t *testing.T, now int64) (decisions [3][]quota.Decision) {
	t.Helper()
	for i, exchange := range g.exchanges {
		var publish quota.Published
		decisions[i], publish = exchange.Decide(now, "lkc-1", g.tenants[i], 1000)
		b, err := json.Marshal(map[string]quota.Published{"lkc-1": publish})
		if err != nil {
			t.Fatal(err)
		}
		if i == g.deaf {
			continue
		}
		exchange.Sent(now)
		for j, other := range g.exchanges {
			if j == i || j == g.deaf {
				continue
			}
			var heard map[string]quota.Published
			if err := json.Unmarshal(b, &heard); err != nil {
				t.Fatal(err)
			}
			other.Heard(now, int32(i), heard)
		}
	}
	return decisions
}

func (g *gateways) shares(d quota.Dimension) (s [3]int64) {
	for i, tenant := range g.tenants {
		s[i] = tenant.Share(d)
	}
	return s
}

// use charges a gateway's part of the tenant in the second before now.
func (g *gateways) use(now int64, gateway int, units int64) {
	(&quota.Payers{Tenant: &g.tenants[gateway].Meter}).Settle(now-second/2, quota.Charge{Dimension: quota.Ingress, Units: units})
}

func TestExchange(t *testing.T) {
	g := newGateways(orrery.Quotas{IngressBytesPerSecond: 900, Connections: 90})
	if s := g.shares(quota.Ingress); s != [3]int64{300, 300, 300} {
		t.Errorf("at first: %v", s)
	}
	now := int64(0)
	run := func(seconds int, used ...int64) {
		for range seconds {
			now += second
			for i, units := range used {
				if units > 0 {
					g.use(now, i, units)
				}
			}
			g.tick(t, now)
		}
	}
	run(5, 90, 0, 0)
	if s := g.shares(quota.Ingress); s[0] != 90+135+405+0 || s[1] != 135 || s[2] != 135 {
		t.Errorf("one uses a tenth: %v", s)
	}
	run(5, 0, 0, 2000) // more than there is
	if s := g.shares(quota.Ingress); s != [3]int64{3, 3, 900} {
		t.Errorf("another wants all: %v", s)
	}
	g.deaf = 2
	run(4, 0, 0, 2000)
	if s := g.shares(quota.Ingress); s[2] < 890 {
		t.Errorf("before the silence is long enough: %v", s)
	}
	run(4, 0, 0, 2000)
	if s := g.shares(quota.Ingress); s != [3]int64{300, 300, 300} {
		t.Errorf("one is silent: %v", s)
	}
	g.deaf = -1
	run(3, 0, 0, 2000)
	if s := g.shares(quota.Ingress); s[2] < 890 {
		t.Errorf("it speaks again: %v", s)
	}
	for i := range 2 {
		g.exchanges[i].SetGateways(now, []int32{0, 1}) // the third's lease ended
	}
	g.deaf = 2
	run(1, 500, 100, 0)
	run(3, 500, 100, 0)
	if s := g.shares(quota.Ingress); s[0] < 500 || s[1] < 100 || s[0]+s[1] > 909 {
		t.Errorf("two are left: %v", s)
	}
	if s := g.shares(quota.Connections); s[0] != 45 || s[1] != 45 {
		t.Errorf("connections, of which none are open: %v", s)
	}
}

// A tenant whose requests are so large that there is none in some seconds keeps most of its share in those.
func TestSharesOfLargeRequests(t *testing.T) {
	g := newGateways(orrery.Quotas{IngressBytesPerSecond: 900})
	for n := range int64(20) {
		now := (n + 1) * second
		if n%2 == 0 {
			g.use(now, 0, 1800)
		}
		g.tick(t, now)
		if s := g.shares(quota.Ingress); n > 2 && s[0] < 700 {
			t.Errorf("after %d s: %v", n+1, s)
		}
	}
}

func TestDecideExplainsEachLimitedDimension(t *testing.T) {
	g := newGateways(orrery.Quotas{IngressBytesPerSecond: 900, Connections: 90})
	decisions := g.tick(t, second)[1]
	if len(decisions) != 2 || decisions[0].Dimension != quota.Ingress || decisions[1].Dimension != quota.Connections {
		t.Fatalf("%+v", decisions)
	}
	if text := decisions[0].String(); text != "ingress: 300 of the cluster's 900 bytes/s, its demand of 0 and a part of what the cluster's demand of 0 leaves" {
		t.Errorf("it says %q", text)
	}
	exchange, tenant := g.exchanges[0], g.tenants[0]
	if _, publish := exchange.Decide(2*second, "lkc-1", tenant, 1000); publish != nil {
		t.Errorf("an idle tenant is published: %+v", publish)
	}
	tenant.Connect(2 * second)
	if _, publish := exchange.Decide(3*second, "lkc-1", tenant, 1000); publish[quota.Connections].Used != 1 {
		t.Errorf("an open connection is published as %+v", publish)
	}
	exchange.Heard(3*second, 77, map[string]quota.Published{"lkc-1": {quota.Ingress: {Use: quota.Use{Used: 1 << 40}}}})
	exchange.Heard(3*second, 0, map[string]quota.Published{"lkc-1": {quota.Ingress: {Use: quota.Use{Used: 1 << 40}}}})
	if d, _ := exchange.Decide(4*second, "lkc-1", tenant, 1000); d[0].Total != 0 {
		t.Errorf("a gateway without a lease, or oneself, is heard: %s", d[0])
	}
}

func BenchmarkDecide(b *testing.B) {
	quotas := someQuotas
	exchange := quota.NewExchange(0, 0)
	exchange.SetGateways(0, []int32{0, 1, 2, 3, 4, 5})
	tenant := quota.NewTenant(0, quotas, 6)
	for node := range int32(6) {
		exchange.Heard(0, node, map[string]quota.Published{"lkc-1": {quota.Ingress: {Use: quota.Use{Used: 10}, Share: 10}}})
	}
	now := int64(0)
	for b.Loop() {
		now += int64(time.Millisecond)
		if decisions, _ := exchange.Decide(now, "lkc-1", tenant, 1000); len(decisions) != 8 {
			b.Fatal(fmt.Sprint(decisions))
		}
	}
}
