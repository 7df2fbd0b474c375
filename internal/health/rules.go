package health

import "time"

// Rules are the numbers of a model. The zero of each is its default.
type Rules struct {
	// Stale is how old a signal may be; 30 s.
	Stale time.Duration
	// SuspectRounds in a row that are bad make a broker Suspect; 2.
	SuspectRounds int
	// ConfirmRounds in a row that are bad, over ConfirmAfter at least, make a verdict that asks for something; 4, 15 s.
	ConfirmRounds int
	ConfirmAfter  time.Duration
	// RecoverRounds in a row that are good, over RecoverAfter at least, make it Healthy again; 6, 1 min.
	RecoverRounds int
	RecoverAfter  time.Duration
	// Settle is how long a broker that was down may look bad until its first good round; 1 min.
	Settle time.Duration
	// Pause is the least time from one verdict that asks for something to the next one; 2 min.
	Pause time.Duration
	// ReplaceAfter is how long a broker with a slow disk stays demoted before its storage is to be replaced; 30 min.
	ReplaceAfter time.Duration
	// Restarts within RestartsWithin are enough: then a broker that a restart does not heal is demoted; 3, 1 h.
	Restarts       int
	RestartsWithin time.Duration
	// SlowFactor is how much longer than the median of its peers a broker takes a record, and SlowFloor how long at
	// least, to be slow; 10, 500 ms. The same for flushes.
	SlowFactor int
	SlowFloor  time.Duration
	// DiskWait is the share of time waiting for the disk that is a sign of it; 0.5.
	DiskWait float64
}

// withDefaults returns the rules with what is not set.
func (r Rules) withDefaults() Rules {
	duration := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	number := func(n *int, value int) {
		if *n <= 0 {
			*n = value
		}
	}
	duration(&r.Stale, 30*time.Second)
	number(&r.SuspectRounds, 2)
	number(&r.ConfirmRounds, 4)
	duration(&r.ConfirmAfter, 15*time.Second)
	number(&r.RecoverRounds, 6)
	duration(&r.RecoverAfter, time.Minute)
	duration(&r.Settle, time.Minute)
	duration(&r.Pause, 2*time.Minute)
	duration(&r.ReplaceAfter, 30*time.Minute)
	number(&r.Restarts, 3)
	duration(&r.RestartsWithin, time.Hour)
	number(&r.SlowFactor, 10)
	duration(&r.SlowFloor, 500*time.Millisecond)
	if r.DiskWait <= 0 {
		r.DiskWait = 0.5
	}
	return r
}
