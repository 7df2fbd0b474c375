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
	root := flag.String("root", ".", "the repository, for the clients and what make fetched for them")
	binary := flag.String("binary", "bin/orrery", "the program to start")
	targets := flag.String("targets", "", "a file with tenants to use instead of starting the program")
	engine := flag.String("engine", "", "what to call the engine in the table; default: what the program says")
	only := flag.String("only", "", "the clients to run, separated by commas; default: all")
	records := flag.Int("records", 200, "records of each compression")
	out := flag.String("out", "", "the file to write the table to; default: none")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, *root, *binary, *targets, *engine, *only, *out, *records); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, binary, targets, engine, only, out string, records int) error {
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	root, err = filepath.Abs(root)
	if err != nil {
		return err
	}
	for _, c := range chosen {
		if err := c.installed(root); err != nil {
			return err
		}
	}
	tenants, stop, err := open(ctx, binary, targets, &engine)
	if err != nil {
		return err
	}
	defer stop()
	var rows []row
	var problems []error
	for _, c := range chosen {
		began := time.Now()
		r, err := c.row(ctx, root, tenants, records)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rows = append(rows, r)
		problems = append(problems, err)
		fmt.Printf("%s (%.0f s)\n", r, time.Since(began).Seconds())
	}
	if out != "" {
		if err := os.WriteFile(out, []byte(markdown(rows, engine)), 0o644); err != nil {
			return err
		}
	}
	return errors.Join(problems...)
}

// open returns where tenants come from, and what ends it.
func open(ctx context.Context, binary, targets string, engine *string) (source, func(), error) {
	if targets != "" {
		tenants, err := readTargets(targets)
		return tenants, func() {}, err
	}
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
