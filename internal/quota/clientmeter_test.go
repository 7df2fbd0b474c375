package quota_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/quota"
)

// everyClient is a quota for each client id of each user.
func everyClient(rate float64) quota.ClientQuotas {
	return quota.ClientQuotas{{ClientID: quota.Default}: {quota.ProducerByteRate: rate}}
}

// connected is one connection of a client.
type connected struct {
	meters *quota.ClientMeters
	quota.Payers
}

func newConnected(meters *quota.ClientMeters) *connected {
	return &connected{meters, quota.Payers{Tenant: &quota.Meter{}}}
}

// as gives the connection a client id.
func (c *connected) as(now int64, clientID string) *connected {
	c.Clients = c.meters.Attach(now, "u", clientID, c.Clients)
	return c
}

// send lets one request in, and returns for how long the client is throttled, or it is held.
func (c *connected) send(now, units int64) time.Duration {
	v := c.Admit(now, quota.Charge{Dimension: quota.Ingress, Units: units})
	return v.Wait + v.Throttle
}

// Two connections of one client share its meter, which outlives them while it owes something: not even another client
// id for a while, or a quota that is set again, pays a debt.
func TestClientMetersOutliveConnections(t *testing.T) {
	var meters quota.ClientMeters
	meters.SetQuotas(everyClient(1000))
	one, two := newConnected(&meters).as(0, "a"), newConnected(&meters).as(0, "a")
	one.send(0, 2500) // two seconds of debt
	if wait := two.send(0, 0); wait != time.Second {
		t.Errorf("the second connection of a client waits for %s", wait)
	}
	if wait := newConnected(&meters).as(0, "b").send(0, 500); wait != 0 {
		t.Errorf("another client waits for %s", wait)
	}
	one.as(0, "c").as(0, "d")
	two.as(0, "c")
	meters.Sweep(0)
	if wait := one.as(second, "a").send(second, 0); wait != 2*time.Second { // told for one second, held for one
		t.Errorf("after an absence the client waits for %s", wait)
	}
	one.as(second, "c")
	version := meters.Version()
	meters.SetQuotas(everyClient(2000))
	if meters.Version() == version {
		t.Error("connections are not told of other quotas")
	}
	if wait := one.as(second, "a").send(second, 0); wait != time.Second { // 1000 units at the new rate
		t.Errorf("under another quota the client waits for %s", wait)
	}
	one.as(second, "c")
	meters.SetQuotas(nil)
	if one.as(second, "a"); len(one.Clients) != 0 {
		t.Errorf("without quotas there are %d meters", len(one.Clients))
	}
	meters.Sweep(second)
	meters.SetQuotas(everyClient(1000))
	if wait := one.as(second, "a").send(second, 500); wait != 0 {
		t.Errorf("the debt of a quota that was gone is left: %s", wait)
	}
}

// However many client ids a client invents, the meters are bounded; what it gets beyond their burst is what one client
// gets; and a client that had to share gets a meter of its own, without a burst, when there is room again.
func TestClientMetersAreBounded(t *testing.T) {
	var meters quota.ClientMeters
	const rate = 1000
	meters.SetQuotas(everyClient(rate))
	inventor := newConnected(&meters)
	var got int64
	for i := range 3 * quota.MaxClientMeters {
		if inventor.as(0, fmt.Sprint(i)).send(0, rate/2) == 0 {
			got += rate / 2
		}
	}
	if most := int64(quota.MaxClientMeters+1) * rate / 2; got != most {
		t.Errorf("an inventor of client ids got %d at once, and not %d", got, most)
	}
	late, later := newConnected(&meters).as(0, "late"), newConnected(&meters).as(0, "later")
	if late.send(0, 0) == 0 {
		t.Error("a client for which there is no room got a burst")
	}
	meters.Sweep(0)
	version := meters.Version()
	now := 3600 * second
	if meters.Sweep(now); meters.Version() == version {
		t.Error("clients that share a meter are not told that there is room")
	}
	version = meters.Version()
	if meters.Sweep(now); meters.Version() != version {
		t.Error("connections look again without need")
	}
	later.send(now, 10*rate)
	if wait := late.as(now, "late").send(now, 1); wait != time.Millisecond {
		t.Errorf("the client with room again waits for %s", wait)
	}
	if wait := newConnected(&meters).as(now, "new").send(now, rate/2); wait != 0 {
		t.Errorf("a new client has no burst: %s", wait)
	}
}

