package satellite

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/health"
)

// judging is what is thought of the brokers of one physical cluster.
type judging struct {
	model    health.Model
	number   int64 // of the last look that was judged; 0: none was
	verdicts []health.Verdict
}

// viewTimeout bounds the question what Kafka says of its brokers; without an answer they are judged without.
const viewTimeout = 2 * time.Second

// judge takes in what the watch saw since the last time. It asks nothing of a broker but what Kafka says of them all.
func (s *Satellite) judge(ctx context.Context, now time.Time, p *psc) {
	if s.config.Watch == nil {
		return
	}
	id := p.entry.ID
	if !s.probed(p) {
		s.config.Watch.Forget(id)
		p.judged, p.probing = judging{}, probing{}
		return
	}
	look := s.config.Watch.Last(id)
	if look.Number <= p.judged.number {
		return
	}
	if p.judged.number == 0 {
		p.judged.model = health.New(s.config.Health)
	}
	p.judged.number = look.Number
	signals := slices.Clone(look.Brokers)
	for i := range signals {
		node := signals[i].Node
		signals[i].Up = slices.ContainsFunc(p.status.Brokers, func(b orrery.BrokerStatus) bool { return b.Node == node && b.State == "running" })
		if signals[i].Up && signals[i].Probe.Reached == health.LoggedIn {
			p.probing.checked = time.Time{} // its storage may have been made anew, and its topic be gone with it
		}
	}
	s.addKafka(ctx, now, p, signals)
	before := p.judged.verdicts
	p.judged.model, p.judged.verdicts = p.judged.model.Next(now, signals)
	s.config.Watch.Judged(id, p.judged.verdicts)
	for _, v := range p.judged.verdicts {
		i := slices.IndexFunc(before, func(old health.Verdict) bool { return old.Node == v.Node })
		if i >= 0 && before[i].Since.Equal(v.Since) || i < 0 && v.Standing == health.Healthy {
			continue
		}
		level := slog.LevelInfo
		if v.Standing.Acts() {
			level = slog.LevelWarn
		}
		s.config.Logger.Log(ctx, level, "a broker is judged anew", "physical_cluster", id, "broker", v.Node, "standing", v.Standing, "cause", v.Cause, "evidence", v.Evidence)
	}
}

// addKafka adds what Kafka says of its brokers, where it says anything.
func (s *Satellite) addKafka(ctx context.Context, now time.Time, p *psc, signals []health.Signals) {
	cluster, open := p.operator.Cluster()
	if !open {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	view, err := cluster.View(ctx)
	if err != nil {
		s.config.Logger.Debug("brokers are judged without what Kafka says of them", "physical_cluster", p.entry.ID, "error", err)
		return
	}
	for i := range signals {
		n, _ := view.Node(signals[i].Node)
		signals[i].Kafka = health.Kafka{
			At: now, Alive: n.Alive, Replicas: max(0, n.Replicas-n.Leaders), OutOfSync: n.OutOfSync, Followers: n.Followers, FollowersOutOfSync: n.FollowersOutOfSync,
		}
	}
}
