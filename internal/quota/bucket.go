package quota

import (
	"math"
	"math/bits"
	"time"
)

// Unlimited as the units of a rate is no limit.
const Unlimited = math.MaxInt64

// maxUnits bounds rates, bursts and levels, so that no sum overflows: 4 TB/s, or 4 TB of debt.
const maxUnits = 1 << 42

// endless is the wait for a rate of 0: longer than anybody waits, and short enough to be added to a time.
const endless = time.Duration(math.MaxInt64 / 4)

// Rate is an amount per time, with what may be used at once after a silence.
type Rate struct {
	// Units per Per; Unlimited for no limit, 0 for nothing after the burst.
	Units int64
	Per   time.Duration
	// Burst is at least 1.
	Burst int64
}

// PerSecond is a rate with a burst of half a second: over 60 s a client gets at most 0.9 % above it.
func PerSecond(units int64) Rate { return Rate{Units: units, Per: time.Second, Burst: units / 2} }

// normal brings every field into its bounds.
func (r Rate) normal() Rate {
	if r.Units != Unlimited {
		r.Units = min(max(r.Units, 0), maxUnits)
	}
	r.Per = min(max(r.Per, time.Millisecond), 24*time.Hour)
	r.Burst = min(max(r.Burst, 1), maxUnits)
	return r
}

// Bucket is a token bucket that may be overdrawn. The zero value is unlimited.
type Bucket struct {
	rate Rate
	// level is the units left, below 0 the debt. remainder, in units × ns, is what was earned of the next unit.
	level     int64
	remainder uint64
	last      int64
	limited   bool
}

// NewBucket returns a full bucket.
func NewBucket(now int64, rate Rate) Bucket {
	rate = rate.normal()
	return Bucket{rate: rate, level: rate.Burst, last: now, limited: rate.Units != Unlimited}
}

// Rate returns the rate, with Units Unlimited where there is none.
func (b *Bucket) Rate() Rate {
	if !b.limited {
		return Rate{Units: Unlimited, Per: time.Second, Burst: 1}
	}
	return b.rate
}

// SetRate changes the rate from now on. Debt stays, in units; what is left is cut to the new burst.
func (b *Bucket) SetRate(now int64, rate Rate) {
	if !b.limited {
		*b = NewBucket(now, rate)
		return
	}
	b.refill(now)
	b.rate = rate.normal()
	b.limited = b.rate.Units != Unlimited
	b.remainder = min(b.remainder, uint64(b.rate.Per)-1)
	b.level = min(b.level, b.rate.Burst)
}

// refill adds what was earned since the last time.
func (b *Bucket) refill(now int64) {
	elapsed := now - b.last
	if elapsed <= 0 {
		return
	}
	b.last = now
	if b.level >= b.rate.Burst {
		b.remainder = 0
		return
	}
	per := uint64(b.rate.Per)
	high, low := bits.Mul64(uint64(b.rate.Units), uint64(elapsed))
	low, carry := bits.Add64(low, b.remainder, 0)
	high += carry
	if high >= per { // more than any bucket holds
		b.level, b.remainder = b.rate.Burst, 0
		return
	}
	var earned uint64
	if high == 0 {
		earned, b.remainder = low/per, low%per
	} else {
		earned, b.remainder = bits.Div64(high, low, per)
	}
	if earned >= uint64(b.rate.Burst-b.level) {
		b.level, b.remainder = b.rate.Burst, 0
		return
	}
	b.level += int64(earned)
}

// Charge takes units, or gives them back where they are negative, and returns how long until the debt is gone: 0
// without debt. It never refuses.
func (b *Bucket) Charge(now, units int64) time.Duration {
	if !b.limited {
		return 0
	}
	b.refill(now)
	units = min(max(units, -maxUnits), maxUnits)
	b.level = min(max(b.level-units, -maxUnits), b.rate.Burst)
	return b.wait()
}

// Debt returns how long until the debt is gone: 0 without debt.
func (b *Bucket) Debt(now int64) time.Duration {
	if !b.limited {
		return 0
	}
	b.refill(now)
	return b.wait()
}

// full reports whether it is as a new one would be.
func (b *Bucket) full(now int64) bool {
	if !b.limited {
		return true
	}
	b.refill(now)
	return b.level >= b.rate.Burst
}

// wait is the time until the level is 0, rounded up to a nanosecond.
func (b *Bucket) wait() time.Duration {
	if b.level >= 0 {
		return 0
	}
	units := uint64(b.rate.Units)
	if units == 0 {
		return endless
	}
	high, low := bits.Mul64(uint64(-b.level), uint64(b.rate.Per))
	low, borrow := bits.Sub64(low, b.remainder, 0)
	high -= borrow
	low, carry := bits.Add64(low, units-1, 0)
	high += carry
	if high >= units {
		return endless
	}
	quotient := low / units
	if high > 0 {
		quotient, _ = bits.Div64(high, low, units)
	}
	return time.Duration(min(quotient, uint64(endless)))
}
