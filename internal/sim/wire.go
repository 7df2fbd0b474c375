package sim

import (
	"context"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	linkmem "github.com/orrery-kafka/orrery/internal/link/mem"
)

// satelliteLink is the link as one life of a satellite sees it.
type satelliteLink struct {
	site    *site
	process *process
	end     *linkmem.End
}

// Send implements link.Sender.
func (l satelliteLink) Send(ctx context.Context, satelliteID string, messages []link.Message) error {
	w := l.site.world
	if l.site.partitioned || w.linkDown {
		return orrery.Errorf(orrery.Unavailable, "the link cannot be reached")
	}
	return l.process.effect(func() error {
		w.count(messages)
		return l.end.Send(ctx, satelliteID, messages)
	})
}

// Receive implements link.Receiver.
func (l satelliteLink) Receive(ctx context.Context, limit int) ([]link.Message, error) {
	switch {
	case l.process.dead:
		return nil, errCrashed
	case l.site.partitioned || l.site.world.linkDown:
		return nil, nil
	}
	messages, err := l.end.Receive(ctx, limit)
	l.site.world.comesLater(l.end, l.site.loop)
	return messages, err
}

// CaughtUp implements link.Receiver.
func (l satelliteLink) CaughtUp() bool { return l.end.CaughtUp() }

// mothershipLink is the link as one life of the mothership sees it.
type mothershipLink struct {
	world   *World
	process *process
	end     *linkmem.End
}

// Send implements link.Sender.
func (l mothershipLink) Send(ctx context.Context, satelliteID string, messages []link.Message) error {
	if l.world.linkDown {
		return orrery.Errorf(orrery.Unavailable, "the link cannot be reached")
	}
	return l.process.effect(func() error {
		l.world.count(messages)
		return l.end.Send(ctx, satelliteID, messages)
	})
}

// Receive implements link.Receiver.
func (l mothershipLink) Receive(ctx context.Context, limit int) ([]link.Message, error) {
	switch {
	case l.process.dead:
		return nil, errCrashed
	case l.world.linkDown:
		return nil, nil
	}
	messages, err := l.end.Receive(ctx, limit)
	l.world.comesLater(l.end, l.world.control.loops[loopOfLink])
	return messages, err
}

// CaughtUp implements link.Receiver.
func (l mothershipLink) CaughtUp() bool { return l.end.CaughtUp() }

// comesLater has a loop look again for deliveries that were delayed: they take a way of their own.
func (w *World) comesLater(end *linkmem.End, l *loop) {
	if end.Held() && l != nil {
		w.clock.after(w.clock.between(20*time.Millisecond, 5*time.Second), l.nudge)
	}
}

// count counts messages; a satellite's report about itself is not one that something has changed.
func (w *World) count(messages []link.Message) {
	for _, m := range messages {
		if m.Kind != orrery.ReportSatellite && m.Kind != orrery.ReportLease {
			w.counts.LinkMessages++
		}
	}
}

// setLossy switches on what receivers of a log have to live with.
func (w *World) setLossy(on bool) {
	w.topics.SetFaults(linkmem.Faults{})
	if on {
		w.topics.SetFaults(linkmem.Faults{Repeat: 0.2, Delay: 0.2, FailSend: 0.2})
	}
}

// linkBack has everyone look at the link once it is back.
func (w *World) linkBack(down bool) {
	for _, s := range w.sites {
		s.lease()
	}
	if down {
		return
	}
	for _, s := range w.sites {
		s.changed()
	}
	if l := w.control.loops[loopOfLink]; l != nil {
		l.nudge()
	}
}
