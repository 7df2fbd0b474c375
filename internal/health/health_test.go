package health_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orrery-kafka/orrery/internal/health"
)

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const step = 5 * time.Second

// well are the signals of a broker with nothing wrong.
func well(node int32, now time.Time) health.Signals {
	probe := health.Probe{Node: node, At: now, Reached: health.Consumed}
	probe.Took[health.Produced] = 4 * time.Millisecond
	return health.Signals{
		Node: node, Up: true, Probe: probe,
		Kafka:   health.Kafka{At: now, Alive: true, Replicas: 20, Followers: 20},
		Metrics: health.Metrics{At: now, HandlersIdle: 0.98, Flush: 3 * time.Millisecond},
		System:  health.System{At: now, State: 'S'},
	}
}

// run feeds a model with rounds of so many brokers, changed by change, and returns the verdicts of each round.
func run(m health.Model, from time.Time, brokers, rounds int, change func(round int, s *health.Signals)) (health.Model, [][]health.Verdict) {
	var all [][]health.Verdict
	for i := range rounds {
		now := from.Add(time.Duration(i) * step)
		var signals []health.Signals
		for node := range int32(brokers) {
			s := well(node, now)
			change(i, &s)
			signals = append(signals, s)
		}
		var verdicts []health.Verdict
		m, verdicts = m.Next(now, signals)
		all = append(all, verdicts)
	}
	return m, all
}

func standings(verdicts []health.Verdict) string {
	var out []string
	for _, v := range verdicts {
		out = append(out, strings.TrimSuffix(fmt.Sprintf("%s/%s", v.Standing, v.Cause), "/"))
	}
	return strings.Join(out, " ")
}

func failed(s *health.Signals, reached health.Stage, why string) {
	s.Probe.Reached, s.Probe.Error = reached, why
}

// slowly makes a broker take records slowly.
func slowly(s *health.Signals, took time.Duration) { s.Probe.Took[health.Produced] = took }

// What each failure looks like, what is asked for, and what the evidence says.
func TestSignatures(t *testing.T) {
	for name, c := range map[string]struct {
		change         func(s *health.Signals) // of broker 1
		want, evidence string
	}{
		"nothing": {func(*health.Signals) {}, "Healthy", ""},
		"a stopped process": {func(s *health.Signals) {
			failed(s, health.LoggedIn, "timeout")
			s.Kafka.Alive, s.System.State, s.Metrics.At = false, 'T', time.Time{}
		}, "Restart/ProcessStopped", "its process is stopped (state T); a probe came as far as login and failed at produce: timeout; the controller has fenced it"},
		"a process in a debugger": {func(s *health.Signals) { s.System.State = 't' }, "Restart/ProcessStopped", "its process is stopped (state t)"},
		"a slow disk, flushes": {func(s *health.Signals) { slowly(s, 2*time.Second); s.Metrics.Flush = 1500 * time.Millisecond },
			"Demote/SlowDisk", "a record is taken after 2s, by its peers after 4ms; a flush takes it 1.5s, its peers 3ms"},
		"a slow disk, waiting": {func(s *health.Signals) { slowly(s, 2*time.Second); s.System.DiskWait = 0.9 },
			"Demote/SlowDisk", "a record is taken after 2s, by its peers after 4ms; it waits for its disk 90 % of the time"},
		"a disk that hangs": {func(s *health.Signals) { failed(s, health.LoggedIn, "timeout"); s.System.State = 'D' },
			"Demote/SlowDisk", "a probe came as far as login and failed at produce: timeout; its process waits for a disk (state D)"},
		"slow flushes that no client notices": {func(s *health.Signals) { s.Metrics.Flush = 1500 * time.Millisecond }, "Healthy", ""},
		"slow without a sign of the disk":     {func(s *health.Signals) { slowly(s, 2*time.Second) }, "Demote/Slow", "a record is taken after 2s, by its peers after 4ms"},
		"slower, but not slow":                {func(s *health.Signals) { slowly(s, 400*time.Millisecond) }, "Healthy", ""},
		"a failed disk": {func(s *health.Signals) {
			failed(s, health.LoggedIn, "storage error")
			s.System.StorageError = "read-only file system"
		},
			"Replace/StorageFailed", "its data directory cannot be used: read-only file system; a probe came as far as login and failed at produce: storage error"},
		"no network to its peers, fenced": {func(s *health.Signals) { s.Kafka.Alive = false },
			"Demote/PeerNetworkLost", "the controller does not hear of it and has fenced it; clients reach it, and it takes their records"},
		"no network to its peers, alone": {func(s *health.Signals) { s.Kafka.OutOfSync, s.Kafka.FollowersOutOfSync = 20, 20 },
			"Demote/PeerNetworkLost", "20 of its 20 replicas and 20 of 20 followers of what it leads are out of sync; clients reach it, and it takes their records"},
		"it catches up": {func(s *health.Signals) { s.Kafka.OutOfSync = 19 }, "Healthy", ""},
		"no network to clients": {func(s *health.Signals) { failed(s, health.Nowhere, "no route to host") },
			"Demote/OutsideNetworkLost", "a probe came as far as nothing and failed at dial: no route to host; the controller hears of it, and clients reach its peers"},
		"a gateway that answers nothing": {func(s *health.Signals) { failed(s, health.Dialled, "") },
			"Demote/OutsideNetworkLost", "a probe came as far as dial and failed at TLS: no answer; the controller hears of it, and clients reach its peers"},
		"clients do not reach it, and what Kafka says is not known": {func(s *health.Signals) { failed(s, health.Nowhere, "no route"); s.Kafka.At = time.Time{} }, "Healthy", ""},
		"nobody reaches it": {func(s *health.Signals) { failed(s, health.Nowhere, "no route"); s.Kafka.Alive = false },
			"Restart/NoAnswer", "a probe came as far as nothing and failed at dial: no route; the controller has fenced it"},
		"it hangs": {func(s *health.Signals) { failed(s, health.LoggedIn, "timeout"); s.Metrics.HandlersIdle = 0 },
			"Restart/NoAnswer", "a probe came as far as login and failed at produce: timeout; its request handlers are all busy"},
		"nothing is known of it":  {func(s *health.Signals) { *s = health.Signals{Node: 1, Up: true} }, "Healthy", ""},
		"what is known is old":    {func(s *health.Signals) { s.System.State, s.System.At = 'T', s.System.At.Add(-time.Minute) }, "Healthy", ""},
		"it is down for a reason": {func(s *health.Signals) { s.Up = false; failed(s, health.Nowhere, "refused"); s.Kafka.Alive = false }, "Healthy", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, rounds := run(health.New(health.Rules{}), epoch, 3, 10, func(_ int, s *health.Signals) {
				if s.Node == 1 {
					c.change(s)
				}
			})
			last := rounds[len(rounds)-1]
			if got, want := standings(last), "Healthy "+c.want+" Healthy"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			evidence := last[1].Evidence
			if c.evidence != "" {
				c.evidence += "; so for 4 rounds, 15s"
			}
			if got := strings.Join(evidence, "; "); got != c.evidence {
				t.Errorf("the evidence is\n%s\nwant\n%s", got, c.evidence)
			}
		})
	}
}

