package quota_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/quota"
)

const second = int64(time.Second)

func TestBucketPaysForWhatIsLargerThanItsBurst(t *testing.T) {
	b := quota.NewBucket(0, quota.Rate{Units: 1000, Per: time.Second, Burst: 500})
	if wait := b.Charge(0, 500); wait != 0 {
		t.Errorf("the burst costs %s", wait)
	}
	if wait := b.Charge(0, 5000); wait != 5*time.Second {
		t.Errorf("5 times the rate costs %s", wait)
	}
	if wait := b.Debt(3 * second); wait != 2*time.Second {
		t.Errorf("after 3 s %s are left", wait)
	}
	if wait := b.Charge(3*second, -1000); wait != time.Second {
		t.Errorf("after a refund %s are left", wait)
	}
	b.SetRate(3*second, quota.Rate{Units: 100, Per: time.Second, Burst: 50})
	if wait := b.Debt(3 * second); wait != 10*time.Second {
		t.Errorf("debt does not survive a change of the rate: %s", wait)
	}
	if wait := b.Debt(1 * second); wait != 10*time.Second {
		t.Errorf("a clock that goes back changes the debt: %s", wait)
	}
	if wait := b.Debt(60 * second); wait != 0 {
		t.Errorf("debt does not end: %s", wait)
	}
	if wait := b.Charge(60*second, 51); wait != 10*time.Millisecond {
		t.Errorf("a silence earned more than the burst: %s", wait)
	}
}

func TestBucketAtItsEdges(t *testing.T) {
	unlimited := quota.NewBucket(0, quota.Rate{Units: quota.Unlimited})
	var zero quota.Bucket
	for _, b := range []*quota.Bucket{&unlimited, &zero} {
		if wait := b.Charge(0, math.MaxInt64); wait != 0 || b.Rate().Units != quota.Unlimited {
			t.Errorf("no limit waits for %s, rate %+v", wait, b.Rate())
		}
		b.SetRate(second, quota.PerSecond(10))
		if wait := b.Charge(second, 15); wait != time.Second {
			t.Errorf("a limit after none waits for %s", wait)
		}
	}
	nothing := quota.NewBucket(0, quota.Rate{Per: time.Second})
	if wait := nothing.Charge(0, 1); wait != 0 {
		t.Errorf("the burst of a rate of 0 waits for %s", wait)
	}
	if wait := nothing.Charge(1000*second, 1); wait < 100*365*24*time.Hour/2 {
		t.Errorf("a rate of 0 waits for %s only", wait)
	}
	for _, units := range []int64{1, 7, 1e9, 1 << 42, math.MaxInt64 - 1} {
		b := quota.NewBucket(0, quota.PerSecond(units))
		for range 10 {
			if wait := b.Charge(0, math.MaxInt64); wait < 0 {
				t.Errorf("rate %d: a negative wait, %s", units, wait)
			}
		}
		if wait := b.Debt(math.MaxInt64 / 2); wait < 0 {
			t.Errorf("rate %d: a negative wait after ages, %s", units, wait)
		}
		if b.Charge(math.MaxInt64/2, math.MinInt64); b.Debt(math.MaxInt64/2) != 0 {
			t.Errorf("rate %d: a refund leaves debt", units)
		}
	}
}

// An exact model in big steps: whatever is charged, what a bucket gave in any window is at most the burst, the rate,
// and one request; and who obeys gets at least 98 % of the rate.
func TestBucketHoldsTheRate(t *testing.T) {
	for _, rate := range []int64{3, 5e6, 33_333_333, 100e6, 27e9} {
		for _, batch := range []int64{1, 100, 16 << 10, 1 << 20, 100 << 20} {
			t.Run(fmt.Sprintf("%d by %d", rate, batch), func(t *testing.T) { holdsTheRate(t, rate, batch) })
		}
	}
}

func holdsTheRate(t *testing.T, rate, batch int64) {
	if batch*10 > rate*3600 || batch < rate/2_000_000 {
		t.Skip("a batch of more than six minutes, or more than two million a second, measures nothing")
	}
	random := rand.New(rand.NewPCG(uint64(rate), uint64(batch)))
	b := quota.NewBucket(0, quota.PerSecond(rate))
	var now, given, largest int64
	duration := max(60*second, 100*batch*second/rate)
	if batch < rate/100_000 {
		duration = 3 * second
	}
	for now < duration {
		n := 1 + random.Int64N(2*batch)
		largest = max(largest, n)
		given += n
		now += int64(b.Charge(now, n))
		now += random.Int64N(int64(time.Millisecond)) // on its way
	}
	seconds := float64(now) / float64(second)
	most := float64(rate)*seconds + float64(rate)/2 + float64(largest)
	if float64(given) > most {
		t.Errorf("%d units in %.1f s, more than %.0f", given, seconds, most)
	}
	if batch >= rate/1000 && float64(given) < 0.98*float64(rate)*seconds { // a smaller one is slowed by its own way
		t.Errorf("%d units in %.1f s are only %.2f %% of the rate", given, seconds, 100*float64(given)/float64(rate)/seconds)
	}
}

func TestBucketDoesNotDrift(t *testing.T) {
	// 7 units in 3 s, asked every nanosecond-odd instant for a day: exact to the unit.
	b := quota.NewBucket(0, quota.Rate{Units: 7, Per: 3 * time.Second, Burst: 1 << 30})
	b.Charge(0, 1<<30)
	b.Charge(0, 7*8*3600) // earned back in a day
	random := rand.New(rand.NewPCG(1, 2))
	day := 24 * 3600 * second
	var now int64
	for now < day {
		if wait := b.Debt(now); int64(wait) != day-now {
			t.Fatalf("at %d the debt takes %d ns, not %d", now, wait, day-now)
		}
		now += 1 + random.Int64N(300*second/1000)
	}
	if wait := b.Debt(day); wait != 0 {
		t.Errorf("after a day %s are left", wait)
	}
}

func FuzzBucket(f *testing.F) {
	f.Add(int64(100), int64(1e9), int64(50), int64(10), int64(30), int64(1e6))
	f.Add(int64(math.MaxInt64), int64(-1), int64(math.MinInt64), int64(math.MinInt64), int64(math.MaxInt64), int64(1))
	f.Add(int64(-46), int64(1e9), int64(-56), int64(10), int64(30), int64(999970))
	f.Fuzz(func(t *testing.T, units, per, burst, first, then, step int64) {
		b := quota.NewBucket(0, quota.Rate{Units: units, Per: time.Duration(per), Burst: burst})
		before := b.Charge(0, first)
		more := b.Charge(0, max(then, 0))
		if before < 0 || more < before {
			t.Fatalf("a charge of %d after %s made it %s", max(then, 0), before, more)
		}
		later := b.Debt(max(step, 0))
		if later < 0 || later > more {
			t.Fatalf("time made %s of %s", later, more)
		}
		if more < 50*365*24*time.Hour && more > 0 && b.Debt(int64(more)) != 0 && step <= int64(more) {
			t.Fatalf("the debt is not gone after %s", more)
		}
	})
}
