// Package watch looks at the brokers of physical clusters every few seconds: it probes them from outside, and reads what
// the operating system knows of their processes. It judges nothing; who asks it hands what was seen to the model of
// package health.
//
// Step is for one goroutine. It takes as long as the slowest probe, seconds at the most, so it is no part of a
// satellite's own step.
package watch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orrery-kafka/orrery/internal/gauge"
	"github.com/orrery-kafka/orrery/internal/health"
	"github.com/orrery-kafka/orrery/internal/prober"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// Config is what a watch needs.
type Config struct {
	// Trust returns who may have signed the gateways' certificates; it is called at each look, for that changes.
	Trust func() (*x509.CertPool, error)
	// Inspect finds the brokers' processes; nil where they are none of this host.
	Inspect func(ctx context.Context, id string) ([]substrate.Process, error)
	// Period is how often brokers are looked at; 0 is 5 s.
	Period time.Duration
	// Changed is called after each look.
	Changed    func()
	Now        func() time.Time // nil: time.Now
	Logger     *slog.Logger
	Registerer prometheus.Registerer // may be nil
}

const defaultPeriod = 5 * time.Second

// Cluster is what is looked at of one physical cluster.
type Cluster struct {
	// User and Password are the API key of the probes.
	User, Password string
	// Bootstrap is the address of all brokers; "" where there is none.
	Bootstrap string
	Targets   []prober.Target
}

// Look is what was seen of one cluster at one time.
type Look struct {
	// Number counts the looks, from 1.
	Number int64
	// Brokers are by node; Up and Kafka are for others to say.
	Brokers []health.Signals
}

// Watch looks at clusters. Set, Forget and Last may be called from any goroutine.
type Watch struct {
	config  Config
	metrics *metrics

	mu       sync.Mutex
	clusters map[string]Cluster
	looks    map[string]Look
	gauges   map[string]map[int32]*gauge.Gauge // used by Step only
}

// bootstrapNode stands for the bootstrap address among the targets of a probe.
const bootstrapNode = -1

// New returns a watch that looks at nothing.
func New(config Config) (*Watch, error) {
	if config.Trust == nil {
		return nil, errors.New("a watch needs to know whom to trust, for it probes as clients do")
	}
	if config.Period == 0 {
		config.Period = defaultPeriod
	}
	if config.Changed == nil {
		config.Changed = func() {}
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	w := &Watch{config: config, clusters: map[string]Cluster{}, looks: map[string]Look{}, gauges: map[string]map[int32]*gauge.Gauge{}}
	var err error
	w.metrics, err = newMetrics(config.Registerer)
	return w, err
}

// Set says what to look at of a cluster from now on.
func (w *Watch) Set(id string, c Cluster) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clusters[id] = c
}

// Forget ends the looking at a cluster.
func (w *Watch) Forget(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.clusters[id]; !known {
		return
	}
	delete(w.clusters, id)
	delete(w.looks, id)
	w.metrics.forget(id)
}

// Last returns what was seen of a cluster last.
func (w *Watch) Last(id string) Look {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.looks[id]
}

// Judged tells the metrics what is thought of the brokers of a cluster.
func (w *Watch) Judged(id string, verdicts []health.Verdict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.clusters[id]; known {
		w.metrics.judged(id, verdicts)
	}
}

// atOnce bounds the clusters that are looked at at the same time.
const atOnce = 4

// Step looks at every cluster once, and returns when it is to do so again.
func (w *Watch) Step(ctx context.Context, now time.Time) (next time.Time, err error) {
	w.mu.Lock()
	clusters := maps.Clone(w.clusters)
	for id := range clusters {
		if w.gauges[id] == nil {
			w.gauges[id] = map[int32]*gauge.Gauge{}
		}
	}
	maps.DeleteFunc(w.gauges, func(id string, _ map[int32]*gauge.Gauge) bool { _, ok := clusters[id]; return !ok })
	gauges := maps.Clone(w.gauges)
	w.mu.Unlock()

	next = now.Add(w.config.Period)
	if len(clusters) == 0 {
		return next, nil
	}
	roots, err := w.config.Trust()
	if err != nil {
		return next, fmt.Errorf("finding out whom to trust: %w", err)
	}
	trust := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	var running sync.WaitGroup
	slots, errs := make(chan struct{}, atOnce), make(chan error, len(clusters))
	for _, id := range slices.Sorted(maps.Keys(clusters)) {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			errs <- w.look(ctx, id, clusters[id], trust, gauges[id])
		})
	}
	running.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	if ctx.Err() == nil {
		w.config.Changed()
	}
	return next, errors.Join(all...)
}

// look looks at one cluster. What cannot be seen is missing in what was.
func (w *Watch) look(ctx context.Context, id string, c Cluster, trust *tls.Config, gauges map[int32]*gauge.Gauge) error {
	targets := slices.Clone(c.Targets)
	if c.Bootstrap != "" {
		targets = append(targets, prober.Target{Node: bootstrapNode, Address: c.Bootstrap})
	}
	probes := prober.Probe(ctx, prober.Login{TLS: trust, User: c.User, Password: c.Password}, targets)
	if ctx.Err() != nil {
		return nil
	}
	signals := map[int32]*health.Signals{}
	for _, t := range c.Targets {
		signals[t.Node] = &health.Signals{Node: t.Node}
	}
	for _, p := range probes {
		if s := signals[p.Node]; s != nil {
			s.Probe = p
		}
	}
	var err error
	if w.config.Inspect != nil {
		var processes []substrate.Process
		if processes, err = w.config.Inspect(ctx, id); err != nil {
			err = fmt.Errorf("looking at the processes of %s: %w", id, err)
		}
		for _, p := range processes {
			s := signals[p.Node]
			if s == nil {
				continue
			}
			if gauges[p.Node] == nil {
				gauges[p.Node] = &gauge.Gauge{}
			}
			s.System = gauges[p.Node].Look(w.config.Now(), p.PID, p.Data)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, wanted := w.clusters[id]; !wanted {
		return nil
	}
	look := Look{Number: w.looks[id].Number + 1}
	for _, node := range slices.Sorted(maps.Keys(signals)) {
		look.Brokers = append(look.Brokers, *signals[node])
	}
	w.looks[id] = look
	w.metrics.saw(id, probes, look.Brokers)
	return err
}