func stopped(s *health.Signals) {
	failed(s, health.LoggedIn, "timeout")
	s.Kafka.Alive, s.System.State = false, 'T'
}

// The way of a verdict: suspect, asked for, and healthy again after a while; the same value for as long as nothing changes.
func TestCourse(t *testing.T) {
	_, rounds := run(health.New(health.Rules{}), epoch, 3, 40, func(round int, s *health.Signals) {
		if s.Node == 2 && round >= 2 && round < 10 {
			stopped(s)
		}
	})
	var course []string
	for i, verdicts := range rounds {
		if i == 0 || !cmp.Equal(verdicts, rounds[i-1]) {
			course = append(course, fmt.Sprintf("%d %s", i, standings(verdicts[2:])))
		}
	}
	want := []string{"0 Healthy", "3 Suspect/ProcessStopped", "5 Restart/ProcessStopped", "22 Healthy"}
	if diff := cmp.Diff(want, course); diff != "" {
		t.Error(diff)
	}
}

// A restart is asked for once: that it is carried out ends the verdict, and what the broker looks like then counts.
// One that restarts do not heal is demoted in the end.
func TestRestartsEnd(t *testing.T) {
	m := health.New(health.Rules{})
	now := epoch
	var asked []string
	restarting := 0
	for range 400 {
		now = now.Add(step)
		var signals []health.Signals
		for node := range int32(3) {
			s := well(node, now)
			if node == 0 {
				failed(&s, health.LoggedIn, "timeout")
				s.Up = restarting == 0
			}
			signals = append(signals, s)
		}
		restarting = max(0, restarting-1)
		var verdicts []health.Verdict
		m, verdicts = m.Next(now, signals)
		if v := verdicts[0]; v.Standing.Acts() && v.Since.Equal(now) {
			asked = append(asked, string(v.Standing))
			if v.Standing == health.Restart {
				restarting = 3
			}
		}
	}
	if got, want := strings.Join(asked, " "), "Restart Restart Restart Demote"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}

