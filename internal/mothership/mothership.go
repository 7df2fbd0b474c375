// Package mothership is the control plane: the use cases that change what is wanted, one file for each noun, and
// the loops that place, compose, publish, collect, settle and monitor it.
//
// A use case authorizes, validates, runs one transaction and nudges a loop; it never waits. What takes effect
// elsewhere carries an orrery.Lifecycle, which a loop moves on: whoever has to answer only when something is in
// force (package rest) reads the state again whenever Config.Changed was called.
//
// A loop is a step: idempotent, bounded, without goroutine, clock or timer of its own. Work is by queue, in the
// store, so that a crash or a lost nudge loses nothing.
package mothership

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/profile"
	"github.com/orrery-kafka/orrery/internal/store"
)

// Config is what a mothership is made of. Store, Desired, Statuses, Random and Now are required.
type Config struct {
	Store store.Store
	// Desired is the sending side of the desired logs, Statuses the receiving side of the status logs.
	Desired  link.Sender
	Statuses link.Receiver
	// Random gives ids, secrets and the seeds of placement; crypto/rand.Reader outside tests.
	Random io.Reader
	// Now is the clock of the use cases; the loops get the time as an argument.
	Now func() time.Time
	// Nudge says that a loop, by name, has work; it must not block. nil: none. A lost nudge loses nothing.
	Nudge func(loop string)
	// Changed is called after a commit that may end somebody's wait for a Lifecycle; it must not block. nil: none.
	Changed func()
	// Logger gets what no answer carries, such as a status of an unknown record. nil: discarded.
	Logger *slog.Logger
	// Limits is data; the zero value means DefaultLimits.
	Limits Limits
	// Term is the control plane's term; it rises only with a restore from backup. 0 means 1.
	Term int64
	// Profile is the version of the rules that new physical clusters pin. "" means the newest.
	Profile string
	// KafkaVersion is the release of Apache Kafka that new physical clusters get; "" is the one that their profile says.
	KafkaVersion string
	// RootAuthority is the service's own certificate authority; nil: there is none.
	RootAuthority RootAuthority
	// Admission lets satellites in that are processes of their own; nil: there are none.
	Admission Admission
	// MaxLease bounds how long a satellite may go unheard of, whatever it says; 0 is half an hour.
	MaxLease time.Duration
}

// Mothership is the control plane. Its methods may be called from any goroutine, except that one loop's step must
// not run twice at once.
type Mothership struct {
	store    store.Store
	desired  link.Sender
	statuses link.Receiver
	random   io.Reader
	now      func() time.Time
	nudge    func(loop string)
	changed  func()
	logger   *slog.Logger
	limits   Limits
	term     int64
	profile  string
	version  string // of Apache Kafka for new physical clusters
	root     RootAuthority
	received []link.Message // of CollectStep alone: what it has not taken in yet
	caughtUp bool           // of CollectStep alone: what was on the link at the start was received
	fleet    *fleet

	admission Admission
	maxLease  time.Duration
}

// New makes a mothership. It does nothing until a method is called; call Resync once before the loops run. It
// returns an Invalid error about a configuration that cannot work.
func New(c Config) (*Mothership, error) {
	if c.Store == nil || c.Desired == nil || c.Statuses == nil || c.Random == nil || c.Now == nil {
		return nil, orrery.Errorf(orrery.Invalid, "a mothership needs Store, Desired, Statuses, Random and Now")
	}
	m := &Mothership{
		store: c.Store, desired: c.Desired, statuses: c.Statuses, random: &lockedReader{r: c.Random}, now: c.Now,
		nudge: c.Nudge, changed: c.Changed, logger: c.Logger, limits: c.Limits, term: max(c.Term, 1), profile: c.Profile, version: c.KafkaVersion, root: c.RootAuthority,
		fleet: newFleet(), admission: c.Admission, maxLease: cmp.Or(c.MaxLease, maxLease),
	}
	if m.nudge == nil {
		m.nudge = func(string) {}
	}
	if m.changed == nil {
		m.changed = func() {}
	}
	if m.logger == nil {
		m.logger = slog.New(slog.DiscardHandler)
	}
	if m.limits.APIKeysPerCluster == nil {
		m.limits = DefaultLimits()
	}
	if m.profile == "" {
		m.profile = profile.Newest
	}
	if !slices.Contains(profile.Versions(), m.profile) {
		return nil, orrery.Errorf(orrery.Invalid, "there is no profile %q", m.profile)
	}
	if m.version != "" {
		if err := profile.CheckRelease(orrery.EngineApache, m.version); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Loops returns the loops, for the wiring to give each a goroutine, a timer and a nudge.
func (m *Mothership) Loops() []Loop {
	return []Loop{
		{LoopPlace, m.PlaceStep}, {LoopCompose, m.ComposeStep}, {LoopPublish, m.PublishStep},
		{LoopCollect, m.CollectStep}, {LoopSettle, m.SettleStep}, {LoopMonitor, m.MonitorStep},
	}
}

// The loops' names: what Nudge is called with, and the names of their queues.
const (
	LoopPlace   = "place"
	LoopCompose = "compose"
	LoopPublish = "publish"
	LoopCollect = "collect"
	LoopSettle  = "settle"
	LoopMonitor = "monitor"
)

// Loop is a step with its name. Step does bounded work and says when it wants to run again: at next, or, where
// next is zero, when it is nudged. After an error the caller runs it again after a pause; link.ErrFenced is final.
type Loop struct {
	Name string
	Step func(ctx context.Context, now time.Time) (next time.Time, err error)
}

// Actor is who makes a request.
type Actor struct {
	OrganizationID string
	PrincipalID    string // u-… or sa-…
	APIKeyID       string // with which it logged in
}

// Page selects a part of a listing. Size 0 means MaxPageSize, and a larger one is cut to it; Token is the Next of
// the list before, or "".
type Page struct {
	Size  int
	Token string
}

// MaxPageSize bounds one page of a listing, in rows.
const MaxPageSize = 100

// List is a page of rows, oldest first. Next is "" on the last page.
type List[T any] struct {
	Rows []T
	Next string
}
