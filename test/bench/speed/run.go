package speed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/orrery-kafka/orrery/test/bench/job"
	bench "github.com/orrery-kafka/orrery/test/bench/rig"
)

// sample is what one run found.
type sample struct {
	job.Result
	bytes    int64 // of record values
	prepared int64 // records that were produced before
	// CPU time of the broker, of the front (0 without one) and of the load generator.
	broker, front, load time.Duration
	// others is the share of the machine's time that other processes used, and stolen the share that the host took.
	others, stolen float64
}

// mebibytesPerSecond is the run's throughput in MiB/s.
func (s sample) mebibytesPerSecond() float64 { return float64(s.bytes) / (1 << 20) / s.Took.Seconds() }

// gibibytes is how much the run moved.
func (s sample) gibibytes() float64 { return float64(s.bytes) / (1 << 30) }

func (s sample) requestsPerSecond() float64 { return float64(s.Requests) / s.Took.Seconds() }

// server is the CPU time of what stands behind the client.
func (s sample) server() time.Duration { return s.broker + s.front }

// run does a job on a path, in a process of its own, and takes what each process used from the moment that all
// connections were open until the result.
func (r *rig) run(ctx context.Context, p *path, j job.Job) (s sample, err error) {
	j.Path, j.Topic, j.Partitions = p.Path, p.topics+j.Topic, partitions
	load, err := bench.Start(ctx, r.Dir, bench.Load, j)
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, load.End()) }()
	var ready job.Ready
	if err := load.Channel.Receive(&ready); err != nil {
		return sample{}, fmt.Errorf("%s through %s: %w", j.Kind, p.name, err)
	}
	before, err := r.snapshot(load)
	if err != nil {
		return sample{}, err
	}
	if err := load.Channel.Send(job.Go{}); err != nil {
		return sample{}, err
	}
	if err := load.Channel.Receive(&s.Result); err != nil {
		return sample{}, fmt.Errorf("%s through %s: %w", j.Kind, p.name, err)
	}
	after, err := r.snapshot(load)
	if err != nil {
		return sample{}, err
	}
	used := after.since(before)
	s.bytes, s.prepared = s.Records*job.RecordBytes, ready.Prepared
	s.broker, s.load = used.broker.cpu, used.load.cpu
	for n, front := range r.fronts {
		if front == p.front {
			s.front = used.fronts[n].cpu
		}
	}
	s.others = float64(used.machine.busy-used.known()) / float64(used.machine.total)
	s.stolen = float64(used.machine.stolen) / float64(used.machine.total)
	return s, r.check(p, s, used)
}

// check is nil where the bytes went the way that the path says, seen from outside: the front read and wrote them, no
// other front did, and the client connected where it should with what all have in common.
func (r *rig) check(p *path, s sample, used snapshot) error {
	for n, front := range r.fronts {
		passed := min(used.fronts[n].read, used.fronts[n].written)
		switch {
		case front == p.front && passed < s.bytes:
			return fmt.Errorf("the run through %s moved %d bytes of records, but the %s passed %d only", p.name, s.bytes, front.Name, passed)
		case front != p.front && passed > s.bytes/10:
			return fmt.Errorf("the run through %s moved %d bytes of records, and the %s, which is not on the way, passed %d", p.name, s.bytes, front.Name, passed)
		}
	}
	want := p.Address
	if p.Through != "" {
		want = p.Through
	}
	if s.Server != want {
		return fmt.Errorf("the run through %s connected to %s instead of %s", p.name, s.Server, want)
	}
	if encrypted := p.CA != ""; encrypted != (s.TLS != "none") || encrypted && s.TLS != commonTLS {
		return fmt.Errorf("the run through %s negotiated %q, and all paths with TLS should %q, or the comparison is not fair", p.name, s.TLS, commonTLS)
	}
	return nil
}

// commonTLS is what every path with TLS has to negotiate.
const commonTLS = "TLS 1.3, TLS_AES_128_GCM_SHA256, ECDSA P-256"

// snapshot is what everybody has used at one moment.
type snapshot struct {
	broker, load, self use
	fronts             []use
	machine            machineUse
}

func (r *rig) snapshot(load *bench.Child) (snapshot, error) {
	var s snapshot
	var errs [4]error
	s.broker, errs[0] = usage(r.Kafka.Brokers[0].PID())
	s.load, errs[1] = usage(load.PID())
	s.self, errs[2] = usage(os.Getpid())
	s.machine, errs[3] = machineUsage()
	for _, front := range r.fronts {
		u, err := usage(front.PID())
		if err != nil {
			return snapshot{}, err
		}
		s.fronts = append(s.fronts, u)
	}
	return s, errors.Join(errs[:]...)
}

func (s snapshot) since(before snapshot) snapshot {
	d := snapshot{broker: s.broker.since(before.broker), load: s.load.since(before.load), self: s.self.since(before.self), machine: s.machine.since(before.machine)}
	for n, front := range s.fronts {
		d.fronts = append(d.fronts, front.since(before.fronts[n]))
	}
	return d
}

// known is the CPU time of the processes of this benchmark.
func (s snapshot) known() time.Duration {
	total := s.broker.cpu + s.load.cpu + s.self.cpu
	for _, front := range s.fronts {
		total += front.cpu
	}
	return total
}