// A broker that was down is given time to come: its gateway begins after it. One that does not come is judged then.
func TestSettles(t *testing.T) {
	for name, c := range map[string]struct {
		ill  int // rounds after it was down
		want []string
	}{
		"it comes":         {10, []string{"0 Healthy"}},
		"it does not come": {60, []string{"0 Healthy", "17 Suspect/OutsideNetworkLost", "19 Demote/OutsideNetworkLost"}},
	} {
		_, rounds := run(health.New(health.Rules{}), epoch, 3, 40, func(round int, s *health.Signals) {
			if s.Node != 1 {
				return
			}
			s.Up = round < 2 || round >= 5
			if round >= 2 && round < 5+c.ill {
				failed(s, health.Nowhere, "refused")
			}
		})
		var course []string
		for i, verdicts := range rounds {
			if i == 0 || !cmp.Equal(verdicts, rounds[i-1]) {
				course = append(course, fmt.Sprintf("%d %s", i, standings(verdicts[1:2])))
			}
		}
		if diff := cmp.Diff(c.want, course); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A disk that stays slow is replaced, and not before its time; one that fails meanwhile, at once.
func TestReplaces(t *testing.T) {
	for name, failsAt := range map[string]int{"slow": 10_000, "failed": 100} {
		_, rounds := run(health.New(health.Rules{}), epoch, 5, 400, func(round int, s *health.Signals) {
			if s.Node != 3 {
				return
			}
			slowly(s, time.Second)
			s.Metrics.Flush = time.Second
			if round >= failsAt {
				s.System.StorageError = "input/output error"
			}
		})
		replaced := -1
		for i, verdicts := range rounds {
			if verdicts[3].Standing == health.Replace && replaced < 0 {
				replaced = i
			}
		}
		want := 3 + int(30*time.Minute/step) // demoted in the fourth round
		if name == "failed" {
			want = failsAt
		}
		if replaced != want {
			t.Errorf("%s: replaced in round %d, want %d", name, replaced, want)
		}
	}
}

// While a broker is on its way, nothing is asked for about another.
func TestWaitsForOthers(t *testing.T) {
	m, rounds := run(health.New(health.Rules{}), epoch, 5, 20, func(_ int, s *health.Signals) {
		switch s.Node {
		case 0:
			s.Up = false
		case 1:
			stopped(s)
		}
	})
	if got := standings(rounds[19]); got != "Healthy Suspect/ProcessStopped Healthy Healthy Healthy" {
		t.Error(got)
	}
	_, rounds = run(m, epoch.Add(20*step), 5, 1, func(_ int, s *health.Signals) {
		if s.Node == 1 {
			stopped(s)
		}
	})
	if got := standings(rounds[0]); got != "Healthy Restart/ProcessStopped Healthy Healthy Healthy" {
		t.Error(got)
	}
}

// ill is any state that a broker may be found in, ill with the given probability.
func ill(r *rand.Rand, s *health.Signals, probability float64) {
	if r.Float64() >= probability {
		return
	}
	switch r.IntN(9) {
	case 0:
		stopped(s)
	case 1:
		slowly(s, time.Duration(r.IntN(3000))*time.Millisecond)
	case 2:
		slowly(s, time.Second)
		s.Metrics.Flush = time.Duration(r.IntN(3000)-1) * time.Millisecond
	case 3:
		s.System.StorageError = "input/output error"
	case 4:
		s.Kafka.Alive = false
	case 5:
		s.Kafka.OutOfSync, s.Kafka.FollowersOutOfSync = s.Kafka.Replicas, r.IntN(s.Kafka.Followers+1)
	case 6:
		failed(s, health.Stage(r.IntN(int(health.Consumed))), "")
	case 7:
		s.Up = false
	case 8:
		s.Probe.At, s.Kafka.At, s.System.At = time.Time{}, s.Kafka.At.Add(-time.Duration(r.IntN(60))*time.Second), time.Time{}
	}
}

// bad reports whether a broker alone among healthy ones would be found ill at once.
func bad(s health.Signals, now time.Time) bool {
	m := health.New(health.Rules{SuspectRounds: 1})
	_, verdicts := m.Next(now, []health.Signals{s, well(100, now), well(101, now), well(102, now)})
	return verdicts[0].Standing != health.Healthy
}

// Whatever comes in: there is a verdict for each broker, with evidence and a cause exactly where it is not Healthy; at
// most one asks for something; none does where most look bad; one that begins to ask does so after enough bad rounds
// and a pause; and no verdict changes without the time it needs.
func TestAnyCourse(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 7))
		brokers := 1 + r.IntN(7)
		probability := []float64{0.02, 0.2, 0.5, 0.9}[r.IntN(4)]
		sticky := r.IntN(2) == 0 // the same brokers are ill in most rounds
		m := health.New(health.Rules{})
		before := map[int32]health.Verdict{}
		streak := map[int32]int{}
		var began time.Time
		for i := range 200 {
			now := epoch.Add(time.Duration(i) * step)
			var signals []health.Signals
			for node := range int32(brokers) {
				s := well(node, now)
				p := probability
				if sticky && node > 0 {
					p /= 20
				}
				ill(r, &s, p)
				signals = append(signals, s)
			}
			next, verdicts := m.Next(now, signals)
			if _, again := m.Next(now, signals); !cmp.Equal(verdicts, again) {
				t.Fatalf("seed %d: the same round gave %v and then %v", seed, verdicts, again)
			}
			m = next
			if len(verdicts) != brokers {
				t.Fatalf("seed %d: %d verdicts of %d brokers", seed, len(verdicts), brokers)
			}
			certain, judged := 0, 0
			for _, s := range signals {
				if !s.Up || !bad(s, now) {
					streak[s.Node] = 0
				} else {
					streak[s.Node]++
				}
				if s.Up {
					judged++
				}
				if s.Up && !s.System.At.IsZero() && (s.System.State == 'T' || s.System.StorageError != "") {
					certain++
				}
			}
			acting := 0
			for _, v := range verdicts {
				if (v.Standing == health.Healthy) != (v.Cause == "") || (v.Standing == health.Healthy) != (len(v.Evidence) == 0) {
					t.Fatalf("seed %d: %+v", seed, v)
				}
				if v.Standing.Acts() {
					acting++
				}
				old, known := before[v.Node]
				if known && v.Standing.Acts() && !old.Standing.Acts() {
					if !began.IsZero() && now.Sub(began) < 2*time.Minute {
						t.Fatalf("seed %d, round %d: %+v begins %s after another one", seed, i, v, now.Sub(began))
					}
					if streak[v.Node] < 4 {
						t.Fatalf("seed %d, round %d: %+v begins after %d bad rounds", seed, i, v, streak[v.Node])
					}
					began = now
				}
				if known && v.Standing == health.Healthy && old.Standing != health.Healthy && now.Sub(old.Since) < 25*time.Second {
					t.Fatalf("seed %d, round %d: healthy %s after %+v", seed, i, now.Sub(old.Since), old)
				}
				if known && v.Since != old.Since && v.Since != now {
					t.Fatalf("seed %d, round %d: %+v became %+v", seed, i, old, v)
				}
				before[v.Node] = v
			}
			if acting > 1 {
				t.Fatalf("seed %d, round %d: %d brokers at once: %s", seed, i, acting, standings(verdicts))
			}
			if 2*certain > judged && acting > 0 {
				t.Fatalf("seed %d, round %d: %d of %d look bad, and still %s", seed, i, certain, judged, standings(verdicts))
			}
		}
	}
}

