package quota_test

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/quota"
)

// shares decides for every gateway from the same reports.
func shares(limit int64, reports []quota.Report) (all []quota.Decision, sum int64) {
	for _, r := range reports {
		d := quota.ShareOf(quota.Ingress, limit, 10*second, r.Node, reports, 1000)
		all = append(all, d)
		sum += d.Share
	}
	return all, sum
}

func report(node int32, used, wanted, share int64) quota.Report {
	return quota.Report{Node: node, At: 9 * second, Use: quota.Use{Used: used, Wanted: wanted}, Share: share}
}

func TestShareOf(t *testing.T) {
	silent := report(2, 100, 100, 100)
	silent.At = 4 * second
	for _, test := range []struct {
		name    string
		reports []quota.Report
		want    []int64
		rule    quota.ShareRule // of the first
		text    string
	}{
		{"alone", []quota.Report{report(0, 300, 0, 900)}, []int64{900}, quota.ShareSlack, "900 of the cluster's 900 bytes/s, its demand of 300 and a part of what"},
		{"nobody uses anything", []quota.Report{report(0, 0, 0, 300), report(1, 0, 0, 300), report(2, 0, 0, 300)}, []int64{300, 300, 300}, quota.ShareSlack, "of 0 leaves"},
		{"one waits, and gets all that is left", []quota.Report{report(0, 100, 1, 100), report(1, 200, 0, 200)}, []int64{700, 200}, quota.ShareSlack, ""},
		{"over the quota", []quota.Report{report(0, 600, 600, 0), report(1, 300, 300, 0)}, []int64{600, 300}, quota.ShareProportional, "in proportion to its demand: 1200 of 1800"},
		{"an idle one has a floor", []quota.Report{report(0, 900, 900, 0), report(1, 0, 0, 0), report(2, 0, 0, 0)}, []int64{900, 3, 3}, quota.ShareProportional, ""},
		{"others have not lowered theirs", []quota.Report{report(0, 300, 400, 300), report(1, 100, 0, 600)}, []int64{309, 100}, quota.ShareWaiting, "until other gateways have lowered theirs"},
		{"a silent one", []quota.Report{report(0, 500, 500, 0), report(1, 100, 0, 0), silent}, []int64{545, 54, 300}, quota.ShareProportional, "1 of 3 gateways are silent"},
		{"nothing was said for long", []quota.Report{silent, report(0, 5, 5, 5)}, []int64{450, 450}, quota.ShareEven, "split evenly over 2 gateways because no report went out for 5s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, _ := shares(900, test.reports)
			for i, d := range got {
				if d.Share != test.want[i] {
					t.Errorf("gateway %d gets %d, not %d: %s", i, d.Share, test.want[i], d)
				}
			}
			if got[0].Rule != test.rule || !strings.Contains(got[0].String(), test.text) {
				t.Errorf("the reason is %s: %s", got[0].Rule, got[0])
			}
		})
	}
	if d := quota.ShareOf(quota.Egress, quota.Unlimited, 0, 0, nil, 0); d.Share != quota.Unlimited || d.String() != "egress: not limited" {
		t.Errorf("without a quota: %s", d)
	}
	if d := quota.ShareOf(quota.Ingress, 900, 10*second, 7, nil, 1000); d.Share != 900 || d.Rule != quota.ShareEven {
		t.Errorf("without any report: %s", d)
	}
	if d := quota.ShareOf(quota.Ingress, 900, 10*second, 0, []quota.Report{report(0, 900, 900, 0)}, 333); d.Share != 299 || !strings.Contains(d.String(), "shrunk to 33.3 %") {
		t.Errorf("on an overloaded broker: %s", d)
	}
}

func TestSharesOfTheSameReportsAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		n := 1 + random.IntN(12)
		limit := 1 + random.Int64N(1<<random.IntN(42))
		reports := make([]quota.Report, n)
		var total int64
		for i := range reports {
			reports[i] = report(int32(i), random.Int64N(2*limit)/int64(1+random.IntN(n)), random.Int64N(limit+1)*int64(random.IntN(2)), 0)
			if random.IntN(4) == 0 {
				reports[i].At = random.Int64N(10) * second
			}
			total += reports[i].Used + reports[i].Wanted
		}
		got, sum := shares(limit, reports)
		if most := limit + limit/100 + int64(n); sum > most {
			t.Fatalf("the shares of %d add up to %d: %+v", limit, sum, got)
		}
		for i, d := range got {
			if d.Share < 1 || d.Silent == 0 && total <= limit && d.Share < reports[i].Used {
				t.Fatalf("gateway %d gets %d though demand is only %d of %d: %+v", i, d.Share, total, limit, reports)
			}
		}
		slices.Reverse(reports)
		again, _ := shares(limit, reports)
		slices.Reverse(again)
		if !slices.Equal(got, again) {
			t.Fatalf("the order of the reports matters: %+v and %+v", got, again)
		}
	}
}

func TestHostileReportsStayInBounds(t *testing.T) {
	const huge, least = 1<<63 - 1, -1 << 63
	for _, r := range []quota.Report{report(1, huge, huge, huge), report(1, least, least, least), report(1, huge, least, 0)} {
		for _, limit := range []int64{1, 900, huge - 1} {
			d := quota.ShareOf(quota.Ingress, limit, 10*second, 0, []quota.Report{report(0, 5, 5, 5), r}, -3)
			if d.Share < 1 || d.Share > limit {
				t.Errorf("%+v makes a share of %d of %d", r, d.Share, limit)
			}
		}
	}
}

// Gateways that exchange reports at their own times, up to 1.5 s late, under demand that jumps: the tenant gets its
// quota, and not more, over any minute.
func TestSharesWithLateReports(t *testing.T) {
	const limit, step, minutes = 1_000_000, second / 10, 20
	for _, n := range []int{2, 3, 6, 24} {
		random := rand.New(rand.NewPCG(uint64(n), 7))
		type late struct {
			at     int64
			report quota.Report
		}
		demand, inForce := make([]int64, n), make([]int64, n)
		used, wanted := make([]int64, n), make([]int64, n)
		known, under := make([][]quota.Report, n), make([][]late, n)
		for i := range n {
			inForce[i] = limit / int64(n)
			for j := range n {
				known[i] = append(known[i], quota.Report{Node: int32(j), Share: limit / int64(n)})
			}
		}
		var minute, wantedMinute []int64 // for each step
		var worst int64
		for now := int64(0); now < minutes*60*second; now += step {
			if now%(20*second) == 0 { // demand jumps: one is hot, half of the others are busy
				for i := range demand {
					demand[i] = random.Int64N(4*limit/int64(n)) * int64(random.IntN(2))
				}
				demand[random.IntN(n)] = random.Int64N(2 * limit)
			}
			var sum, asked int64
			for i := range n {
				got := min(demand[i], inForce[i])
				used[i] += got * step / second
				wanted[i] += (demand[i] - got) * step / second
				sum, asked = sum+got, asked+demand[i]
				for len(under[i]) > 0 && under[i][0].at <= now {
					known[i][under[i][0].report.Node], under[i] = under[i][0].report, under[i][1:]
				}
				if now%second != int64(i)*second/int64(n)/step*step {
					continue
				}
				mine := quota.Report{Node: int32(i), At: now, Use: quota.Use{Used: used[i], Wanted: wanted[i]}, Share: inForce[i]}
				known[i][i] = mine
				mine.Share = quota.ShareOf(quota.Ingress, limit, now, int32(i), known[i], 1000).Share
				inForce[i], used[i], wanted[i] = mine.Share, 0, 0
				for j := range n {
					if j != i {
						at := now + random.Int64N(3*second/2)
						if last := len(under[j]); last > 0 {
							at = max(at, under[j][last-1].at)
						}
						mine.At = at
						under[j] = append(under[j], late{at, mine})
					}
				}
			}
			worst = max(worst, sum)
			minute, wantedMinute = append(minute, sum), append(wantedMinute, min(asked, limit))
		}
		var most, total, possible int64
		const window = int(60 * second / step)
		for at := window; at < len(minute); at += window / 6 {
			var sum int64
			for _, s := range minute[at-window : at] {
				sum += s
			}
			most = max(most, sum/int64(window))
		}
		for i := range minute {
			total, possible = total+minute[i], possible+wantedMinute[i]
		}
		t.Logf("%d gateways: at most %.2f of the quota in a minute, %.2f at an instant; %.1f %% of what it could have had", n,
			float64(most)/limit, float64(worst)/limit, 100*float64(total)/float64(possible))
		if most > limit*102/100 || worst > limit*3/2 {
			t.Errorf("%d gateways: the tenant got %d of %d in a minute, and %d at an instant", n, most, limit, worst)
		}
		if total < possible*80/100 {
			t.Errorf("%d gateways: of what it could have had the tenant got only %d of %d", n, total, possible)
		}
	}
}

