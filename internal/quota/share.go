package quota

import (
	"fmt"
	"time"
)

// Silence is how old a gateway's last report may be. Who hears nothing for longer takes an even split, and who is
// not heard is taken to have one.
const Silence = 5 * time.Second

// floorParts is how many floors are in a quota: all floors together are 1 % of it, and are given on top.
const floorParts = 100

// Report is what one gateway says about one dimension of one tenant.
type Report struct {
	Node int32
	// At is when it was received, by the receiver's clock, so that clocks need not agree; of the own report, when
	// it was last published.
	At int64
	Use
	// Share is the share in force at the gateway.
	Share int64
}

// Decision is a gateway's share of a quota, and why.
type Decision struct {
	Dimension Dimension
	Share     int64
	Quota     int64
	// Rule is how it was found; the other fields are what it was found from, over all gateways.
	Rule     ShareRule
	Gateways int
	Silent   int
	// Demand is the own demand (used and wanted), Total everybody's.
	Demand, Total int64
	// Pressure is the broker's back-pressure factor in thousandths; 1000 is none.
	Pressure int64
}

// ShareRule names how a share was found.
type ShareRule string

// The rules, in the order in which they are tried.
const (
	ShareUnlimited    ShareRule = "unlimited"    // there is no quota
	ShareEven         ShareRule = "even"         // nothing was heard or said for Silence
	ShareProportional ShareRule = "proportional" // demand is over the quota: in proportion to it
	ShareSlack        ShareRule = "slack"        // demand is under the quota: that, and a part of what is left
	ShareWaiting      ShareRule = "waiting"      // as before, but others have not lowered theirs yet
)

// String explains the decision.
func (d Decision) String() string {
	if d.Rule == ShareUnlimited {
		return fmt.Sprintf("%s: not limited", d.Dimension)
	}
	text := fmt.Sprintf("%s: %d of the cluster's %d %s", d.Dimension, d.Share, d.Quota, d.Dimension.Unit())
	switch d.Rule {
	case ShareEven:
		text += fmt.Sprintf(", split evenly over %d gateways because no report went out for %s", d.Gateways, Silence)
	case ShareProportional:
		text += fmt.Sprintf(", in proportion to its demand: %d of %d, which is over the quota", d.Demand, d.Total)
	case ShareSlack:
		text += fmt.Sprintf(", its demand of %d and a part of what the cluster's demand of %d leaves", d.Demand, d.Total)
	case ShareWaiting:
		text += fmt.Sprintf(", less than its demand of %d of %d gives it, until other gateways have lowered theirs", d.Demand, d.Total)
	}
	if d.Silent > 0 {
		text += fmt.Sprintf("; %d of %d gateways are silent and count with an even share", d.Silent, d.Gateways)
	}
	if d.Pressure < 1000 {
		text += fmt.Sprintf("; shrunk to %d.%d %% because the broker is overloaded", d.Pressure/10, d.Pressure%10)
	}
	return text
}

// ShareOf decides the share of the gateway own of a quota. Reports has one for each gateway with a live lease, own
// included, whose Use is fresh and whose Share is the one in force now; pressure is BackPressure's factor of the own
// broker.
//
// With the same reports, everybody's shares add up to at most 101 % of the quota: all of it in proportion to demand,
// and on top the floors with which a gateway that becomes active begins (it may overdraw them with its first
// request, and its demand shows in the next report). A share falls at once and rises only by what the others'
// reports say they have given up; so with reports of different age the sum is above that only where gateways take
// the same freed part within one exchange. With reports up to 1.5 s late and demand that jumps, 24 gateways have at
// most 1.2 times the quota at an instant and 1.02 times over any minute (TestSharesWithLateReports).
func ShareOf(d Dimension, quota, now int64, own int32, reports []Report, pressure int64) Decision {
	decision := Decision{Dimension: d, Quota: quota, Gateways: len(reports), Pressure: min(max(pressure, 1), 1000)}
	if quota == Unlimited {
		decision.Share, decision.Rule = Unlimited, ShareUnlimited
		return decision
	}
	floor := max(quota/(floorParts*max(int64(len(reports)), 1)), 1)
	evenly := even(quota, len(reports))
	pool, free := quota, quota+quota/floorParts
	var mine *Report
	var wanted int64
	for i := range reports {
		r := &reports[i]
		silent := now-r.At > int64(Silence)
		switch {
		case r.Node == own && !silent:
			mine = r
		case r.Node == own:
			decision.Silent++
			continue
		case silent:
			decision.Silent++
			pool -= evenly
			free -= evenly
			continue
		default:
			free -= min(r.Share, quota)
		}
		decision.Total += demand(r.Use)
		wanted += clamp(r.Wanted)
	}
	if mine == nil {
		decision.Rule, decision.Share = ShareEven, evenly
		return decision.shrink()
	}
	decision.Demand = demand(mine.Use)
	share := decision.divide(pool, wanted, clamp(mine.Wanted))
	if share > max(free, mine.Share) {
		decision.Rule, share = ShareWaiting, max(free, mine.Share)
	}
	decision.Share = max(share, floor)
	return decision.shrink()
}

// divide returns the own part of a pool, with everybody's and the own wanted.
func (d *Decision) divide(pool, wanted, mine int64) int64 {
	slack := pool - d.Total
	if slack <= 0 {
		d.Rule = ShareProportional
		return scale(d.Demand, uint64(max(pool, 0)), uint64(d.Total))
	}
	d.Rule = ShareSlack
	switch {
	case wanted > 0:
		return d.Demand + scale(slack, uint64(mine), uint64(wanted))
	case d.Total > 0:
		// Half of it for all, so that anybody may begin, and half where the use is, for it grows there first.
		half := slack / 2
		return d.Demand + half/int64(d.Gateways-d.Silent) + scale(half, uint64(d.Demand), uint64(d.Total))
	default:
		return slack / int64(d.Gateways-d.Silent)
	}
}

// shrink applies the back-pressure.
func (d Decision) shrink() Decision {
	d.Share = max(scale(d.Share, uint64(d.Pressure), 1000), 1)
	return d
}

func demand(u Use) int64 { return clamp(u.Used) + clamp(u.Wanted) }

// clamp keeps what others report in bounds.
func clamp(n int64) int64 { return min(max(n, 0), maxUnits) }

// BackPressure returns by how much, in thousandths, all tenants' shares on a broker are shrunk: in proportion when
// more is used than it can carry, and growing back by a fiftieth each time when there is room again. Previous is
// the factor in force while use was measured, 1000 at the start. Never below 50, so that nobody stands still.
func BackPressure(previous, use, capacity int64) int64 {
	previous = min(max(previous, 50), 1000)
	use, capacity = clamp(use), clamp(capacity)
	switch {
	case use > capacity:
		return max(scale(previous, uint64(capacity), uint64(use)), 50)
	case use < capacity-capacity/20:
		return min(previous+20, 1000)
	}
	return previous
}