// Noise that does not last asks for nothing, however much of it there is.
func TestNoiseAsksForNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	_, rounds := run(health.New(health.Rules{}), epoch, 5, 5000, func(round int, s *health.Signals) {
		if round%4 != 3 {
			ill(r, s, 0.3)
		}
	})
	for i, verdicts := range rounds {
		for _, v := range verdicts {
			if v.Standing.Acts() {
				t.Fatalf("round %d: %+v", i, v)
			}
		}
	}
}

// Where most brokers look bad it is not them; that ends what was asked for, and it takes its time again afterwards.
func TestMostAreNotReplaced(t *testing.T) {
	_, rounds := run(health.New(health.Rules{}), epoch, 3, 60, func(round int, s *health.Signals) {
		if s.Node == 0 || s.Node == 1 && round >= 10 && round < 20 {
			slowly(s, time.Second)
			s.System.StorageError = "input/output error"
		}
	})
	var course []string
	for i, verdicts := range rounds {
		if i == 0 || standings(verdicts) != standings(rounds[i-1]) {
			course = append(course, fmt.Sprintf("%d %s", i, standings(verdicts)))
		}
	}
	want := []string{
		"0 Healthy Healthy Healthy",
		"1 Suspect/StorageFailed Healthy Healthy",
		"3 Replace/StorageFailed Healthy Healthy",
		"10 Suspect/StorageFailed Healthy Healthy",
		"11 Suspect/StorageFailed Suspect/StorageFailed Healthy",
		"27 Replace/StorageFailed Suspect/StorageFailed Healthy",
		"32 Replace/StorageFailed Healthy Healthy",
	}
	if diff := cmp.Diff(want, course); diff != "" {
		t.Error(diff)
	}
}
