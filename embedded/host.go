package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// host is what every process of a role has: its data directory, log, metrics and loops, and what is to be closed.
type host struct {
	log       *slog.Logger
	directory *directory
	registry  *prometheus.Registry
	gatherers prometheus.Gatherers // all metrics: the registry's, and those of processes that belong to this one
	nudges    map[string]nudge     // by loop; never written after newHost
	// announce tells who waits in a request that something has changed; a process without requests has nobody.
	announce func()

	ctx     context.Context // of the loops
	cancel  context.CancelFunc
	failed  chan error
	closers []func(context.Context) error // in the order of opening
	once    sync.Once
	closed  error
}

// newHost makes a host for the loops of the given names.
func newHost(ctx context.Context, log *slog.Logger, loops ...string) *host {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &host{log: log, registry: prometheus.NewRegistry(), nudges: map[string]nudge{}, failed: make(chan error, 1), announce: func() {}}
	for _, name := range loops {
		h.nudges[name] = make(nudge, 1)
	}
	h.gatherers = prometheus.Gatherers{h.registry}
	h.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	h.ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return h
}

// open does the steps of a start. After an error nothing stays open.
func (h *host) open(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return errors.Join(err, h.Close(context.WithoutCancel(ctx)))
		}
	}
	return nil
}

// CAFile is the certificate that Kafka clients have to trust.
func (h *host) CAFile() string { return h.directory.join("ca.pem") }

// Wait returns nil when ctx ends, and an error when the process cannot go on.
func (h *host) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-h.failed:
		return err
	}
}

// Close ends the process in the opposite order of its start: first what takes requests, last what keeps data. It
// returns once everything is on disk. A second call returns what the first did.
func (h *host) Close(ctx context.Context) error {
	h.once.Do(func() {
		h.announce() // whoever waits in a request learns that it ends
		var problems []error
		for i := len(h.closers) - 1; i >= 0; i-- {
			problems = append(problems, h.closers[i](ctx))
		}
		h.cancel()
		h.closed = errors.Join(problems...)
	})
	return h.closed
}

func (h *host) onClose(f func(context.Context) error) { h.closers = append(h.closers, f) }

// nudge wakes a loop; one that does not run yet takes its nudge when it starts.
func (h *host) nudge(name string) { h.nudges[name].give() }

// startLoops runs steps until Close. The loops of a group end before what was opened before them closes.
func (h *host) startLoops(loops ...*loop) {
	ctx, cancel := context.WithCancel(h.ctx)
	var running sync.WaitGroup
	for _, l := range loops {
		running.Go(func() {
			if err := l.run(ctx, h.log); err != nil {
				h.fail(fmt.Errorf("the loop %s cannot go on: %w", l.name, err))
			}
		})
	}
	h.onClose(func(context.Context) error { cancel(); running.Wait(); return nil })
}

func (h *host) fail(err error) {
	select {
	case h.failed <- err:
	default:
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
