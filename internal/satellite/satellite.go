// Package satellite takes desired state from the link, makes it real, and reports what is.
//
// Physical clusters go to an operator each, after a durable ledger has noted what was asked for; tenants, credentials,
// role bindings, identity providers (with their keys, fetched here) and pools go as records into the state topic of their physical cluster, which is their
// ledger, and count as applied once every gateway with a live lease, and at least one, says that it has applied
// them. A generation that is older than the noted one is never applied, nor is the same one with other content.
// Nothing is ever removed because it is absent: deletion is a record.
//
// Step is the whole of it: no goroutine, no clock. Without a mothership, and after a restart without one, the
// satellite goes on with what is in its ledger. A converged satellite writes nothing and sends nothing.
package satellite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/health"
	"github.com/orrery-kafka/orrery/internal/jwks"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/operator"
	"github.com/orrery-kafka/orrery/internal/watch"
)

// Local is a physical cluster that comes from the satellite's own configuration and not from the link: the
// control plane's own Kafka, without which there is no link.
type Local struct {
	ID   string // pkc-control
	Spec orrery.PSCSpec
}

// Config is what a satellite needs.
type Config struct {
	// Satellite is how it registers: id, cloud, region, labels, engine, substrate, version, capacity.
	Satellite orrery.Satellite
	// Ledger keeps what is desired of each physical cluster; a Directory, outside simulations.
	Ledger    Files
	Substrate operator.Substrate
	Open      brokers.Opener
	Local     []Local
	// Lease is how long the mothership counts on this satellite without hearing of it; it is renewed each quarter of that.
	// 0: the satellite sends none.
	Lease time.Duration
	// Install puts certificates into force that the mothership has signed, durably; it may be called again with the same.
	// nil: this satellite has its own.
	Install func(orrery.SatelliteCertificates) error
	// Keys fetches the public keys of identity providers; nil: they are not fetched.
	Keys *jwks.Cache
	// Watch looks at brokers, which are judged by Health's rules; nil: nobody does.
	Watch  *watch.Watch
	Health health.Rules
	// MeterPeriod is how often the use of tenants is added up and reported; 0 is a minute.
	MeterPeriod time.Duration
	// Paused has the satellite look at its physical clusters and report, and do nothing to them. Tenants, keys and rights
	// still take effect.
	Paused bool
	// Changed is called, from any goroutine, when a step is worth taking before its time.
	Changed func()
	Logger  *slog.Logger
}

// Satellite runs the physical clusters of one host or Kubernetes cluster. Step is for one goroutine; Connect and
// Status may be called from others.
type Satellite struct {
	config Config
	ledger ledger
	pscs   map[string]*psc
	items  map[string]*item
	// pending are the keys of the items that are not settled.
	pending map[string]bool
	reports reports
	// certified is the generation of the newest certificates that were taken.
	certified orrery.Generation
	// unread are messages that were received and could not be noted yet.
	unread []link.Message
	// caughtUp is false until the link was read to where it ended at first; early are the newest messages until then.
	caughtUp bool
	early    map[string]link.Message
	looks    int // steps in which the link was not read to its end

	mu       sync.Mutex
	receiver link.Receiver
	sender   link.Sender
	statuses map[string]orrery.PSCStatus // for Status
}

// Limits of one step and of what is kept.
const (
	receiveLimit = 500     // messages taken in by a step
	writeLimit   = 500     // records written to one state topic by a step
	sendLimit    = 500     // statuses in one Send
	itemLimit    = 500_000 // tenants, credentials and bindings; more stay on the link
	// clusterTimeout bounds what one step spends on one physical cluster.
	clusterTimeout = 5 * time.Second
	// catchUpPause is when the link is looked at again that was not read to its end yet; after catchUpLooks of them it is
	// lastLinkPause, for the link may be away for hours.
	catchUpPause = 250 * time.Millisecond
	catchUpLooks = 40
	// quiet is when a converged satellite looks again.
	quiet = time.Minute
)

