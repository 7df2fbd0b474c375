package health

import (
	"fmt"
	"slices"
	"time"
)

// symptom is what is wrong with a broker in one round; without a cause, nothing is.
type symptom struct {
	cause    Cause
	evidence []string
}

// round is what is known of all brokers in one round.
type round struct {
	rules   Rules
	now     time.Time
	signals []Signals
}

func (r round) fresh(at time.Time) bool { return !at.IsZero() && r.now.Sub(at) <= r.rules.Stale }

// known returns the signals without what is too old.
func (r round) known(s Signals) Signals {
	if !r.fresh(s.Probe.At) {
		s.Probe = Probe{}
	}
	if !r.fresh(s.Kafka.At) {
		s.Kafka = Kafka{}
	}
	if !r.fresh(s.Metrics.At) {
		s.Metrics = Metrics{}
	}
	if !r.fresh(s.System.At) {
		s.System = System{}
	}
	return s
}

// anything reports whether anything is known of a broker.
func anything(s Signals) bool {
	return !s.Probe.At.IsZero() || !s.Kafka.At.IsZero() || !s.Metrics.At.IsZero() || !s.System.At.IsZero()
}

// examine says what is wrong with a broker: the first cause that fits.
func (r round) examine(s Signals) symptom {
	for _, look := range []func(Signals) symptom{
		r.storageFailed, r.processStopped, r.slow, r.peersLost, r.clientsLost, r.noAnswer,
	} {
		if found := look(s); found.cause != "" {
			return found
		}
	}
	return symptom{}
}

func (r round) storageFailed(s Signals) symptom {
	if s.System.StorageError == "" {
		return symptom{}
	}
	return symptom{StorageFailed, append([]string{"its data directory cannot be used: " + s.System.StorageError}, probed(s)...)}
}

func (r round) processStopped(s Signals) symptom {
	if s.System.State != 'T' && s.System.State != 't' {
		return symptom{}
	}
	found := symptom{ProcessStopped, append([]string{fmt.Sprintf("its process is stopped (state %c)", s.System.State)}, probed(s)...)}
	if !s.Kafka.At.IsZero() && !s.Kafka.Alive {
		found.evidence = append(found.evidence, "the controller has fenced it")
	}
	return found
}

// slow compares with the peers: what all share, such as a busy host, is not a broker's illness. A record that is not
// taken at all counts only with a sign of the disk, because it may have other reasons.
func (r round) slow(s Signals) symptom {
	if s.Probe.Reached < LoggedIn {
		return symptom{}
	}
	peers, ok := r.peers(s.Node, func(p Signals) (time.Duration, bool) { return p.Probe.Took[Produced], p.Probe.Reached >= Produced })
	if !ok {
		return symptom{}
	}
	disk := r.diskSigns(s)
	took := s.Probe.Took[Produced]
	switch {
	case s.Probe.Reached >= Produced && took >= r.rules.SlowFloor && took >= time.Duration(r.rules.SlowFactor)*peers:
		line := fmt.Sprintf("a record is taken after %s, by its peers after %s", brief(took), brief(peers))
		if len(disk) == 0 {
			return symptom{Slow, []string{line}}
		}
		return symptom{SlowDisk, append([]string{line}, disk...)}
	case s.Probe.Reached == LoggedIn && len(disk) > 0:
		return symptom{SlowDisk, append(probed(s), disk...)}
	}
	return symptom{}
}

// diskSigns are what points at the disk.
func (r round) diskSigns(s Signals) []string {
	var signs []string
	if flush := s.Metrics.Flush; !s.Metrics.At.IsZero() && flush >= r.rules.SlowFloor {
		peers, ok := r.peers(s.Node, func(p Signals) (time.Duration, bool) {
			return p.Metrics.Flush, !p.Metrics.At.IsZero() && p.Metrics.Flush >= 0
		})
		if ok && flush >= time.Duration(r.rules.SlowFactor)*peers {
			signs = append(signs, fmt.Sprintf("a flush takes it %s, its peers %s", brief(flush), brief(peers)))
		}
	}
	if s.System.State == 'D' {
		signs = append(signs, "its process waits for a disk (state D)")
	}
	if s.System.DiskWait >= r.rules.DiskWait {
		signs = append(signs, fmt.Sprintf("it waits for its disk %.0f %% of the time", 100*s.System.DiskWait))
	}
	return signs
}

