package quota

import (
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/orrery-kafka/orrery"
)

// Tenant is what one gateway knows of one tenant's quotas: its share of each, what is used of it, and how many
// connections are open. It is not for concurrent use.
type Tenant struct {
	Meter
	quotas orrery.Quotas
	shares [Dimensions]int64
	// open is the connections; refused counts those that were not let in since the last report.
	open, refused int64
	reported      reported
}

// reported is the state of the last report: when, the counters then, the decaying sums, and what it said.
type reported struct {
	at           int64
	used, waited [Rates]int64
	sums         [Rates]struct{ used, wanted decaying }
	uses         [Rates]Use
}

// NewTenant returns a tenant of which nothing is used, with an even share of its quotas on one of so many gateways.
func NewTenant(now int64, quotas orrery.Quotas, gateways int) *Tenant {
	t := &Tenant{reported: reported{at: now}}
	t.SetQuotas(now, quotas, gateways)
	return t
}

// Quotas returns the tenant's quotas, on all gateways together.
func (t *Tenant) Quotas() orrery.Quotas { return t.quotas }

// SetQuotas changes the quotas. Every dimension whose quota is another one gets its even share until the next
// exchange of reports.
func (t *Tenant) SetQuotas(now int64, quotas orrery.Quotas, gateways int) {
	before, first := t.quotas, t.shares[Connections] == 0
	t.quotas = quotas
	for d := range Dimensions {
		if quota := d.Of(quotas); first || quota != d.Of(before) {
			t.SetShare(now, d, even(quota, gateways))
		}
	}
}

// even is the even split of a quota, at least 1.
func even(quota int64, gateways int) int64 {
	if quota == Unlimited {
		return Unlimited
	}
	return max(quota/int64(max(gateways, 1)), 1)
}

// SetShare puts this gateway's share of a quota in force, as ShareOf decided it.
func (t *Tenant) SetShare(now int64, d Dimension, share int64) {
	if t.shares[d] == share {
		return
	}
	t.shares[d] = share
	if d < Rates {
		t.SetRate(now, d, d.Rate(share))
	}
}

// Share returns this gateway's share of a quota; Unlimited where there is none.
func (t *Tenant) Share(d Dimension) int64 { return t.shares[d] }

// Connect lets a connection in, or refuses it for the share of connections or of attempts. Each that is let in ends
// with Disconnect.
func (t *Tenant) Connect(now int64) Verdict {
	if t.open >= t.shares[Connections] {
		t.refused++
		return Verdict{Dimension: Connections, Rate: Rate{Units: t.shares[Connections]}, Wait: Horizon}
	}
	attempts := &t.buckets[ConnectionAttempts]
	if wait := attempts.Debt(now); wait > 0 {
		one := []Charge{{ConnectionAttempts, 1}}
		t.refuse(one)
		return Verdict{Dimension: ConnectionAttempts, Rate: attempts.rate, Wait: min(wait, Horizon)}
	}
	attempts.Charge(now, 1)
	t.used[ConnectionAttempts]++
	t.open++
	return Verdict{Admitted: true}
}

// Disconnect ends a connection that was let in.
func (t *Tenant) Disconnect() { t.open = max(t.open-1, 0) }

// Open returns how many connections are open.
func (t *Tenant) Open() int64 { return t.open }

// Use is what a gateway's part of a tenant used of a dimension, in the unit of its quota: in the last second, or
// for the slow ones in their 5 minutes or hour, decaying. Where the last second had less than a quarter of the report
// before, it is that quarter: large requests come seconds apart, and a share that is given away in between is missed at the
// next one.
type Use struct {
	Used int64 `json:"used,omitempty"`
	// Wanted is what was held back beyond that: how much waited on the average.
	Wanted int64 `json:"wanted,omitempty"`
}

// Report returns what was used and held back, to be published about once a second. It starts the next period.
func (t *Tenant) Report(now int64) (uses [Dimensions]Use) {
	elapsed := time.Duration(now - t.reported.at)
	if elapsed <= 0 {
		elapsed = time.Nanosecond
	}
	for d := range Rates {
		per, sums := dimensions[d].per, &t.reported.sums[d]
		used, waited := t.used[d]-t.reported.used[d], t.waited[d]-t.reported.waited[d]
		sums.used = sums.used.after(max(used, 0), elapsed, per)
		// Units × ms, over the ms that passed, is how much waited; over a slow dimension's time it decays too.
		uses[d] = Use{Used: sums.used.units()}
		before := t.reported.uses[d]
		if per > time.Second {
			sums.wanted = sums.wanted.after(max(waited, 0)/1000, elapsed, time.Minute)
			uses[d].Wanted = sums.wanted.units()
		} else {
			uses[d].Wanted = scale(max(waited, 0)/1000, uint64(time.Second), uint64(elapsed))
			uses[d] = Use{max(uses[d].Used, faded(before.Used, elapsed)), max(uses[d].Wanted, faded(before.Wanted, elapsed))}
		}
		t.reported.uses[d] = uses[d]
	}
	t.reported.at, t.reported.used, t.reported.waited = now, t.used, t.waited
	uses[Connections] = Use{Used: t.open, Wanted: t.refused}
	t.refused = 0
	return uses
}

// faded is what is left of a report after a time: a quarter of it after a second, and soon nothing.
func faded(n int64, elapsed time.Duration) int64 {
	const all = 4 * time.Second / 3
	return scale(n, uint64(max(all-elapsed, 0)), uint64(all))
}

// decaying is a sum over about the last while, in 2^-20 of a unit: fine enough for one use an hour to fade in steps
// of a millisecond.
type decaying int64

const fraction = 20 // bits; maxUnits << fraction is an int64

// after is the sum when more time has passed: what was there fades, what is new is added. Where more than per has
// passed it is the average over that. What fades is rounded up, so that it ends.
func (s decaying) after(added int64, elapsed, per time.Duration) decaying {
	if elapsed >= per {
		return decaying(scale(added, uint64(per), uint64(elapsed)) << fraction)
	}
	high, low := bits.Mul64(uint64(s), uint64(elapsed))
	low, carry := bits.Add64(low, uint64(per)-1, 0)
	faded, _ := bits.Div64(high+carry, low, uint64(per)) // at most s, for elapsed is less than per
	return min(s-decaying(faded)+decaying(min(added, maxUnits/2))<<fraction, maxUnits<<fraction)
}

// units is the sum in whole units, rounded.
func (s decaying) units() int64 { return int64(s+1<<(fraction-1)) >> fraction }

// scale is n × a / b of numbers that are not negative, at most maxUnits.
func scale(n int64, a, b uint64) int64 {
	high, low := bits.Mul64(uint64(n), a)
	if high >= b {
		return maxUnits
	}
	quotient, _ := bits.Div64(high, low, b)
	return int64(min(quotient, math.MaxInt64, maxUnits))
}

// Describe returns a line for each dimension that is limited: share, quota and use, for a diagnostic page.
func (t *Tenant) Describe() (lines []string) {
	for d := range Dimensions {
		if quota := d.Of(t.quotas); quota != Unlimited {
			used := t.open
			if d < Rates {
				used = t.reported.sums[d].used.units()
			}
			lines = append(lines, fmt.Sprintf("%s: %d used of a share of %d, quota %d %s", d, used, t.shares[d], quota, d.Unit()))
		}
	}
	return lines
}
