package gateway

import (
	"sync"
	"time"
)

// queue holds the responses that a client waits for, in the order of its requests, at most limit of them. The read
// loop puts them in; the goroutine that reads the broker sends the first one and then takes it out. So whoever
// finds the queue empty is alone with the client and may write to it, and only the read loop can find it so for
// longer than a moment.
type queue struct {
	limit int
	// patience is how long the read loop waits for room, after which expired has to stop the queue.
	patience time.Duration
	expired  func()

	mu      sync.Mutex
	changed sync.Cond // a slot was taken out, or the queue was stopped
	ring    []slot    // grows up to limit
	first   int
	length  int
	stopped bool
}

func newQueue(limit int, patience time.Duration, expired func()) *queue {
	q := &queue{limit: limit, patience: patience, expired: expired}
	q.changed.L = &q.mu
	return q
}

// push puts a response in that comes from the broker. It blocks while there is no room, so the client is not read,
// and returns false where the connection has ended.
func (q *queue) push(s *slot) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.room() {
		return false
	}
	q.add(s)
	return true
}

// room waits until there is some, and reports whether there is.
func (q *queue) room() bool {
	if q.length == q.limit && !q.stopped {
		late := time.AfterFunc(q.patience, q.expired)
		defer late.Stop()
	}
	for q.length == q.limit && !q.stopped {
		q.changed.Wait()
	}
	return !q.stopped
}

// pushLocal is push for an answer of the gateway's own. With direct nothing waits before it: it was not put in, and
// the read loop sends it.
func (q *queue) pushLocal(s *slot) (direct, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case !q.room():
		return false, false
	case q.length == 0:
		return true, true
	}
	q.add(s)
	return false, true
}

func (q *queue) add(s *slot) {
	if q.length == len(q.ring) {
		next := make([]slot, min(max(2*len(q.ring), 1), q.limit))
		n := copy(next, q.ring[q.first:])
		copy(next[n:], q.ring[:q.first])
		q.ring, q.first = next, 0
	}
	q.ring[(q.first+q.length)%len(q.ring)] = *s
	q.length++
}

// head copies the first response into s.
func (q *queue) head(s *slot) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.length == 0 {
		return false
	}
	*s = q.ring[q.first]
	return true
}

// next takes the first response out, and copies the one behind it into s.
func (q *queue) next(s *slot) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ring[q.first] = slot{}
	q.first = (q.first + 1) % len(q.ring)
	q.length--
	q.changed.Broadcast()
	if q.length == 0 {
		return false
	}
	*s = q.ring[q.first]
	return true
}

// size returns how many responses the client waits for.
func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length
}

// drain waits until everything was sent or the connection has ended.
func (q *queue) drain() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.length > 0 && !q.stopped {
		q.changed.Wait()
	}
}

// stop ends every wait.
func (q *queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	q.changed.Broadcast()
}
