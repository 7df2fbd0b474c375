package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/detached"
)

// phase is how far a unit is.
type phase int

const (
	stopped phase = iota
	starting
	running
	stopping
)

// unit is one process of a cluster: a broker, a controller, a gateway or the balancer.
type unit struct {
	substrate *Substrate
	id        string // of the cluster
	name      string // such as "broker 1"
	dir       string
	// ask returns nil once the process takes requests.
	ask func(ctx context.Context) error
	// askAgain says that what took requests may cease to without ending.
	askAgain bool
	// look, which may be nil, is called now and then while the process runs. It returns true where there is something new
	// to tell.
	look func() bool
	// explain, which may be nil, says why the process ended by itself, in more words than it had.
	explain func() string
	// ended, which may be nil, is called after the process has ended because stop was called.
	ended func()

	mu      sync.Mutex
	note    note
	process *detached.Process
	phase   phase
	message string
	// attempt counts starts, so that one that waits sees that it is not wanted any more.
	attempt int
	// crashes counts starts in a row that ended by themselves before requests were taken, and crashed is when the last did.
	crashes int
	crashed time.Time
	// gone is closed when the process has ended and that can be observed; nil: there is none.
	gone chan struct{}
}

// Messages of units that do not run.
const (
	neverStarted    = "it has not been started"
	stoppedOnDemand = "it was stopped on purpose"
	endedUnwatched  = "it ended while nobody looked after it"
	isStarting      = "it was started, and does not take requests yet"
	isStopping      = "it was asked to end"
)

// outputFile takes what a process writes to its standard output and error.
const outputFile = "output"

func (u *unit) state() (phase, string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.phase == stopped && u.message == "" {
		return stopped, neverStarted
	}
	return u.phase, u.message
}

// began reports whether there is a process, or one is about to be started.
func (u *unit) began() bool {
	at, _ := u.state()
	return at != stopped
}

func (u *unit) changed() { u.substrate.config.Changed(u.id) }

// begin claims the next start. It returns false where there is nothing to start, and an error while the last process has
// not ended yet, or ended so soon that the next one has to wait. changed says that it is to be started otherwise than it
// was: that may help, so it does not wait.
func (u *unit) begin(message string, changed bool) (attempt int, found bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if changed && u.phase == stopped {
		u.crashes = 0
	}
	switch u.phase {
	case starting, running:
		return 0, false, nil
	case stopping:
		return 0, false, orrery.Errorf(orrery.Unavailable, "%s of %s is still on its way to its end", u.name, u.id)
	}
	if wait := crashPause(u.crashes) - time.Since(u.crashed); u.crashes > 0 && wait > 0 {
		return 0, false, orrery.Errorf(orrery.Unavailable, "%s of %s ended by itself before it took requests, %d times in a row, and is started again after a pause: %s", u.name, u.id, u.crashes, u.message)
	}
	u.attempt++
	u.phase, u.message = starting, message
	return u.attempt, true, nil
}

// crashPause is how long a start waits after a number of others that failed: a second, and twice as long each time, up to
// a minute.
func crashPause(crashes int) time.Duration {
	return min(time.Second<<min(max(crashes-1, 0), 6), time.Minute)
}

// wanted reports whether a start is still wanted.
func (u *unit) wanted(attempt int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.attempt == attempt && u.phase == starting
}

// fail ends a start that did not get as far as a process.
func (u *unit) fail(attempt int, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.attempt == attempt && u.process == nil {
		u.phase, u.message = stopped, shorten(err.Error())
	}
}

// launch starts the process, unless it is not wanted any more.
func (u *unit) launch(attempt int, c detached.Command, n note) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.attempt != attempt || u.phase != starting {
		return nil
	}
	if err := n.write(u.dir); err != nil {
		return err
	}
	c.Dir, c.Output, c.Mark = u.dir, filepath.Join(u.dir, outputFile), u.dir
	process, err := detached.Start(c)
	if err != nil {
		return err
	}
	n.Process = process.Identity()
	u.note, u.message = n, isStarting
	u.keep(process)
	return n.write(u.dir) // where it fails, the mark finds the process
}

// adopt takes over what runs already: what the note says, or what was found with the unit's mark.
func (u *unit) adopt(found map[string]detached.Identity) error {
	n, err := readNote(u.dir)
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.note = n
	identities := []detached.Identity{n.Process, found[u.dir]}
	for _, identity := range identities {
		if identity.PID == 0 {
			continue
		}
		process, err := detached.Adopt(identity)
		if err != nil {
			return err
		}
		if process != nil {
			u.phase, u.message = starting, isStarting
			u.keep(process)
			if identity != n.Process {
				u.note.Process = identity
				return u.note.write(u.dir)
			}
			return nil
		}
	}
	if n.Format != 0 {
		u.message = endedUnwatched
	}
	return nil
}