// A hot partition that moves to another broker keeps its tenant's quota: real tenants, 8 connections in a closed
// loop, of which all move after a minute.
func TestHotPartitionThatMovesKeepsTheQuota(t *testing.T) {
	const rate, batch, gateways = int64(30e6), int64(1 << 20), 3
	moved := func(dynamic bool) (got int64) {
		var tenants [gateways]*quota.Tenant
		known := make([]quota.Report, gateways)
		for i := range tenants {
			tenants[i] = quota.NewTenant(0, orrery.Quotas{IngressBytesPerSecond: rate}, gateways)
		}
		queue := events{{at: second, connection: -1}}
		for c := range 8 {
			queue = append(queue, event{int64(c), c})
		}
		heap.Init(&queue)
		for queue[0].at < 120*second {
			next := &queue[0]
			now := next.at
			home := tenants[now/(60*second)]
			switch {
			case next.connection < 0: // the exchange
				for i, tenant := range tenants {
					known[i] = quota.Report{Node: int32(i), At: now, Use: tenant.Report(now)[quota.Ingress], Share: tenant.Share(quota.Ingress)}
				}
				for i, tenant := range tenants {
					if dynamic {
						known[i].Share = quota.ShareOf(quota.Ingress, rate, now, int32(i), known, 1000).Share
						tenant.SetShare(now, quota.Ingress, known[i].Share)
					}
				}
				next.at += second
			default:
				v := (&quota.Payers{Tenant: &home.Meter}).Admit(now, quota.Charge{Dimension: quota.Ingress, Units: batch})
				next.at += int64(max(v.Wait, v.Throttle)) + int64(time.Millisecond)
				if v.Admitted && now >= 60*second {
					got += batch
				}
			}
			heap.Fix(&queue, 0)
		}
		return got
	}
	static, dynamic := float64(moved(false))/60, float64(moved(true))/60
	t.Logf("in the minute after the move: %.1f %% of the quota with a static split, %.1f %% with shares by use", 100*static/float64(rate), 100*dynamic/float64(rate))
	if dynamic < 0.97*float64(rate) || dynamic > 1.02*float64(rate) {
		t.Errorf("the tenant got %.1f %% of its quota", 100*dynamic/float64(rate))
	}
	if static > 0.4*float64(rate) {
		t.Errorf("the control is no control: %.1f %% with a static split", 100*static/float64(rate))
	}
}

func TestBackPressure(t *testing.T) {
	if f := quota.BackPressure(1000, 150, 100); f != 666 {
		t.Errorf("half too much shrinks to %d", f)
	}
	if f := quota.BackPressure(666, 99, 100); f != 666 {
		t.Errorf("a full broker changes it to %d", f)
	}
	if f := quota.BackPressure(0, 1<<62, 1); f != 50 {
		t.Errorf("the least is %d", f)
	}
	factor, steps := int64(50), 0
	for ; factor < 1000 && steps < 100; steps++ {
		factor = quota.BackPressure(factor, 10, 100)
	}
	if steps != 48 {
		t.Errorf("it takes %d steps to grow back", steps)
	}
}

func BenchmarkShareOf(b *testing.B) {
	var reports []quota.Report
	for i := range 24 {
		reports = append(reports, report(int32(i), int64(i)*100, int64(i%3), 100))
	}
	b.ReportAllocs()
	for b.Loop() {
		if quota.ShareOf(quota.Ingress, 1e6, 10*second, 3, reports, 1000).Share == 0 {
			b.Fatal("nothing")
		}
	}
}
