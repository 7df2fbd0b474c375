package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/profile"
	"github.com/orrery-kafka/orrery/test/bench/job"
	"github.com/orrery-kafka/orrery/test/bench/measured"
	"github.com/orrery-kafka/orrery/test/bench/rig"
)

const (
	stormPartitions = 6
	stormTopics     = 100 // what a metadata storm asks for
	paced           = 200 // requests of the neighbour a second
	goal            = 1.25
)

// storms are what a hostile tenant does. A client that behaves would wait as it is told; these do not.
var storms = []job.Job{
	{Kind: job.SmallProduce, Clients: 8, Batch: 500_000},
	{Kind: job.SmallFetch, Clients: 8, Batch: 500_000},
	{Kind: job.Metadata, Clients: 32},
	{Kind: job.Connect, Clients: 32},
	{Kind: job.CreateTopics, Clients: 16},
	{Kind: job.ProducerIDs, Clients: 16},
}

// meeting is a storm beside the neighbour: on the gateway under test, or, as control, at the same rate on another one.
type meeting struct {
	storm     job.Result
	neighbour job.Result
}

func (m meeting) rate() float64 { return float64(m.storm.Requests) / m.storm.Took.Seconds() }

// pair is one round.
type pair struct{ test, control meeting }

func (p pair) ratio() float64 {
	return p.test.neighbour.P99.Seconds() / p.control.neighbour.P99.Seconds()
}

// neighbours measures the p99 of a tenant that does little while another one does as much as it can, and returns the table.
func (b *bench) neighbours(ctx context.Context) (text string, err error) {
	other, err := b.open(ctx, "second")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, other.Close()) }()
	limits, err := profile.LimitsOf(profile.Newest, orrery.TypeBasic)
	if err != nil {
		return "", err
	}
	quotas := limits.Quotas(0)
	id := b.nextTenant()
	key, err := b.rig.Tenant(ctx, id, orrery.TypeBasic, quotas)
	if err == nil {
		err = create(ctx, b.rig, id+"_"+topic, 1)
	}
	if err != nil {
		return "", err
	}
	neighbour := job.Job{Kind: job.Latency, Path: b.rig.Path(key), Topic: topic, Partitions: 1, Rate: paced, Duration: b.neighbour}
	var rows [][]string
	for _, storm := range storms {
		var pairs []pair
		for round := range b.rounds + 1 {
			var p pair
			if p.test, err = b.meet(ctx, b.rig, storm, quotas, neighbour); err != nil {
				return "", err
			}
			replay := storm
			replay.Rate = p.test.rate()
			if p.control, err = b.meet(ctx, other, replay, quotas, neighbour); err != nil {
				return "", err
			}
			b.say("%s: %.0f/s (%.0f %% refused), neighbour's p99 %v; control %.0f/s, %v", storm.Kind, p.test.rate(), p.test.refused()*100,
				p.test.neighbour.P99.Round(time.Microsecond), p.control.rate(), p.control.neighbour.P99.Round(time.Microsecond))
			if round > 0 || b.rounds == 0 { // the first one warms both brokers up
				pairs = append(pairs, p)
			}
		}
		rows = append(rows, row(storm, pairs))
	}
	text = fmt.Sprintf("A tenant with %d produce requests a second, beside one with the quotas of a Basic cluster that does as much as it can and waits for nothing, on the same gateway and broker. "+
		"As control the same clients do the same at the rate that they reached, on another gateway and broker of this machine. %d rounds of %v after one for warming up, test and control in turns; "+
		"medians, the ratio is that of the rounds, with the smallest and the largest.\n\n", paced, b.rounds, b.neighbour)
	head := []string{"storm", "rate", "refused", "control's rate", "neighbour's p50", "control", "neighbour's p99", "control", "ratio of the p99", "goal"}
	return text + measured.Table(head, rows), nil
}

func (m meeting) refused() float64 {
	return float64(m.storm.Refused) / float64(max(m.storm.Requests, 1))
}

