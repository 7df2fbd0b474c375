// Command matrix runs one scenario with every Kafka client that people use, through the gateways of a running
// Orrery, and writes which client can do what. For each client two tenants with the same names run it at once. A
// client fails the run where it cannot do what it could, or where it learns of the other tenant.
//
// It starts the built program, or takes the tenants of -targets: a JSON list of objects with bootstrap, key, secret,
// ca_file and cluster, two empty tenants for each client, in order; -engine then says what is behind them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	o := options{}
	flag.StringVar(&o.root, "root", ".", "the repository, for the clients and what make fetched for them")
	flag.StringVar(&o.binary, "binary", "bin/orrery", "the program to start")
	targets := flag.String("targets", "", "a file with tenants to use instead of starting the program")
	flag.StringVar(&o.engine, "engine", "", "what to call the engine in the table; default: what the program says")
	flag.StringVar(&o.only, "only", "", "the clients to run, separated by commas; default: all")
	flag.IntVar(&o.records, "records", 200, "records of each compression")
	out := flag.String("out", "", "the file to write the table to; default: none")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, o, *targets, *out); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, targets, out string) (err error) {
	if targets != "" {
		if o.tenants, err = readTargets(targets); err != nil {
			return err
		}
	}
	r, err := matrix(ctx, o)
	if out != "" && len(r.rows) > 0 {
		err = errors.Join(err, os.WriteFile(out, []byte(markdown([]result{r})), 0o644))
	}
	return err
}

// options say which clients run, and in front of what.
type options struct {
	root, binary string
	// tenants is where tenants come from; nil starts the program.
	tenants source
	engine  string
	only    string
	records int
}

// result is what the clients did on one engine.
type result struct {
	engine string
	rows   []row
}

// matrix runs the clients one after another. The error says everything that is not as it has to be; the rows are there
// all the same.
func matrix(ctx context.Context, o options) (r result, err error) {
	chosen, err := choose(o.only)
	if err != nil {
		return r, err
	}
	root, err := filepath.Abs(o.root)
	if err != nil {
		return r, err
	}
	for _, c := range chosen {
		if err := c.installed(root); err != nil {
			return r, err
		}
	}
	if r.engine = o.engine; o.tenants == nil {
		var stop func()
		if o.tenants, stop, err = open(ctx, o.binary, &r.engine); err != nil {
			return r, err
		}
		defer stop()
	}
	var problems []error
	for _, c := range chosen {
		began := time.Now()
		line, err := c.row(ctx, root, o.tenants, o.records)
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		r.rows = append(r.rows, line)
		problems = append(problems, err)
		fmt.Printf("%s (%.0f s)\n", line, time.Since(began).Seconds())
	}
	return r, errors.Join(problems...)
}

// open starts the program, and returns where tenants come from and what ends it.
func open(ctx context.Context, binary string, engine *string) (source, func(), error) {
	dir, err := os.MkdirTemp("", "orrery-matrix")
	if err != nil {
		return nil, nil, err
	}
	s, err := start(ctx, binary, dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, nil, err
	}
	stop := func() {
		if err := s.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "matrix: stopping the program:", err)
		}
		os.RemoveAll(dir)
	}
	if *engine == "" {
		if *engine, err = s.engine(ctx); err != nil {
			stop()
			return nil, nil, err
		}
	}
	return s.tenants, stop, nil
}

func choose(only string) ([]client, error) {
	if only == "" {
		return clients, nil
	}
	var chosen []client
	for name := range strings.SplitSeq(only, ",") {
		c, ok := find(name)
		if !ok {
			return nil, fmt.Errorf("there is no client %q", name)
		}
		chosen = append(chosen, c)
	}
	return chosen, nil
}