// New reads the ledger. Nothing is started before the first Step.
func New(config Config) (*Satellite, error) {
	if config.Ledger == nil {
		return nil, orrery.Errorf(orrery.Invalid, "a satellite needs a Ledger")
	}
	if config.Changed == nil {
		config.Changed = func() {}
	}
	if config.MeterPeriod == 0 {
		config.MeterPeriod = defaultMeterPeriod
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Satellite{
		config: config, ledger: ledger{files: config.Ledger},
		pscs: map[string]*psc{}, items: map[string]*item{}, pending: map[string]bool{},
		early: map[string]link.Message{}, reports: newReports(),
		statuses: map[string]orrery.PSCStatus{},
	}
	entries, damaged, err := s.ledger.read()
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		s.pscs[entry.ID] = s.newPSC(entry)
	}
	for _, err := range damaged {
		config.Logger.Error("a ledger entry is damaged; its physical cluster is left alone until the mothership says again what it should be", "error", err)
	}
	for _, local := range config.Local {
		if err := s.takeLocal(local); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Connect gives the satellite its link, at any time: the link may need a physical cluster of this satellite.
func (s *Satellite) Connect(receiver link.Receiver, sender link.Sender) {
	s.mu.Lock()
	s.receiver, s.sender = receiver, sender
	s.mu.Unlock()
	s.config.Changed()
}

// Status returns the last status of a physical cluster and whether it is known here.
func (s *Satellite) Status(id string) (orrery.PSCStatus, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	status, ok := s.statuses[id]
	return status, ok
}

// Close ends the connections to the physical clusters, which go on.
func (s *Satellite) Close() {
	for _, p := range s.pscs {
		p.operator.Close()
	}
}

// Step takes in what arrived, works on every physical cluster, and reports what changed. It returns when the next
// step is due by itself. An error is for the log, and ends nothing but this step's part; only link.ErrFenced is
// final: another process has taken over this satellite's identity.
func (s *Satellite) Step(ctx context.Context, now time.Time) (next time.Time, err error) {
	s.mu.Lock()
	receiver, sender := s.receiver, s.sender
	s.mu.Unlock()
	next = now.Add(quiet)
	var errs []error
	if receiver != nil {
		more, err := s.takeIn(ctx, receiver)
		if err != nil {
			errs = append(errs, err)
			next = now.Add(s.reports.linkPause())
		}
		switch {
		case more:
			next = now
		case !s.caughtUp:
			pause := catchUpPause
			if s.looks++; s.looks > catchUpLooks {
				pause = lastLinkPause
			}
			next = earlier(next, now.Add(pause))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.pscs)) {
		due, err := s.operate(ctx, now, s.pscs[id])
		next = earlier(next, due)
		errs = append(errs, err)
	}
	due, err := s.settle(ctx, now)
	next = earlier(next, due)
	errs = append(errs, err)
	if sender != nil {
		due, err := s.report(ctx, now, sender)
		next = earlier(next, due)
		errs = append(errs, err)
	}
	return next, errors.Join(errs...)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// operate brings one physical cluster nearer to what is desired.
func (s *Satellite) operate(ctx context.Context, now time.Time, p *psc) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	s.judge(ctx, now, p)
	desired := operator.Desired{Generation: p.entry.Generation, Spec: p.spec, Verdicts: p.judged.verdicts}
	waits := ""
	if p.entry.Deleted {
		desired.Proof, waits = s.proveEmpty(ctx, p)
		desired.Deleted = waits == ""
	}
	status, next, err := p.operator.Step(ctx, now, desired)
	if waits != "" {
		status.Conditions = orrery.SetCondition(status.Conditions, orrery.Condition{
			Type: conditionDeletable, Status: orrery.False, Reason: "NotEmpty", Message: "the physical cluster was deleted and is kept: " + waits, Since: now,
		})
		next = earlier(next, now.Add(deletionPause))
	}
	p.status = p.intact(status, now)
	s.mu.Lock()
	s.statuses[p.entry.ID] = p.status
	s.mu.Unlock()
	if p.forget && p.status.Gone {
		return next, s.forgetPSC(p.entry.ID)
	}
	s.reports.changed(link.Message{Kind: orrery.DesiredPSC, ID: p.entry.ID}, p.report())
	if err != nil {
		return next, fmt.Errorf("physical cluster %s: %w", p.entry.ID, err)
	}
	return next, nil
}
