package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/internal/sim"
)

const simLong = `Run the whole control plane in this process, in one goroutine, under a virtual clock:
mothership, placement, link, satellites and operators are the real ones; store, network,
substrates, brokers and tenants are simulated, and go wrong. What must never happen is
checked at every write, and at the end the platform must get to what was asked for.

One seed decides everything: the same flags give the same trace. A failure is told with
its seed and the last of the trace, and is then made as small as --minimise allows and
written as a script, which --script runs again.

A script has a command on each line:

  run FOR
      let time pass
  show
      say what the mothership thinks, and what the satellites run
  converge
      end every fault, and check that the platform gets to what was asked for
`

// simFlags are the flags of `orrery sim`.
type simFlags struct {
	config        sim.Config
	trace, script string
	minimise      time.Duration
}

func (p *program) simCommand() *cobra.Command {
	var f simFlags
	cmd := &cobra.Command{
		Use: "sim", Short: "Simulate the platform, with everything that can go wrong", Long: simLong + scriptCommands(), Args: arguments(),
		Example: `orrery sim --seed 7
orrery sim --seed 7 --physical 1000 --logical 10000 --satellites 100 --days 30
orrery sim --script failure.txt --trace trace.txt`,
		RunE: func(cmd *cobra.Command, args []string) error { return p.sim(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Uint64Var(&f.config.Seed, "seed", 1, "`NUMBER` that decides everything that happens")
	flags.IntVar(&f.config.Physical, "physical", 20, "about how many physical clusters there are from the beginning")
	flags.IntVar(&f.config.Logical, "logical", 100, "how many logical clusters there are from the beginning")
	flags.IntVar(&f.config.Satellites, "satellites", 6, "how many satellites there are")
	flags.IntVar(&f.config.Days, "days", 7, "how many simulated days it lasts")
	flags.IntVar(&f.config.Events, "events", 0, "how much happens in that time (default: one event for each logical cluster, at least ten a day)")
	flags.StringVar(&f.trace, "trace", "", "`FILE` for everything that happens, line by line")
	flags.StringVar(&f.script, "script", "", "`FILE` with what is to happen, instead of what the seed draws")
	flags.DurationVar(&f.minimise, "minimise", time.Minute, "for how long a failure is made smaller; 0 leaves it as it is")
	return cmd
}

// scriptCommands lists the commands that the simulation knows, for the help.
func scriptCommands() string {
	var b strings.Builder
	for line := range strings.Lines(sim.Commands()) {
		b.WriteString("  " + line)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (p *program) sim(ctx context.Context, f simFlags) (err error) {
	if f.trace != "" {
		file, err := os.Create(f.trace)
		if err != nil {
			return usageError("name a file that can be written", "--trace: %v", err)
		}
		f.config.Trace = file
		defer func() { err = errors.Join(err, file.Close()) }()
	}
	if f.script != "" {
		return p.simScript(ctx, f)
	}
	began, told := time.Now(), time.Now()
	if !p.global.quiet {
		f.config.Progress = func(progress sim.Progress) {
			if time.Since(told) >= time.Second {
				told = time.Now()
				fmt.Fprintf(p.stderr, "day %.1f of %.0f, %d of %d commands, %d steps\n", days(progress.At), days(progress.Total), progress.Done, progress.Planned, progress.Steps)
			}
		}
	}
	report, err := sim.Run(ctx, f.config)
	if failure := (*sim.Failure)(nil); errors.As(err, &failure) {
		return p.simFailed(ctx, f, failure)
	}
	if err != nil {
		return err
	}
	return p.show(report, func(w io.Writer) { writeSimReport(w, f.config.Seed, report, time.Since(began)) })
}

func days(d time.Duration) float64 { return d.Hours() / 24 }

func writeSimReport(w io.Writer, seed uint64, r sim.Report, took time.Duration) {
	fmt.Fprintf(w, "seed %d: nothing went wrong that must not, in %v\n", seed, took.Round(time.Millisecond))
	fmt.Fprintf(w, "  %d logical clusters on %d physical ones; %d commands, %d steps\n", r.Logical, r.Physical, r.Commands, r.Steps)
	fmt.Fprintf(w, "  %d commits of %d rows, %d messages on the link, %d state records, %d actions\n", r.Counts.Commits, r.Counts.Rows, r.Counts.LinkMessages, r.Counts.StateWrites, r.Counts.Actions)
	fmt.Fprintf(w, "  converged within %v of the last fault; trace %s\n", r.Converged, r.Hash)
}

// simFailed tells a failure, and makes it smaller.
func (p *program) simFailed(ctx context.Context, f simFlags, failure *sim.Failure) error {
	fmt.Fprintf(p.stdout, "%s\nseed %d failed %v\n", failure.Trace, f.config.Seed, failure)
	failed := fmt.Errorf("the simulation of seed %d failed: %w", f.config.Seed, failure)
	if f.minimise <= 0 {
		return failed
	}
	bounded, cancel := context.WithTimeout(ctx, f.minimise)
	defer cancel()
	script, smallest, err := sim.Minimise(bounded, f.config, failure)
	if err != nil {
		return errors.Join(failed, err)
	}
	fmt.Fprintf(p.stdout, "\nThe smallest script that was found, which fails %v:\n\n%s\n", smallest, script)
	return failed
}

// simScript runs a script and prints it with what its commands say.
func (p *program) simScript(ctx context.Context, f simFlags) error {
	script, err := os.ReadFile(f.script)
	if err != nil {
		return usageError("name a file that can be read", "--script: %v", err)
	}
	text, err := sim.RunScript(ctx, string(script), f.config.Trace)
	io.WriteString(p.stdout, text)
	return err
}
