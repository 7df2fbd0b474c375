package sim

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// begin is when every simulation begins.
var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// clock is virtual time with what is to happen at which time. Nothing happens between two tasks, so time jumps from
// one to the next.
type clock struct {
	now    time.Time
	random *rand.Rand
	tasks  tasks
}

// task is something that happens at a time. Of those of one time, the seed says which is first.
type task struct {
	at    time.Time
	order uint64
	do    func()
	index int // in the heap; -1: not in it
}

func newClock(random *rand.Rand) *clock { return &clock{now: begin, random: random} }

// elapsed is how long the simulation runs, in its own time.
func (c *clock) elapsed() time.Duration { return c.now.Sub(begin) }

// at has something happen at a time, or now where that is over.
func (c *clock) at(when time.Time, do func()) *task {
	if when.Before(c.now) {
		when = c.now
	}
	t := &task{at: when, order: c.random.Uint64(), do: do}
	heap.Push(&c.tasks, t)
	return t
}

// after has something happen after a while.
func (c *clock) after(d time.Duration, do func()) *task { return c.at(c.now.Add(d), do) }

// between draws a time span from low up to high.
func (c *clock) between(low, high time.Duration) time.Duration {
	return low + time.Duration(c.random.Int64N(int64(high-low)+1))
}

// cancel has a task not happen.
func (c *clock) cancel(t *task) {
	if t != nil && t.index >= 0 {
		heap.Remove(&c.tasks, t.index)
	}
}

// next does the next task, if it is due until a time, and reports whether there was one.
func (c *clock) next(until time.Time) bool {
	if len(c.tasks) == 0 || c.tasks[0].at.After(until) {
		return false
	}
	t := heap.Pop(&c.tasks).(*task)
	c.now = t.at
	t.do()
	return true
}

// tasks is a heap; see container/heap.
type tasks []*task

func (t tasks) Len() int { return len(t) }

func (t tasks) Less(i, j int) bool {
	if !t[i].at.Equal(t[j].at) {
		return t[i].at.Before(t[j].at)
	}
	return t[i].order < t[j].order
}

func (t tasks) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}

// Push implements heap.Interface.
func (t *tasks) Push(x any) {
	added := x.(*task)
	added.index = len(*t)
	*t = append(*t, added)
}

// Pop implements heap.Interface.
func (t *tasks) Pop() any {
	last := len(*t) - 1
	out := (*t)[last]
	out.index, (*t)[last] = -1, nil
	*t = (*t)[:last]
	return out
}
