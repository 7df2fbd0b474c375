package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orrery-kafka/orrery/test/bench/job"
)

// opening is how many connections are opened at once: more would only wait for each other's handshake.
const opening = 8

// requesters are connections on which one small request after another is sent, each when the one before is answered.
type requesters struct {
	job         job.Job
	dialer      *dialer
	connections []*connection
	frames      [][]byte // the request of each connection
	check       func(body []byte) error
	refused     atomic.Int64
}

// errRefused is what a check returns of an answer that says no, which is no fault of a storm's.
var errRefused = errors.New("refused")

func (r *requesters) prepare(ctx context.Context) (job.Ready, error) {
	if r.job.Batch == 0 {
		r.job.Batch = job.RecordBytes
	}
	switch r.job.Kind {
	case job.Latency:
		r.job.Clients, r.check = 1, checkProduced
	case job.SmallProduce:
		r.check = checkProduced
	case job.SmallFetch:
		r.check = func(body []byte) error { return checkFetched(body, r.job.Batch) }
	default:
		r.check = checkStorm(r.job)
	}
	r.connections, r.frames = make([]*connection, r.job.Clients), make([][]byte, r.job.Clients)
	errs := make([]error, r.job.Clients)
	slots := make(chan struct{}, opening)
	var open sync.WaitGroup
	for n := range r.connections {
		slots <- struct{}{}
		open.Go(func() {
			defer func() { <-slots }()
			errs[n] = r.open(ctx, n)
		})
	}
	open.Wait()
	r.refused.Store(0)
	return job.Ready{Prepared: int64(r.job.Clients)}, firstOf(errs)
}

// firstOf is the first error with the number of all: hundreds of connections fail for the same reason.
func firstOf(errs []error) error {
	var first error
	count := 0
	for _, err := range errs {
		if err != nil {
			first = cmp.Or(first, err)
			count++
		}
	}
	if count == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d connections failed, one so: %w", count, len(errs), first)
}

// open makes connection n, with its request, which it sends once: then whatever the other end does at the first one is
// done.
func (r *requesters) open(ctx context.Context, n int) error {
	if r.job.Kind == job.Connect {
		return r.once(ctx, n)
	}
	c, err := r.login(ctx)
	if err != nil {
		return err
	}
	r.connections[n] = c
	switch r.job.Kind {
	case job.SmallProduce, job.SmallFetch, job.Latency:
		id, err := c.topicID(r.job.Topic)
		if err != nil {
			return err
		}
		partition := int32(n) % r.job.Partitions
		if r.job.Kind == job.SmallFetch {
			// The topic has at least one record for each connection, in its partitions in turn.
			r.frames[n] = encode(fetchRequest(id, partition, int64(n)/int64(r.job.Partitions)))
		} else {
			r.frames[n] = encode(produceRequest(id, partition, randomValue(r.job.Batch)))
		}
	default:
		r.frames[n] = encode(stormRequest(r.job))
	}
	return r.once(ctx, n)
}

// login opens a connection that is good until ctx ends.
func (r *requesters) login(ctx context.Context) (*connection, error) {
	conn, err := r.dialer.dial(ctx, "tcp", r.job.Path.Address)
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, response: make([]byte, 4<<10)}
	if deadline, ok := ctx.Deadline(); ok {
		err = conn.SetDeadline(deadline)
	}
	if err == nil {
		err = c.login(r.job.Path)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (r *requesters) once(ctx context.Context, n int) error {
	switch r.job.Kind {
	case job.Connect:
		return r.visit(ctx)
	case job.CreateTopics:
		r.frames[n] = encode(stormRequest(r.job)) // of another topic
	}
	body, err := r.connections[n].exchange(r.frames[n], true)
	if err != nil {
		return err
	}
	if err := r.check(body); !errors.Is(err, errRefused) {
		return err
	}
	r.refused.Add(1)
	return nil
}

func (r *requesters) do(ctx context.Context, stop <-chan struct{}) (job.Result, error) {
	if r.job.Kind == job.Latency {
		return r.steadily(ctx)
	}
	if r.job.Duration > 0 {
		ended, end := context.WithTimeout(ctx, r.job.Duration)
		defer end()
		stop = ended.Done()
	}
	began := time.Now()
	var requests atomic.Int64
	errs := make([]error, r.job.Clients)
	var running sync.WaitGroup
	for n := range r.job.Clients {
		running.Go(func() {
			done := int64(0)
			for errs[n] == nil && r.turn(stop, began, n, done) {
				errs[n] = r.once(ctx, n)
				done++
			}
			requests.Add(done)
		})
	}
	running.Wait()
	took := time.Since(began)
	return job.Result{Took: took, Requests: requests.Load(), Records: requests.Load(), Refused: r.refused.Load()}, firstOf(errs)
}

// turn waits until a connection may send its next request, or returns false because the job is over. The first may be sent
// at once. With a rate, every further request of every connection has its time; one that is late is sent at once.
func (r *requesters) turn(stop <-chan struct{}, began time.Time, n int, done int64) bool {
	if done == 0 {
		return true
	}
	var wait <-chan time.Time
	if r.job.Rate > 0 {
		place := float64(done)*float64(r.job.Clients) + float64(n)
		if ahead := time.Until(began.Add(time.Duration(place / r.job.Rate * float64(time.Second)))); ahead > 0 {
			timer := time.NewTimer(ahead)
			defer timer.Stop()
			wait = timer.C
		}
	}
	if wait == nil {
		select {
		case <-stop:
			return false
		default:
			return true
		}
	}
	select {
	case <-stop:
		return false
	case <-wait:
		return true
	}
}

// fewest is how many requests a percentile needs.
const fewest = 100

// steadily sends requests at the rate of the job, each at its time or, where the one before took longer, after that. On a
// machine that is busy it goes on until there are enough.
func (r *requesters) steadily(ctx context.Context) (job.Result, error) {
	tick := time.NewTicker(time.Duration(float64(time.Second) / r.job.Rate))
	defer tick.Stop()
	var took []time.Duration
	began := time.Now()
	for end := began.Add(r.job.Duration); time.Now().Before(end) || len(took) < fewest; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return job.Result{}, context.Cause(ctx)
		}
		sent := time.Now()
		if err := r.once(ctx, 0); err != nil {
			return job.Result{}, err
		}
		took = append(took, time.Since(sent))
	}
	slices.Sort(took)
	n := int64(len(took))
	return job.Result{Took: time.Since(began), Requests: n, Records: n, P50: took[n/2], P99: took[n*99/100]}, nil
}

func (r *requesters) close() {
	for _, c := range r.connections {
		if c != nil {
			c.Close()
		}
	}
}
