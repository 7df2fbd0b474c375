// Package speed measures what the gateway costs on Apache Kafka: against the broker's own listener with TLS, and against
// a relay in the gateway's place that only copies bytes. Broker, gateway, relay and load generator are processes of
// their own on this machine; their CPU time is the kernel's account of each. It asserts nothing about speed, but every
// run is checked: all records arrived, and they went the way that they should.
package speed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/test/bench/job"
	bench "github.com/orrery-kafka/orrery/test/bench/rig"
)

// Heading is the heading of what Measure returns.
const Heading = "Speed, on Apache Kafka " + engine.DefaultVersion

// Options say how much to measure.
type Options struct {
	// Runs is how many runs of each path are measured, WarmRuns how many come before them: a broker that is not warm needs
	// three times as much.
	Runs, WarmRuns int
	// Bytes is how much each run of the large batches moves.
	Bytes int64
	// Duration is how long each run of small requests takes; one of latency takes twice that, for the sake of its p99.
	Duration time.Duration
	// Progress gets a line for each run.
	Progress io.Writer
}

const (
	manyProducers   = 8
	manyConnections = 500
	lightRate       = 200 // requests a second
)

// The loads that are measured.
const (
	loadProduce      = "produce"
	loadFetch        = "fetch"
	loadProduceMany  = "produce, 8 producers"
	loadSmallProduce = "small produce"
	loadSmallFetch   = "small fetch"
	loadLatency      = "latency"
)

// measurement is the samples of each load and path, in the order of the runs, warm-up runs left out.
type measurement map[string]map[string][]sample

// Measure measures and returns the section in Markdown.
func Measure(ctx context.Context, o Options) (section string, err error) {
	dir, err := os.MkdirTemp("", "orrery-speed-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	began := time.Now()
	fmt.Fprintf(o.Progress, "starting Apache Kafka %s, the gateway and the relay ...\n", engine.DefaultVersion)
	r, err := openRig(ctx, dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	java, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", r.Kafka.Brokers[0].PID()))
	if err != nil {
		return "", err
	}
	m := measurement{}
	for _, part := range []struct {
		paths []*path
		round func(context.Context, *path, Options, func(string, sample)) error
	}{
		{[]*path{r.gateway, r.own, r.relay}, r.large},
		{[]*path{r.gateway, r.own, r.relay}, r.small},
		{[]*path{r.plain, r.own, r.relay, r.gateway}, r.light},
	} {
		for n := range o.WarmRuns + o.Runs {
			for _, p := range part.paths {
				keep := func(load string, s sample) { m.keep(o, n-o.WarmRuns, load, p.name, s) }
				if err := part.round(ctx, p, o, keep); err != nil {
					return "", r.explain(ctx, err)
				}
			}
		}
	}
	return m.section(o, java, time.Since(began)), nil
}

// explain adds the broker's log to an error if the broker does not answer any more.
func (r *rig) explain(ctx context.Context, err error) error {
	if ping := r.Client.Ping(ctx); ping != nil {
		return fmt.Errorf("%w; the broker: %w\n%s", err, ping, r.Kafka.Logs())
	}
	return err
}

// keep adds a sample, unless its run was for warming up, and says what was found.
func (m measurement) keep(o Options, n int, load, path string, s sample) {
	what := fmt.Sprintf("run %d", n+1)
	if n < 0 {
		what = "warm-up"
	}
	fmt.Fprintf(o.Progress, "%-8s %-20s %-14s %s (load generator %.2f s, others %.0f %%, stolen %.0f %%, load average %s; TLS: %s)\n",
		what, load, path, describe(load, s), s.load.Seconds(), s.others*100, s.stolen*100, bench.LoadAverage(), s.TLS)
	if n < 0 {
		return
	}
	if m[load] == nil {
		m[load] = map[string][]sample{}
	}
	m[load][path] = append(m[load][path], s)
}

func describe(load string, s sample) string {
	switch load {
	case loadLatency:
		return fmt.Sprintf("p50 %s, p99 %s", milliseconds(s.P50), milliseconds(s.P99))
	case loadSmallProduce, loadSmallFetch:
		return fmt.Sprintf("%.0f requests/s, %.1f+%.1f µs", s.requestsPerSecond(), microsecondsEach(s.broker, s), microsecondsEach(s.front, s))
	}
	text := fmt.Sprintf("%.0f MiB/s, %.2f+%.2f s/GiB", s.mebibytesPerSecond(), s.broker.Seconds()/s.gibibytes(), s.front.Seconds()/s.gibibytes())
	if s.Batches > 0 {
		text += fmt.Sprintf(", batches of %d kB", s.bytes/s.Batches/1000)
	}
	return text
}

// large is produce and fetch with large batches, and produce with several producers.
func (r *rig) large(ctx context.Context, p *path, o Options, keep func(string, sample)) error {
	err := r.withTopic(ctx, func(topic string) error {
		there, err := r.produce(ctx, p, o, topic, loadProduce, 1, keep)
		if err != nil {
			return err
		}
		s, err := r.run(ctx, p, job.Job{Kind: job.Fetch, Topic: topic, Records: there})
		if err == nil {
			keep(loadFetch, s)
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.withTopic(ctx, func(topic string) error {
		_, err := r.produce(ctx, p, o, topic, loadProduceMany, manyProducers, keep)
		return err
	})
}

// produce returns how many records there are then, which is what the broker says too.
func (r *rig) produce(ctx context.Context, p *path, o Options, topic, load string, clients int, keep func(string, sample)) (int64, error) {
	s, err := r.run(ctx, p, job.Job{Kind: job.Produce, Topic: topic, Clients: clients, Records: o.Bytes / job.RecordBytes})
	if err != nil {
		return 0, err
	}
	there := s.prepared + s.Records
	got, err := r.records(ctx, prefix+topic)
	if err == nil && got != there {
		err = fmt.Errorf("the broker has %d records, and %d were acknowledged", got, there)
	}
	if err != nil {
		return 0, fmt.Errorf("%s through %s: %w", load, p.name, err)
	}
	keep(load, s)
	return there, nil
}

// small is many connections with one small request each at a time. The fetch reads what the produce wrote.
func (r *rig) small(ctx context.Context, p *path, o Options, keep func(string, sample)) error {
	return r.withTopic(ctx, func(topic string) error {
		for _, l := range []struct {
			load string
			kind job.Kind
		}{{loadSmallProduce, job.SmallProduce}, {loadSmallFetch, job.SmallFetch}} {
			s, err := r.run(ctx, p, job.Job{Kind: l.kind, Topic: topic, Clients: manyConnections, Duration: o.Duration})
			if err != nil {
				return err
			}
			keep(l.load, s)
		}
		return nil
	})
}

// light is one connection that has something to do now and then.
func (r *rig) light(ctx context.Context, p *path, o Options, keep func(string, sample)) error {
	return r.withTopic(ctx, func(topic string) error {
		s, err := r.run(ctx, p, job.Job{Kind: job.Latency, Topic: topic, Duration: 2 * o.Duration, Rate: lightRate})
		if err == nil {
			keep(loadLatency, s)
		}
		return err
	})
}
