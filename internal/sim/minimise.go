package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Minimise runs a simulation that failed with less and less of what happened in it, for as long as it still fails and
// ctx allows, and returns the rest as a script, with the failure that this script ends in. It returns the whole as a
// script where nothing can be left out.
func Minimise(ctx context.Context, c Config, failure *Failure) (script string, smallest *Failure, err error) {
	if err := c.check(); err != nil {
		return "", nil, err
	}
	c.Trace, c.Progress = nil, nil
	plan := slices.DeleteFunc(newPlan(c), func(p planned) bool { return p.at > failure.At })
	for chunk := len(plan); chunk >= 1 && ctx.Err() == nil; chunk /= 2 {
		for from := 0; from < len(plan) && ctx.Err() == nil; {
			less := slices.Delete(slices.Clone(plan), from, min(from+chunk, len(plan)))
			if f := c.fails(ctx, less); f != nil {
				plan, failure = less, f
				continue
			}
			from += chunk
		}
	}
	return c.script(plan, failure), failure, nil
}

// fails returns the failure of a plan; nil where it has none, or ctx ended before.
func (c Config) fails(ctx context.Context, plan []planned) *Failure {
	_, err := c.execute(ctx, plan)
	var failure *Failure
	if ctx.Err() == nil && errors.As(err, &failure) {
		return failure
	}
	return nil
}

// script writes a plan as a script that does the same.
func (c Config) script(plan []planned, failure *Failure) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", strings.ReplaceAll(failure.Error(), "\n", "\n# "))
	fmt.Fprintf(&b, "world seed=%d satellites=%d brokers=%d\n", c.Seed, c.Satellites, c.brokers())
	at := time.Duration(0)
	pass := func(until time.Duration) {
		if until > at {
			fmt.Fprintf(&b, "run %v\n", until-at)
			at = until
		}
	}
	for _, p := range plan {
		pass(p.at)
		b.WriteString(p.line + "\n")
	}
	if end := time.Duration(c.Days) * 24 * time.Hour; failure.At > end {
		pass(end)
		b.WriteString("converge\n")
	} else {
		pass(failure.At)
	}
	return b.String()
}