// peersLost is a broker that clients reach and other brokers do not.
func (r round) peersLost(s Signals) symptom {
	k := s.Kafka
	if k.At.IsZero() || s.Probe.Reached < Produced {
		return symptom{}
	}
	reached := "clients reach it, and it takes their records"
	if !k.Alive {
		return symptom{PeersLost, []string{"the controller does not hear of it and has fenced it", reached}}
	}
	alone := k.OutOfSync+k.FollowersOutOfSync > 0 && k.OutOfSync == k.Replicas && k.FollowersOutOfSync == k.Followers
	if !alone {
		return symptom{}
	}
	return symptom{PeersLost, []string{
		fmt.Sprintf("%d of its %d replicas and %d of %d followers of what it leads are out of sync", k.OutOfSync, k.Replicas, k.FollowersOutOfSync, k.Followers), reached,
	}}
}

// clientsLost is a broker that other brokers reach and clients do not, while they reach others.
func (r round) clientsLost(s Signals) symptom {
	if s.Probe.At.IsZero() || s.Probe.Reached >= LoggedIn || s.Kafka.At.IsZero() || !s.Kafka.Alive || !r.othersReached(s.Node) {
		return symptom{}
	}
	return symptom{ClientsLost, append(probed(s), "the controller hears of it, and clients reach its peers")}
}

// noAnswer is a broker that does not serve clients for no reason that is known. One at whose gateway nobody can log in
// may be well itself, so then the controller has to miss it too.
func (r round) noAnswer(s Signals) symptom {
	if s.Probe.At.IsZero() || s.Probe.Reached >= Consumed || !r.othersReached(s.Node) {
		return symptom{}
	}
	fenced := !s.Kafka.At.IsZero() && !s.Kafka.Alive
	if s.Probe.Reached < LoggedIn && !fenced {
		return symptom{}
	}
	found := symptom{NoAnswer, probed(s)}
	if fenced {
		found.evidence = append(found.evidence, "the controller has fenced it")
	}
	if idle := s.Metrics.HandlersIdle; !s.Metrics.At.IsZero() && idle >= 0 && idle < 0.05 {
		found.evidence = append(found.evidence, "its request handlers are all busy")
	}
	return found
}

// othersReached reports whether the probes of most other brokers came through.
func (r round) othersReached(node int32) bool {
	through, others := 0, 0
	for _, p := range r.signals {
		if p.Node == node || p.Probe.At.IsZero() {
			continue
		}
		others++
		if p.Probe.Reached >= Produced {
			through++
		}
	}
	return 2*through > others
}

// peers returns the median of a time over the other brokers that have one, and whether there is any.
func (r round) peers(node int32, of func(Signals) (time.Duration, bool)) (time.Duration, bool) {
	var times []time.Duration
	for _, p := range r.signals {
		if took, ok := of(p); ok && p.Node != node {
			times = append(times, took)
		}
	}
	if len(times) == 0 {
		return 0, false
	}
	slices.Sort(times)
	return times[(len(times)-1)/2], true
}

// probed says how far the probe came, where it was not whole.
func probed(s Signals) []string {
	p := s.Probe
	if p.At.IsZero() || p.Reached >= Consumed {
		return nil
	}
	why := p.Error
	if why == "" {
		why = "no answer"
	}
	return []string{fmt.Sprintf("a probe came as far as %s and failed at %s: %s", p.Reached, p.Reached+1, why)}
}

// brief is a time that a person can read.
func brief(d time.Duration) string {
	switch {
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(time.Microsecond).String()
	}
}
