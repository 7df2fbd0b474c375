// Package mem is the link in memory, for tests and for a simulation: it starts no goroutine and reads no clock,
// so what happens depends on the calls and on the seed alone.
//
// Its faults are those that a receiver of compacted Kafka topics can meet. A log loses nothing, so a message
// that is lost is one that this receiver does not get until it begins anew (it crashed after it had read it, and
// before it had stored it). A repeated one comes again later. A delayed one comes later, also after newer ones
// of the same key; but never after the key's tombstone, which is sent only when nothing is left to be confused.
// A Send that fails leaves open whether its messages were appended: all or none were.
package mem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/orrery-kafka/orrery/internal/link"
)

// Faults are probabilities between 0 and 1, drawn for each delivery and for each Send.
type Faults struct {
	Lose, Repeat, Delay float64
	FailSend            float64
}

// maxDelay is after how many calls of Receive a delayed or repeated message comes at the latest.
const maxDelay = 4

// ErrFault is what a Send returns that was told to fail.
var ErrFault = errors.New("link: a fault was asked for")

// Topics is the logs of all satellites. It is safe for concurrent use.
type Topics struct {
	mu     sync.Mutex
	random *rand.Rand
	faults Faults
	logs   map[string]*log // by topic, "desired.SAT" and "status.SAT"
	ends   []*End
	// failSends is how many Sends fail from now on, after they appended or before.
	failSends int
	failAfter bool
}

type log struct {
	name        string
	satelliteID string
	records     []record
	next        int64
	writer      *End
	recreated   int // how often
}

type record struct {
	offset     int64
	key, value []byte
}

// New returns empty topics. random draws the faults; it may be nil where only faults on demand are wanted.
func New(random *rand.Rand) *Topics {
	return &Topics{random: random, logs: map[string]*log{}}
}

// SetFaults sets the probabilities from now on; the zero value is calm. What was delayed or lost stays so.
func (t *Topics) SetFaults(faults Faults) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = faults
}

// FailSends makes the next n Sends return ErrFault: after their messages were appended, or before.
func (t *Topics) FailSends(n int, after bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failSends, t.failAfter = n, after
}

// Compact removes every record that is not the newest of its key, and with tombstones also those.
func (t *Topics) Compact(tombstones bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.logs {
		newest := map[string]int64{}
		for _, r := range l.records {
			newest[string(r.key)] = r.offset
		}
		l.records = slices.DeleteFunc(l.records, func(r record) bool {
			return newest[string(r.key)] != r.offset || tombstones && r.value == nil
		})
	}
}

// Recreate deletes the two topics of a satellite and makes them again, empty and with offsets from 0. Receivers
// read them from the beginning.
func (t *Topics) Recreate(satelliteID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range []string{desiredPrefix + satelliteID, statusPrefix + satelliteID} {
		l := t.log(name, satelliteID)
		l.records, l.next = nil, 0
		l.recreated++
	}
}

// Append appends a raw record to the desired or status topic of a satellite, as a program of another version
// might. A nil value is a tombstone.
func (t *Topics) Append(status bool, satelliteID string, key, value []byte) {
	t.mu.Lock()
	name := desiredPrefix + satelliteID
	if status {
		name = statusPrefix + satelliteID
	}
	l := t.log(name, satelliteID)
	l.append(key, value)
	nudge := t.readers(l)
	t.mu.Unlock()
	nudge()
}

const (
	desiredPrefix = "desired."
	statusPrefix  = "status."
)

// log returns a topic, made if it is missing. t.mu is held.
func (t *Topics) log(name, satelliteID string) *log {
	l := t.logs[name]
	if l == nil {
		l = &log{name: name, satelliteID: satelliteID}
		t.logs[name] = l
	}
	return l
}

func (l *log) append(key, value []byte) {
	l.records = append(l.records, record{l.next, slices.Clone(key), slices.Clone(value)})
	l.next++
}

// from returns the index of the first record at or after an offset.
func (l *log) from(offset int64) int {
	i, _ := slices.BinarySearchFunc(l.records, offset, func(r record, offset int64) int { return cmp.Compare(r.offset, offset) })
	return i
}

// readers returns what nudges the ends that read a topic. t.mu is held; the nudge must come after it.
func (t *Topics) readers(l *log) func() {
	var arrived []func()
	for _, e := range t.ends {
		if e.arrived != nil && slices.ContainsFunc(e.cursors, func(c *cursor) bool { return c.log == l }) {
			arrived = append(arrived, e.arrived)
		}
	}
	return func() {
		for _, f := range arrived {
			f()
		}
	}
}

// chance draws. t.mu is held.
func (t *Topics) chance(probability float64) bool {
	return t.random != nil && probability > 0 && t.random.Float64() < probability
}

// OpenMothership opens the mothership's end for the given satellites and fences any other. arrived may be nil;
// it is called from within the other end's Send.
func (t *Topics) OpenMothership(arrived func(), satelliteIDs ...string) *End {
	return t.open(arrived, desiredPrefix, statusPrefix, satelliteIDs)
}

// OpenSatellite opens the end of one satellite and fences any other with its id.
func (t *Topics) OpenSatellite(arrived func(), satelliteID string) *End {
	return t.open(arrived, statusPrefix, desiredPrefix, []string{satelliteID})
}

func (t *Topics) open(arrived func(), toTopic, fromTopic string, satelliteIDs []string) *End {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &End{topics: t, arrived: arrived, toTopic: toTopic, fromTopic: fromTopic}
	for _, id := range satelliteIDs {
		e.add(id)
	}
	t.ends = append(t.ends, e)
	return e
}

// fail decides whether a Send fails, before it appends or after. t.mu is held.
func (t *Topics) fail() (before, after bool) {
	switch {
	case t.failSends > 0:
		t.failSends--
		return !t.failAfter, t.failAfter
	case t.chance(t.faults.FailSend):
		before = t.chance(0.5)
		return before, !before
	}
	return false, false
}

// Send appends messages; see [link.Sender].
func (e *End) Send(ctx context.Context, satelliteID string, messages []link.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	records, err := encode(messages)
	if err != nil {
		return err
	}
	nudge, err := e.send(satelliteID, records)
	if nudge != nil {
		nudge()
	}
	return err
}

func encode(messages []link.Message) ([]record, error) {
	var records []record
	for _, m := range messages {
		key, value, err := link.Encode(m)
		if err != nil {
			return nil, err
		}
		records = append(records, record{key: key, value: value})
	}
	return records, nil
}

func (e *End) send(satelliteID string, records []record) (nudge func(), err error) {
	t := e.topics
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := e.check(); err != nil {
		return nil, err
	}
	l := t.logs[e.toTopic+satelliteID]
	if l == nil || !slices.Contains(e.written, l) {
		return nil, fmt.Errorf("link: satellite %s is not on this end of the link", satelliteID)
	}
	before, after := t.fail()
	if before {
		return nil, ErrFault
	}
	for _, r := range records {
		l.append(r.key, r.value)
	}
	if after {
		err = ErrFault
	}
	return t.readers(l), err
}

// Keys returns the keys of the desired or status topic of a satellite that have a record, or a tombstone, sorted.
func (t *Topics) Keys(status bool, satelliteID string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := desiredPrefix + satelliteID
	if status {
		name = statusPrefix + satelliteID
	}
	keys := map[string]bool{}
	for _, r := range t.log(name, satelliteID).records {
		keys[string(r.key)] = true
	}
	return slices.Sorted(maps.Keys(keys))
}