// A model of one client with many connections that come, go, change their client id and are swept away at random: what
// is let in under one client id is never more than its burst, its rate and one request.
func TestClientMetersHoldTheRate(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 599))
	var meters quota.ClientMeters
	const rate, largest = 10_000, 3_000
	meters.SetQuotas(everyClient(rate))
	connections := make([]*connected, 20)
	free := make([]int64, len(connections))
	for i := range connections {
		connections[i] = newConnected(&meters).as(0, "a")
	}
	var now, got int64
	for now < 300*second {
		now += random.Int64N(second / 100)
		i := random.IntN(len(connections))
		switch random.IntN(10) {
		case 0:
			meters.Detach(connections[i].Clients)
			connections[i], free[i] = newConnected(&meters), 0
		case 1:
			connections[i].as(now, "elsewhere")
		case 2:
			meters.Sweep(now)
		default:
			if now < free[i] {
				continue
			}
			n := 1 + random.Int64N(largest)
			v := connections[i].as(now, "a").Admit(now, quota.Charge{Dimension: quota.Ingress, Units: n})
			free[i] = now + int64(v.Wait+v.Throttle)
			if v.Admitted {
				got += n
			}
		}
	}
	share := float64(got) / (float64(now) / float64(second) * rate)
	if share < 0.98 || float64(got) > float64(now)/float64(second)*rate+rate/2+2*rate { // what waits its second's turn is let in
		t.Errorf("%d in %.0f s, %.3f of the rate", got, float64(now)/float64(second), share)
	}
}

// A request_percentage that is far too low holds every request for seconds and none for hours.
func TestRequestDebtIsBounded(t *testing.T) {
	payers := quota.Payers{Tenant: &quota.Meter{}, Clients: clientsOf(quota.ClientQuotas{{User: quota.Default}: {quota.RequestPercentage: 1e-9}}, "u", "c")}
	for range 3 {
		payers.Settle(0, quota.Charge{Dimension: quota.RequestTime, Units: 3600e6})
	}
	if v := payers.Admit(8*second, quota.Charge{Dimension: quota.RequestTime}); v.Admitted {
		t.Errorf("an hour's work is paid for within 8 s of a quota of nothing: %s", v)
	}
	if v := payers.Admit(10*second, quota.Charge{Dimension: quota.RequestTime}); !v.Admitted || v.Wait > 0 {
		t.Errorf("the client is still held after 10 s: %s", v)
	}
}

// What is kept of a client id is bounded, and a long one is never taken for one that has a quota of its own.
func TestLongClientIDs(t *testing.T) {
	longest := strings.Repeat("x", quota.MaxEntityName)
	var meters quota.ClientMeters
	meters.SetQuotas(quota.ClientQuotas{{ClientID: quota.Default}: {quota.ProducerByteRate: 1000}, {ClientID: quota.Named(longest)}: {quota.ProducerByteRate: 1e9}})
	named, longer := newConnected(&meters).as(0, longest), newConnected(&meters).as(0, longest+"x")
	if named.send(0, 10_000) != 0 || longer.send(0, 1500) != time.Second {
		t.Error("a longer client id has the quota of another one")
	}
	if wait := newConnected(&meters).as(0, longest+"xyz").send(0, 0); wait != 2*time.Second { // told for one second, held for one
		t.Errorf("client ids that begin alike for longer than a quota can name have a meter each: %s", wait)
	}
}

func TestMostEgress(t *testing.T) {
	quotas := quota.ClientQuotas{{User: quota.Named("u")}: {quota.ConsumerByteRate: 1000, quota.ProducerByteRate: 5}}
	if most := quota.MostEgress(clientsOf(quotas, "u", "c")); most != 1000 {
		t.Errorf("%d of 1000 bytes/s", most)
	}
	if most := quota.MostEgress(clientsOf(quotas, "other", "c")); most != quota.Unlimited {
		t.Errorf("%d without a quota", most)
	}
}

// BenchmarkAttach is what a connection costs that begins, or takes another client id.
func BenchmarkAttach(b *testing.B) {
	var meters quota.ClientMeters
	quotas := everyClient(1000)
	for i := range quota.MaxClientQuotas - 1 {
		quotas[quota.Entity{User: quota.Named(fmt.Sprint(i))}] = map[string]float64{quota.ConsumerByteRate: 1}
	}
	meters.SetQuotas(quotas)
	client := newConnected(&meters)
	names := []string{"a", "b"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		client.as(0, names[i%2])
	}
}
