// Command load is the benchmark's client of Kafka, in a process of its own. It does one job and says how that went; any
// record that is not acknowledged, missing or different is an error.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/orrery-kafka/orrery/test/bench/job"
)

// patience bounds a job.
const patience = 5 * time.Minute

func main() {
	if err := run(job.Parent()); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// load is a kind of job: prepare opens the connections, do is what is measured, until stop is closed where nothing else
// ends it.
type load interface {
	prepare(ctx context.Context) (job.Ready, error)
	do(ctx context.Context, stop <-chan struct{}) (job.Result, error)
	close()
}

func run(parent *job.Channel) error {
	var j job.Job
	if err := parent.Receive(&j); err != nil {
		return err
	}
	dialer, err := newDialer(j.Path)
	if err != nil {
		return err
	}
	var l load
	switch j.Kind {
	case job.Produce:
		l = &producers{job: j, dialer: dialer}
	case job.Fetch:
		l = &consumer{job: j, dialer: dialer}
	case job.Write:
		l = &writer{job: j, dialer: dialer}
	case job.Read:
		l = &reader{job: j, dialer: dialer}
	case job.SmallProduce, job.SmallFetch, job.Latency, job.Metadata, job.CreateTopics, job.ProducerIDs, job.Connect:
		l = &requesters{job: j, dialer: dialer}
	default:
		return fmt.Errorf("there is no kind of load %q", j.Kind)
	}
	defer l.close()
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, fmt.Errorf("%s took longer than %v", j.Kind, patience))
	defer cancel()
	ready, err := l.prepare(ctx)
	if err != nil {
		return fmt.Errorf("%s, preparing: %w", j.Kind, err)
	}
	if err := parent.Send(ready); err != nil {
		return err
	}
	if err := parent.Receive(&job.Go{}); err != nil {
		return err
	}
	stop := make(chan struct{})
	if j.Duration == 0 && j.Records == 0 {
		go func() {
			defer close(stop)
			_ = parent.Receive(&job.Stop{}) // a parent that has gone wants nothing more
		}()
	}
	began := time.Now()
	result, err := l.do(ctx, stop)
	if err != nil {
		return fmt.Errorf("%s: %w", j.Kind, err)
	}
	if result.Took == 0 {
		result.Took = time.Since(began)
	}
	result.TLS, result.Server = dialer.negotiated()
	if err := parent.Send(result); err != nil {
		return err
	}
	return parent.AwaitEnd()
}
