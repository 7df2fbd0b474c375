package main

import (
	"cmp"
	"context"
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
}

func (r *requesters) prepare(ctx context.Context) (job.Ready, error) {
	if r.job.Kind == job.Latency {
		r.job.Clients = 1
	}
	r.check = checkProduced
	if r.job.Kind == job.SmallFetch {
		r.check = checkFetched
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
	conn, err := r.dialer.dial(ctx, "tcp", r.job.Path.Address)
	if err != nil {
		return err
	}
	c := &connection{Conn: conn, response: make([]byte, 4<<10)}
	r.connections[n] = c
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if err := c.login(r.job.Path); err != nil {
		return err
	}
	id, err := c.topicID(r.job.Topic)
	if err != nil {
		return err
	}
	partition := int32(n) % r.job.Partitions
	if r.job.Kind == job.SmallFetch {
		// The topic has at least one record for each connection, in its partitions in turn.
		r.frames[n] = encode(fetchRequest(id, partition, int64(n)/int64(r.job.Partitions)))
	} else {
		r.frames[n] = encode(produceRequest(id, partition, randomValue()))
	}
	return r.once(n)
}

func (r *requesters) once(n int) error {
	body, err := r.connections[n].exchange(r.frames[n], true)
	if err != nil {
		return err
	}
	return r.check(body)
}

func (r *requesters) do(ctx context.Context) (job.Result, error) {
	if r.job.Kind == job.Latency {
		return r.steadily(ctx)
	}
	began := time.Now()
	end := began.Add(r.job.Duration)
	var requests atomic.Int64
	errs := make([]error, len(r.connections))
	var running sync.WaitGroup
	for n := range r.connections {
		running.Go(func() {
			done := int64(0)
			for errs[n] == nil && time.Now().Before(end) && ctx.Err() == nil {
				errs[n] = r.once(n)
				done++
			}
			requests.Add(done)
		})
	}
	running.Wait()
	took := time.Since(began)
	return job.Result{Took: took, Requests: requests.Load(), Records: requests.Load()}, firstOf(errs)
}

// steadily sends requests at the rate of the job, each at its time or, where the one before took longer, after that.
func (r *requesters) steadily(ctx context.Context) (job.Result, error) {
	tick := time.NewTicker(time.Second / time.Duration(r.job.Rate))
	defer tick.Stop()
	var took []time.Duration
	began := time.Now()
	for end := began.Add(r.job.Duration); time.Now().Before(end); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return job.Result{}, context.Cause(ctx)
		}
		sent := time.Now()
		if err := r.once(0); err != nil {
			return job.Result{}, err
		}
		took = append(took, time.Since(sent))
	}
	if len(took) < 100 {
		return job.Result{}, fmt.Errorf("%d requests are too few for a percentile", len(took))
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
