package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orrery-kafka/orrery/test/bench/job"
	"github.com/orrery-kafka/orrery/test/bench/measured"
)

// group are cells that are measured at the same time, each with a tenant of its own that has the same quota.
type group struct {
	rate  int64
	cells []cell
}

// wholeGroups is every client, direction, batch and quota: with the small quota all at once, with the large one writing and
// reading at once, client by client.
func wholeGroups() []group {
	slow := group{rate: 5 * megabyte}
	var fast []group
	for _, client := range []string{franz, librd, java} {
		for _, batch := range []int{large, small} {
			cells := []cell{{client, job.Write, batch}, {client, job.Read, batch}}
			slow.cells = append(slow.cells, cells...)
			fast = append(fast, group{100 * megabyte, cells})
		}
	}
	return append([]group{slow}, fast...)
}

// outcome is one cell with one quota.
type outcome struct {
	cell
	rate int64
	sample
	// control is what the same client moved in a second without a quota; 0: nobody wanted to know.
	control float64
	alone   bool // measured again, with nothing beside it
	verdict verdict
}

type verdict string

// The verdicts. What is over fails, and so does what is under its quota though the control is well above that.
const (
	heldExactly verdict = "held"
	overQuota   verdict = "MORE THAN THE QUOTA"
	underQuota  verdict = "LESS THAN THE QUOTA"
	cannot      verdict = "held from above; the machine could not do more"
	unjudged    verdict = "held from above; whether the machine could do more has to be measured"
)

const (
	// tolerance is how far below its quota a tenant may be in a whole window.
	tolerance = 0.02
	// shortTolerance is how far below it may be in a short one.
	shortTolerance = 0.5
	// headroom is by how much a control has to be over the quota, so that being under it is the quota's fault.
	headroom = 1.25
	// attempts is how often a cell is measured again that seems to get too little, each time between two controls.
	attempts = 5
)

func (o outcome) controlled() string {
	if o.control == 0 {
		return "not measured"
	}
	return perSecond(o.control)
}

// share is which part of its quota the tenant got.
func (o outcome) share() float64 { return o.perSecond() / float64(o.rate) }

// judge compares what a tenant got with its quota. Whatever the window, it is at most the rate, half a second's burst, and
// a request or response that overdraws, with its head: in a minute, with the smaller quota, 1.2 % too much.
func (o outcome) judge(exact bool) verdict {
	most := float64(o.rate)*(o.took.Seconds()+0.5) + 1.1*megabyte
	least := 1 - shortTolerance
	if exact {
		least = 1 - tolerance
	}
	switch {
	case float64(o.bytes) > most:
		return overQuota
	case o.share() >= least:
		return heldExactly
	case o.control == 0:
		return unjudged
	case o.control >= headroom*float64(o.rate):
		return underQuota
	}
	return cannot
}

// held measures every group and returns the table. The error says which quotas did not hold.
func (b *bench) held(ctx context.Context) (string, error) {
	controls := map[cell]float64{}
	if b.exact {
		if err := b.controls(ctx, controls); err != nil {
			return "", err
		}
	}
	var rows [][]string
	var failed []error
	for _, g := range b.groups {
		outcomes, err := b.group(ctx, g, controls)
		if err != nil {
			return "", err
		}
		for _, o := range outcomes {
			if o.verdict == overQuota || o.verdict == underQuota {
				failed = append(failed, fmt.Errorf("%s, quota %s: %.4f of it, %s", o.cell, perSecond(float64(o.rate)), o.share(), o.verdict))
			}
			with := "others"
			if o.alone {
				with = "alone"
			}
			rows = append(rows, []string{
				o.client, string(o.kind), size(o.batch), perSecond(float64(o.rate)), fmt.Sprintf("%.4f", o.share()),
				o.took.Round(time.Second).String() + ", " + with, o.controlled(), string(o.verdict),
			})
		}
	}
	text := fmt.Sprintf("One tenant for each row, on one gateway in front of one broker; bytes as clients count them on the wire, within TLS, burst included. "+
		"Rows with the small quota ran at once, the others in pairs. The control is the same client alone without a quota, for %v: only where it is %.2f times the quota, "+
		"less than the quota less %.0f %% is a fault, and is measured again alone.\n\n", b.control, headroom, tolerance*100)
	head := []string{"client", "does", "batches", "quota", "part of it that it got", "in", "without a quota", ""}
	return text + measured.Table(head, rows), errors.Join(failed...)
}