// keep has the process watched. The caller holds the lock.
func (u *unit) keep(process *detached.Process) {
	u.process, u.gone = process, make(chan struct{})
	u.substrate.watching.Go(func() { u.watch(process) })
}

// How often a process is asked whether it takes requests: at first, later, and once it does.
const (
	askSoon, askLater, askSeldom = 50 * time.Millisecond, 500 * time.Millisecond, time.Second
	askSoonFor                   = 30 * time.Second
	askTimeout                   = 3 * time.Second
	lookPeriod                   = 5 * time.Second
)

// watch follows the process to its end, or to that of the substrate.
func (u *unit) watch(process *detached.Process) {
	ctx, cancel := context.WithCancel(u.substrate.ctx)
	defer cancel()
	go func() { // ends with ctx, which watch cancels
		select {
		case <-process.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	began, looked := time.Now(), time.Now()
	timer := time.NewTimer(askSoon)
	defer timer.Stop()
	for {
		select {
		case <-process.Done():
			u.over(process)
			return
		case <-u.substrate.ctx.Done():
			return
		case <-timer.C:
		}
		pause := askSeldom
		if at, _ := u.state(); at == starting || at == running && u.askAgain {
			if !u.heard(u.question(ctx)) {
				pause = askSoon
				if time.Since(began) > askSoonFor {
					pause = askLater
				}
			}
		}
		if time.Since(looked) > lookPeriod {
			looked = time.Now()
			u.bound()
			if u.look != nil && u.look() {
				u.changed()
			}
		}
		timer.Reset(pause)
	}
}

func (u *unit) question(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return u.ask(ctx)
}

// heard takes an answer, and returns whether it is that the process takes requests.
func (u *unit) heard(err error) bool {
	u.mu.Lock()
	before := u.phase
	switch {
	case err == nil && u.phase == starting:
		u.phase, u.message, u.crashes = running, "", 0
	case err != nil && u.phase == running:
		u.phase, u.message = starting, isStarting
	}
	after := u.phase
	u.mu.Unlock()
	if before != after {
		u.changed()
	}
	return err == nil
}

// over notes that the process has ended.
func (u *unit) over(process *detached.Process) {
	why := process.Ended()
	if u.explain != nil && !strings.Contains(why, "signal") { // what was killed had no reason of its own
		if more := u.explain(); more != "" {
			why += ": " + more
		}
	}
	u.mu.Lock()
	onPurpose := u.phase == stopping
	switch {
	case onPurpose:
		why, u.crashes = stoppedOnDemand, 0
	case u.phase == starting:
		u.crashes, u.crashed = u.crashes+1, time.Now()
	}
	u.phase, u.message, u.process = stopped, shorten(why), nil
	gone := u.gone
	u.mu.Unlock()
	if onPurpose && u.ended != nil {
		u.ended()
	}
	if !onPurpose {
		u.substrate.config.Logger.Warn("a process ended by itself", "physical_cluster", u.id, "process", u.name, "reason", why)
	}
	close(gone)
	u.changed()
}

// stop asks the process to end, without waiting for that. It returns a channel that is closed once it has; a unit
// without a process has.
func (u *unit) stop(grace time.Duration) (<-chan struct{}, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.attempt++ // what waits to be started is not any more
	if u.process == nil {
		if u.phase == starting {
			u.phase, u.message = stopped, stoppedOnDemand
		}
		return closedChannel, nil
	}
	u.phase, u.message = stopping, isStopping
	return u.gone, u.process.Stop(grace)
}

// kill ends the process by force and waits for that.
func (u *unit) kill(ctx context.Context) error {
	gone, err := u.stop(0)
	if err != nil {
		return err
	}
	u.mu.Lock()
	process := u.process
	u.mu.Unlock()
	if process != nil { // it may have been asked before, with more time
		if err := process.Signal(syscall.SIGKILL); err != nil {
			return err
		}
	}
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the end of %s of %s: %w", u.name, u.id, context.Cause(ctx))
	}
}

var closedChannel = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// maxOutput bounds what a process may have written to its standard output and error, where nothing much is expected.
const maxOutput = 1 << 20

// bound empties an output that has become too large. The process appends, so it goes on at the beginning.
func (u *unit) bound() {
	path := filepath.Join(u.dir, outputFile)
	if info, err := os.Stat(path); err == nil && info.Size() > maxOutput {
		_ = os.Truncate(path, 0) // tried again in a while
	}
}

// maxMessage bounds a message, in bytes.
const maxMessage = 500

// shorten makes a text fit for a message.
func shorten(text string) string {
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + " ..."
	}
	return text
}
