package mem

import (
	"context"
	"errors"
	"slices"

	"github.com/orrery-kafka/orrery/internal/link"
)

// End is one end of the link, a [link.Sender] and a [link.Receiver].
type End struct {
	topics             *Topics
	arrived            func()
	toTopic, fromTopic string

	// topics.mu guards what follows.
	written []*log
	cursors []*cursor // in the order of AddSatellite
	held    []held
	calls   int
	skipped int64
	fenced  bool
	closed  bool
	// on demand: what happens to the next deliveries
	lose, repeat, delay int
}

var (
	_ link.Sender   = (*End)(nil)
	_ link.Receiver = (*End)(nil)
)

// cursor is where an end is in a log.
type cursor struct {
	log       *log
	position  int64
	target    int64 // the end of the log when the cursor was made
	lost      int   // of those before target
	recreated int
}

// held is a delivery that waits for a later call.
type held struct {
	from  *cursor
	entry record
	due   int  // the call of Receive that delivers it
	early bool // it lies before the target and has not been delivered
}

// AddSatellite adds a satellite's topics and takes over the one that this end writes. Adding one again does
// nothing. An end that was fenced learns it here.
func (e *End) AddSatellite(_ context.Context, satelliteID string) error {
	e.topics.mu.Lock()
	defer e.topics.mu.Unlock()
	if err := e.check(); err != nil {
		return err
	}
	e.add(satelliteID)
	return nil
}

func (e *End) add(satelliteID string) {
	to, from := e.topics.log(e.toTopic+satelliteID, satelliteID), e.topics.log(e.fromTopic+satelliteID, satelliteID)
	if slices.Contains(e.written, to) {
		return
	}
	to.writer = e
	e.written = append(e.written, to)
	e.cursors = append(e.cursors, &cursor{log: from, target: from.next, recreated: from.recreated})
}

// check returns why this end cannot send. topics.mu is held.
func (e *End) check() error {
	for _, l := range e.written {
		e.fenced = e.fenced || l.writer != e
	}
	switch {
	case e.closed:
		return errors.New("link: closed")
	case e.fenced:
		return link.ErrFenced
	}
	return nil
}

// Lose makes the next n deliveries to this end get lost, until it is restarted.
func (e *End) Lose(n int) {
	e.topics.mu.Lock()
	defer e.topics.mu.Unlock()
	e.lose += n
}

// Repeat makes the next n deliveries come a second time, in the next call of Receive.
func (e *End) Repeat(n int) {
	e.topics.mu.Lock()
	defer e.topics.mu.Unlock()
	e.repeat += n
}

// Delay makes the next n deliveries come one call of Receive later, behind those that are new then.
func (e *End) Delay(n int) {
	e.topics.mu.Lock()
	defer e.topics.mu.Unlock()
	e.delay += n
}

// Restart begins anew at the start of every log, as a process that was stopped and started.
func (e *End) Restart() {
	e.topics.mu.Lock()
	defer e.topics.mu.Unlock()
	e.held, e.lose, e.repeat, e.delay = nil, 0, 0, 0
	for _, c := range e.cursors {
		c.position, c.target, c.lost, c.recreated = 0, c.log.next, 0, c.log.recreated
	}
}

// Close ends this end.
func (e *End) Close() {
	e.topics.mu.Lock()
	defer e.topics.mu.Unlock()
	e.closed = true
	e.topics.ends = slices.DeleteFunc(e.topics.ends, func(other *End) bool { return other == e })
}

// Skipped returns how many records could not be decoded.
func (e *End) Skipped() int64 {
	e.topics.mu.Lock()
	defer e.topics.mu.Unlock()
	return e.skipped
}

// CaughtUp reports whether all that was in the logs when they were added, or at the last restart, has been
// returned. It stays false where one of those was lost.
func (e *End) CaughtUp() bool {
	e.topics.mu.Lock()
	defer e.topics.mu.Unlock()
	for _, c := range e.cursors {
		if c.sync(); c.position < c.target || c.lost > 0 {
			return false
		}
	}
	return !slices.ContainsFunc(e.held, func(h held) bool { return h.early })
}

// sync begins anew in a log that was made again.
func (c *cursor) sync() {
	if c.recreated != c.log.recreated {
		c.recreated, c.position, c.lost = c.log.recreated, 0, 0
		c.target = min(c.target, c.log.next)
	}
}

// Receive returns at most limit messages; see [link.Receiver].
func (e *End) Receive(_ context.Context, limit int) ([]link.Message, error) {
	e.topics.mu.Lock()
	defer e.topics.mu.Unlock()
	if e.closed {
		return nil, errors.New("link: closed")
	}
	e.calls++
	var messages []link.Message
	for _, c := range e.cursors {
		c.sync()
		for i := c.log.from(c.position); i < len(c.log.records) && len(messages) < limit; i++ {
			entry := c.log.records[i]
			c.position = entry.offset + 1
			if e.divert(c, entry) {
				continue
			}
			messages = e.deliver(messages, c, entry)
		}
		if c.log.from(c.position) == len(c.log.records) {
			c.position = max(c.position, c.log.next) // the end may have been compacted away
		}
	}
	return e.deliverHeld(messages, limit), nil
}

// divert decides the fate of a delivery and reports whether it does not come now.
func (e *End) divert(c *cursor, entry record) bool {
	t, early := e.topics, entry.offset < c.target
	later := held{c, entry, e.calls + 1, early}
	if t.random != nil {
		later.due = e.calls + t.random.IntN(maxDelay+1)
	}
	switch {
	case take(&e.lose) || t.chance(t.faults.Lose):
		if early {
			c.lost++
		}
		return true
	case take(&e.delay) || t.chance(t.faults.Delay):
		e.held = append(e.held, later)
		return true
	case take(&e.repeat) || t.chance(t.faults.Repeat):
		later.early = false // it is delivered now, too
		e.held = append(e.held, later)
	}
	return false
}

// take counts n down and reports whether there was something to take.
func take(n *int) bool {
	if *n == 0 {
		return false
	}
	*n--
	return true
}

// deliverHeld appends the held deliveries that are due, behind what is new.
func (e *End) deliverHeld(messages []link.Message, limit int) []link.Message {
	var due []held
	e.held = slices.DeleteFunc(e.held, func(h held) bool {
		now := h.due <= e.calls && len(messages)+len(due) < limit
		if now {
			due = append(due, h)
		}
		return now
	})
	for _, h := range due {
		messages = e.deliver(messages, h.from, h.entry)
	}
	return messages
}

func (e *End) deliver(messages []link.Message, c *cursor, entry record) []link.Message {
	message, err := link.Decode(entry.key, entry.value)
	if err != nil {
		e.skipped++
		return messages
	}
	message.SatelliteID = c.log.satelliteID
	if message.Tombstone {
		e.held = slices.DeleteFunc(e.held, func(h held) bool {
			return h.from == c && h.entry.offset < entry.offset && string(h.entry.key) == string(entry.key)
		})
	}
	return append(messages, message)
}

// Held reports whether deliveries to this end wait for a later call of Receive.
func (e *End) Held() bool {
	e.topics.mu.Lock()
	defer e.topics.mu.Unlock()
	return len(e.held) > 0
}