func row(storm job.Job, pairs []pair) []string {
	milliseconds := func(of func(pair) time.Duration) string {
		return fmt.Sprintf("%.2f ms", median(pairs, func(p pair) float64 { return of(p).Seconds() * 1000 }))
	}
	ratios := make([]float64, 0, len(pairs))
	for _, p := range pairs {
		ratios = append(ratios, p.ratio())
	}
	return []string{
		string(storm.Kind), fmt.Sprintf("%.0f/s", median(pairs, func(p pair) float64 { return p.test.rate() })),
		fmt.Sprintf("%.0f %%", 100*median(pairs, func(p pair) float64 { return p.test.refused() })),
		fmt.Sprintf("%.0f/s", median(pairs, func(p pair) float64 { return p.control.rate() })),
		milliseconds(func(p pair) time.Duration { return p.test.neighbour.P50 }), milliseconds(func(p pair) time.Duration { return p.control.neighbour.P50 }),
		milliseconds(func(p pair) time.Duration { return p.test.neighbour.P99 }), milliseconds(func(p pair) time.Duration { return p.control.neighbour.P99 }),
		fmt.Sprintf("%.2f (%.2f to %.2f)", median(pairs, pair.ratio), slices.Min(ratios), slices.Max(ratios)), fmt.Sprint(goal),
	}
}

func median(pairs []pair, of func(pair) float64) float64 {
	values := make([]float64, 0, len(pairs))
	for _, p := range pairs {
		values = append(values, of(p))
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// meet runs a storm of a new tenant on a rig, and the neighbour meanwhile.
func (b *bench) meet(ctx context.Context, r *rig.Rig, storm job.Job, quotas orrery.Quotas, neighbour job.Job) (m meeting, err error) {
	var id string
	if storm, id, err = b.hostile(ctx, r, storm, quotas); err != nil {
		return m, err
	}
	if storm.Batch > 0 {
		defer func() { err = errors.Join(err, discard(ctx, r, id)) }()
	}
	var children []*rig.Child
	defer func() {
		for _, child := range children {
			err = errors.Join(err, child.End())
		}
	}()
	for _, j := range []job.Job{storm, neighbour} {
		child, err := b.ready(ctx, j)
		if err != nil {
			return m, err
		}
		children = append(children, child)
	}
	hostile, paced := children[0].Channel, children[1].Channel
	for _, step := range []func() error{
		func() error { return hostile.Send(job.Go{}) },
		func() error { return paced.Send(job.Go{}) },
		func() error { return paced.Receive(&m.neighbour) },
		func() error { return hostile.Send(job.Stop{}) },
		func() error { return hostile.Receive(&m.storm) },
	} {
		if err := step(); err != nil {
			return m, fmt.Errorf("%s: %w", storm.Kind, err)
		}
	}
	return m, nil
}

func (b *bench) ready(ctx context.Context, j job.Job) (*rig.Child, error) {
	child, err := rig.Start(ctx, b.dir, rig.Load, j)
	if err != nil {
		return nil, err
	}
	if err := child.Channel.Receive(&job.Ready{}); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", j.Kind, err), child.End())
	}
	return child, nil
}

// hostile makes a tenant with what a storm needs, and returns the storm as that tenant.
func (b *bench) hostile(ctx context.Context, r *rig.Rig, storm job.Job, quotas orrery.Quotas) (_ job.Job, id string, err error) {
	id = b.nextTenant()
	key, err := r.Tenant(ctx, id, orrery.TypeBasic, quotas)
	if err != nil {
		return job.Job{}, id, err
	}
	storm.Path, storm.Topic, storm.Partitions = r.Path(key), topic, stormPartitions
	switch storm.Kind {
	case job.SmallProduce, job.SmallFetch:
		if err := create(ctx, r, id+"_"+topic, stormPartitions); err != nil {
			return job.Job{}, id, err
		}
	case job.Metadata:
		var names []string
		for n := range stormTopics {
			names = append(names, fmt.Sprintf("%s_topic-%d", id, n))
		}
		created, err := r.Admin.CreateTopics(ctx, 1, 1, nil, names...)
		if err = errors.Join(err, created.Error()); err != nil {
			return job.Job{}, id, err
		}
	}
	if storm.Kind != job.SmallFetch {
		return storm, id, nil
	}
	// A record for each connection to read.
	written := storm
	written.Kind, written.Rate, written.Duration = job.SmallProduce, 0, time.Millisecond
	child, err := b.ready(ctx, written)
	if err != nil {
		return job.Job{}, id, err
	}
	return storm, id, errors.Join(child.Channel.Send(job.Go{}), child.Channel.Receive(&job.Result{}), child.End())
}
