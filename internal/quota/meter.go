package quota

import (
	"fmt"
	"time"
)

const (
	// MaxThrottle bounds the time that a client is told, as Kafka bounds it for request time (KIP-124). Where the debt
	// takes longer, the next request is held (Admit says for how long): a client that was told cannot be told that
	// the share has grown, which it does within a second where the tenant's use moves to this broker.
	MaxThrottle = time.Second
	// Horizon is how far ahead a request may be let in: it is charged at once and waits for its turn. Beyond it a
	// request is not charged and comes again, so that a change of the rate takes hold within the horizon.
	Horizon = time.Second
)

// Charge is an amount of one rate. Units of 0 wait for debt of that dimension and cost nothing: of a Fetch, whose
// size is not known yet, or of the time that a request will take.
type Charge struct {
	Dimension Dimension // a rate
	Units     int64
}

// Meter is one bucket for each rate of a tenant, with what was used of it. The zero value is unlimited.
type Meter struct {
	buckets [Rates]Bucket
	// used counts units, waited units × milliseconds for which they were held back.
	used, waited [Rates]int64
}

// Payers are who pays for a request: the tenant, and the client quotas that hold for its user and client id.
type Payers struct {
	Tenant  *Meter
	Clients []*ClientMeter
}

// SetRate changes the rate of a dimension from now on.
func (m *Meter) SetRate(now int64, d Dimension, rate Rate) { m.buckets[d].SetRate(now, rate) }

// Rate returns the rate of a dimension.
func (m *Meter) Rate(d Dimension) Rate { return m.buckets[d].Rate() }

// Used returns how much was charged of a dimension since the meter was made.
func (m *Meter) Used(d Dimension) int64 { return m.used[d] }

// Verdict is what becomes of a request.
type Verdict struct {
	// Admitted is false for a request that was not charged and is to be tried again after Wait.
	Admitted bool
	// Wait is how long the request is held before it is worked on, or before it is tried again: until earlier
	// requests are paid for.
	Wait time.Duration
	// Throttle is what the client is told, at most MaxThrottle: until this request, too, is paid for. The
	// connection is muted for as long.
	Throttle time.Duration
	// Dimension, the rate in force and the client quota (nil: the tenant's own) are what Wait, or else Throttle, comes
	// from.
	Dimension Dimension
	Rate      Rate
	Client    *Limit
}

// Free reports whether nothing is held back.
func (v Verdict) Free() bool { return v.Admitted && v.Wait == 0 && v.Throttle == 0 }

// String says why, for the journal of what was throttled.
func (v Verdict) String() string {
	if v.Free() {
		return "within every quota"
	}
	whose := fmt.Sprintf("the cluster's share on this broker of %d %s", v.Rate.Units, v.Dimension.Unit())
	if v.Client != nil {
		whose = "the client quota " + v.Client.String()
	}
	return fmt.Sprintf("%s: over %s; held for %s, then throttled for %s", v.Dimension, whose,
		v.Wait.Round(time.Millisecond), v.Throttle.Round(time.Millisecond))
}

// Admit lets a request in, or says when to try again. It is charged to every payer or to none. When it is answered,
// Settle charges what it turned out to cost.
//
// What a Fetch will cost is not known: it is charged what the connection's last one had (0 at first), and Settle
// charges the difference. So many connections overdraw only once, with their first responses.
func (p *Payers) Admit(now int64, charges ...Charge) Verdict {
	var v Verdict
	for _, c := range charges {
		v.hold(now, c.Dimension, &p.Tenant.buckets[c.Dimension], nil)
		for _, client := range p.Clients {
			if client.dimension == c.Dimension {
				v.hold(now, c.Dimension, &client.bucket, client.limit)
			}
		}
	}
	if v.Wait > Horizon {
		if v.Client == nil { // a larger share would not help a client that is over its own quota
			p.Tenant.refuse(charges)
		}
		// Early by half a horizon, so that it joins the queue before that is empty; and soon, for the rate may grow.
		v.Wait = min(v.Wait-Horizon/2, Horizon)
		return v
	}
	p.charge(now, charges, &v)
	return v
}

// Settle charges what became known after a request was admitted, or gives back what was charged too much (negative
// units). It never refuses, and Wait is 0. Throttle is what to tell the client, of the dimensions of these charges:
// so it takes a charge of 0 units for what Admit charged.
func (p *Payers) Settle(now int64, charges ...Charge) Verdict {
	var v Verdict
	p.charge(now, charges, &v)
	return v
}

// hold notes the longest debt.
func (v *Verdict) hold(now int64, d Dimension, b *Bucket, client *Limit) {
	if wait := b.Debt(now); wait > v.Wait {
		v.Wait, v.Dimension, v.Rate, v.Client = wait, d, b.rate, client
	}
}

// charge takes every charge, and notes the longest debt. For how long a charge is in debt shows in the tenant's next
// report: units × time waited is, over time, the units that wait at any moment (Little's law).
func (p *Payers) charge(now int64, charges []Charge, v *Verdict) {
	v.Admitted = true
	for _, c := range charges {
		b := &p.Tenant.buckets[c.Dimension]
		debt := b.Charge(now, c.Units)
		p.Tenant.used[c.Dimension] += c.Units
		if debt > 0 {
			p.Tenant.wait(c, debt)
			v.tell(debt, c.Dimension, b, nil)
		}
		for _, client := range p.Clients {
			if client.dimension == c.Dimension {
				v.tell(client.charge(now, c.Units), c.Dimension, &client.bucket, client.limit)
			}
		}
	}
}

// tell notes for how long the client is throttled.
func (v *Verdict) tell(debt time.Duration, d Dimension, b *Bucket, client *Limit) {
	if told := min(debt, MaxThrottle); told > v.Throttle {
		v.Throttle = told
		if v.Wait == 0 {
			v.Dimension, v.Rate, v.Client = d, b.rate, client
		}
	}
}

// refuse notes what did not come in. It comes again after about a horizon, so it counts for one.
func (m *Meter) refuse(charges []Charge) {
	for _, c := range charges {
		m.wait(c, Horizon)
	}
}

// wait notes that a charge waits.
func (m *Meter) wait(c Charge, wait time.Duration) {
	if c.Units > 0 {
		m.waited[c.Dimension] += min(c.Units, maxUnits/1000) * int64(min(wait, Horizon)/time.Millisecond)
	}
}