func perSecond(bytes float64) string { return fmt.Sprintf("%.1f MB/s", bytes/megabyte) }

// controls measures what each client can do without a quota, one after another.
func (b *bench) controls(ctx context.Context, controls map[cell]float64) error {
	for _, g := range b.groups {
		for _, c := range g.cells {
			if _, known := controls[c]; known {
				continue
			}
			rate, err := b.controlOf(ctx, c)
			if err != nil {
				return err
			}
			controls[c] = rate
		}
	}
	return nil
}

func (b *bench) controlOf(ctx context.Context, c cell) (float64, error) {
	t, err := b.target(ctx, c, 0)
	if err != nil {
		return 0, err
	}
	samples, err := b.together(ctx, []cell{c}, []target{t}, b.control)
	if err = errors.Join(err, discard(ctx, b.rig, t.id)); err != nil {
		return 0, err
	}
	b.say("%s, without a quota: %s", c, perSecond(samples[0].perSecond()))
	return samples[0].perSecond(), nil
}

// group measures cells at once, and those again alone that seem to get less than they should.
func (b *bench) group(ctx context.Context, g group, controls map[cell]float64) ([]outcome, error) {
	window := b.control
	for _, c := range g.cells {
		if !b.exact || controls[c] >= float64(g.rate) {
			window = b.window
		}
	}
	outcomes, err := b.watch(ctx, g, window, controls)
	if err != nil {
		return nil, err
	}
	for n, o := range outcomes {
		if o.verdict == unjudged {
			if outcomes[n].control, err = b.controlOf(ctx, o.cell); err != nil {
				return nil, err
			}
			outcomes[n].verdict = outcomes[n].judge(b.exact)
		}
		for attempt := 0; outcomes[n].verdict == underQuota && attempt < attempts; attempt++ {
			if outcomes[n], err = b.again(ctx, outcomes[n]); err != nil {
				return nil, err
			}
		}
	}
	return outcomes, nil
}

// again measures a cell alone, and a control after it: the machine could do what it could both before and after.
func (b *bench) again(ctx context.Context, o outcome) (outcome, error) {
	outcomes, err := b.watch(ctx, group{o.rate, []cell{o.cell}}, b.window, map[cell]float64{o.cell: o.control})
	if err != nil || outcomes[0].verdict != underQuota {
		return outcomes[0], err
	}
	after, err := b.controlOf(ctx, o.cell)
	o = outcomes[0]
	o.control = min(o.control, after)
	o.verdict = o.judge(b.exact)
	return o, err
}

func (b *bench) watch(ctx context.Context, g group, window time.Duration, controls map[cell]float64) ([]outcome, error) {
	targets := make([]target, len(g.cells))
	for n, c := range g.cells {
		var err error
		if targets[n], err = b.target(ctx, c, g.rate); err != nil {
			return nil, err
		}
	}
	samples, err := b.together(ctx, g.cells, targets, window)
	for _, t := range targets {
		err = errors.Join(err, discard(ctx, b.rig, t.id))
	}
	outcomes := make([]outcome, len(g.cells))
	for n, s := range samples {
		o := outcome{cell: g.cells[n], rate: g.rate, sample: s, control: controls[g.cells[n]], alone: len(g.cells) == 1}
		o.verdict = o.judge(b.exact)
		outcomes[n] = o
		b.say("%s, quota %s: %.4f of it in %v (without a quota %s): %s", o.cell, perSecond(float64(o.rate)), o.share(), o.took.Round(time.Millisecond), o.controlled(), o.verdict)
	}
	return outcomes, err
}
